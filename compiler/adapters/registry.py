"""References of images -> whether their registries have them, and as what, by asking with oras.

Each registry is given the credentials that Docker or Podman keep for it, and no other's.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from typing import Any

from gitopsc.model.image_state import ImageState

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_AT_ONCE = 8
_SECONDS = 20
_ACCEPTED = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
"""Registries of this machine, which Docker, too, asks without TLS."""


class NoOras(Exception):
    """oras is not installed."""


def states_of(references: Iterable[str]) -> Iterator[ImageState]:
    """In their order. Raises NoOras."""
    try:
        from oras.container import Container
    except ImportError:
        raise NoOras from None
    logging.getLogger("oras.logger").disabled = True  # it prints what is told here
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(partial(_state, Container), references)


def state_of(reference: str) -> ImageState:
    """Raises NoOras."""
    return next(states_of([reference]))


def _state(parsed: Callable[[str], Any], reference: str) -> ImageState:
    from requests.exceptions import RequestException

    if reference.startswith("localhost/"):  # which oras takes for a folder of Docker's own
        return ImageState(reference, "unknown", "the settings name no `registry`")
    container = parsed(reference)
    host = container.registry
    try:
        status, digest = _answer(container)
    except (RequestException, OSError, ValueError) as error:
        return ImageState(reference, "unknown", f"{host} cannot be asked: {_reason(error)}")
    if status == 404:
        return ImageState(reference, "missing")
    if status in (401, 403):
        return ImageState(reference, "unknown", f"{host} asks for a login: `docker login {host}`")
    if status != 200:
        return ImageState(reference, "unknown", f"{host} answers {status}")
    return ImageState(reference, "there", digest=digest if _DIGEST.fullmatch(digest) else None)


def _answer(container: Any) -> tuple[int, str]:
    """The status and the digest in a registry's answer, which is told who asks where it wants to
    know.

    oras' own requests are tried again for two minutes; who asks here is waiting.
    """
    import requests
    from oras.defaults import registry as hub  # what images without a host are of

    is_local = container.registry.rpartition(":")[0] in _LOCAL
    asked, login = copy(container), copy(container)
    if container.registry == hub.index_name:
        asked.registry, login.registry = hub.default_v2_registry["host"], hub.index_server
        asked.namespace = container.namespace or "library"
    url = f"{'http' if is_local else 'https'}://{asked.manifest_url()}"
    headers = {"Accept": _ACCEPTED}
    with requests.Session() as session:
        session.request = partial(session.request, timeout=_SECONDS)  # type: ignore[method-assign]
        answer = session.head(url, headers=headers)
        if answer.status_code == 401:
            headers = _introduced(answer, headers, login, session, is_local=is_local)
            answer = session.head(url, headers=headers, allow_redirects=True)
        return answer.status_code, answer.headers.get("Docker-Content-Digest", "")


def _introduced(
    refused: Any, headers: dict[str, str], login: Any, session: Any, *, is_local: bool
) -> dict[str, str]:
    """With a token, or a password for a registry that gives none; as before where there is no
    login."""
    import oras.auth

    is_basic = refused.headers.get("Www-Authenticate", "").lower().startswith("basic")
    auth = oras.auth.get_auth_backend("basic" if is_basic else "token", session, is_local)
    auth.load_configs(login, [*_configurations()])
    if is_basic and not hasattr(auth, "_basic_auth"):
        return headers
    found: dict[str, str] = auth.authenticate_request(refused, headers)[0]
    return found


def _configurations() -> Iterator[str]:
    """Where logins are kept, beside the place that oras knows."""
    places = (
        os.path.join(os.environ.get("DOCKER_CONFIG", ""), "config.json"),
        os.environ.get("REGISTRY_AUTH_FILE", ""),
        os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), "containers", "auth.json"),
    )
    yield from (place for place in places if os.path.isabs(place) and os.path.isfile(place))


def _reason(error: Exception) -> str:
    """The last of a chain of causes, without objects and addresses of theirs."""
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    if isinstance(cause, TimeoutError) or "timed out" in str(error):
        return "it takes too long"
    words = getattr(cause, "strerror", None) or str(cause)
    return str(words).lower()

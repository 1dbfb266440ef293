"""Where a function's source is, when it is not in the repository (digitalhub.md section 1.1)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

from gitopsc.model.credentials import names_secret

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCP = re.compile(r"(?P<user>[\w.-]+)@(?P<host>[\w.-]+):(?P<path>.*)")
_REF = re.compile(r"(?!-)(?!.*\.\.)(?!.*@\{)[\w.][\w./+#@=,-]*")
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_NO_URL = re.compile(r"[\s\"'`<>{}|\\^$]|[^ -~]")
"""Characters that no URL has, and `$`, which a Dockerfile would take for a variable."""

_LONGEST = 2_000
_PASSWORD = re.compile(r"://[^@]*:[^@]*@")

_GIT = ("git+file", "git+http", "git+https", "git+ssh")
_ZIP = ("zip+http", "zip+https", "zip+s3")
_ELSEWHERE = {
    "file": "write a path of the project, without a scheme",
    "git": "write `git+https://`",
    "hf": "download it in the handler, or as an input",
    "local": "write a path of the project, without a scheme",
    "oci": "write it as `image` or `base_image`",
    "s3": "write `zip+s3://`, and a `.zip`",
    "ssh": "write `git+ssh://`",
    "store": "export it into a file of the project",
}


_WITH_PASSWORD = "the URL holds a user name or a password, and everybody who reads Git has it"
_REVOKE = "take it out, and revoke it; `gitopsc lock` takes GIT_TOKEN from its environment"


class NotRemote(ValueError):
    """No source can be fetched from there; with what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class HoldsCredentials(NotRemote):
    """The URL holds a password or a token, which then is in Git."""


class Remote(NamedTuple):
    """A Git repository at a `ref`, a zip archive, or one Python file. `url` has no `git+`."""

    form: Literal["git", "zip", "file"]
    url: str
    ref: str | None = None

    @property
    def scheme(self) -> str:
        return self.url.partition(":")[0]

    @property
    def file_name(self) -> str:
        """The last part of the path, which the platform calls a single file."""
        return posixpath.basename(urlsplit(self.url).path)

    @property
    def is_commit(self) -> bool:
        return self.ref is not None and bool(COMMIT.fullmatch(self.ref))

    @property
    def has_builder(self) -> bool:
        """Whether a builder of images can fetch it by itself."""
        return self.scheme in (
            ("https", "http", "ssh") if self.form == "git" else ("https", "http")
        )

    @property
    def refused_by_platform(self) -> str | None:
        """Why the platform would not take what can be fetched here."""
        if self.form == "git" and self.scheme != "https":
            return f"the platform does not clone `git+{self.scheme}`"
        if self.is_commit:
            return "the platform clones branches and tags, and no commits"
        return None


def https_host(url: str) -> str | None:
    """The host of an HTTPS URL, with its port where that is not 443; None for other URLs."""
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return None
    if split.scheme != "https" or not split.hostname:
        return None
    return split.hostname if port in (None, 443) else f"{split.hostname}:{port}"


def host_of_clone(url: str) -> str | None:
    """The HTTPS host of the server that a repository was cloned from, by whatever way."""
    if match := re.match(r"(?:ssh://)?(?:[^@/\s]+@)([A-Za-z0-9.-]+)(?::\d+)?[:/]", url):
        return match[1].lower()
    return https_host(url)


class Access(NamedTuple):
    """The hosts that may have the user's credentials, and whom to tell which one is given them."""

    hosts: Container[str]
    told: Callable[[str], None]


def is_remote(text: str) -> bool:
    return bool(_SCHEME.match(text) or text.startswith("git@"))


def remote_of(text: str) -> Remote:
    """Raises NotRemote."""
    if len(text) > _LONGEST:
        raise NotRemote(f"the URL has {len(text):,} characters", f"write at most {_LONGEST:,}")
    if match := _SCP.fullmatch(text):
        message = "this is the short form of an SSH address"
        raise NotRemote(
            message, f"write `git+ssh://{match['user']}@{match['host']}/{match['path']}`"
        )
    if _PASSWORD.search(text):
        raise HoldsCredentials(_WITH_PASSWORD, _REVOKE)
    if _NO_URL.search(text):
        hint = "write `%` and two digits for it, or take it out"
        raise NotRemote("the URL holds a blank or a character that no URL has", hint)
    try:
        split = urlsplit(text)
        _ = split.port  # which is read only now
    except ValueError:
        raise NotRemote("this is not a URL", "write `<scheme>://<host>[:<port>]/<path>`") from None
    scheme = split.scheme.lower()
    _check_credentials(split, scheme)
    if scheme in _ELSEWHERE:
        raise NotRemote(f"no source is fetched from `{scheme}://`", _ELSEWHERE[scheme])
    host = split.netloc if scheme == "git+ssh" else split.netloc.rpartition("@")[2]
    if not split.hostname and scheme != "git+file":
        raise NotRemote("the URL names no host", f"write `{scheme}://<host>/<path>`")
    if scheme in _GIT:
        return _git(split, f"{scheme.removeprefix('git+')}://{host}{split.path}")
    if split.fragment:
        raise NotRemote("only a Git source has a `#ref`", "remove it")
    query = f"?{split.query}" if split.query else ""
    if scheme in _ZIP:
        return Remote("zip", f"{scheme.removeprefix('zip+')}://{host}{split.path}{query}")
    if scheme in ("http", "https"):
        name = posixpath.basename(split.path)
        if not name.endswith(".py"):
            hint = "write `zip+https://` for an archive, `git+https://` for a repository"
            raise NotRemote("this URL is not of a Python file", hint)
        return Remote("file", f"{scheme}://{host}{split.path}{query}")
    raise NotRemote(
        f"no source is fetched from `{scheme}://`",
        "write `git+https://`, `zip+https://`, `zip+s3://`, or a path of the project",
    )


def _check_credentials(split: SplitResult, scheme: str) -> None:
    is_ssh = scheme in ("git+ssh", "ssh")
    if split.password is not None or (split.username and not is_ssh):
        raise HoldsCredentials(_WITH_PASSWORD, _REVOKE)
    if names_secret(split.query) or names_secret(split.fragment):
        message = "the URL holds a token, and everybody who reads Git has it"
        raise HoldsCredentials(message, "take it out, and revoke it")


def _git(split: SplitResult, url: str) -> Remote:
    if split.query:
        hint = "write the folder into the handler, such as `folder.module:function`"
        raise NotRemote("the platform drops what stands after `?` in a Git URL", hint)
    ref = split.fragment or None
    if ref is not None and ":" in ref:
        hint = "write the folder into the handler, such as `folder.module:function`"
        raise NotRemote("a ref names a branch, a tag or a commit, and no folder", hint)
    if ref is not None and not _REF.fullmatch(ref):
        raise NotRemote("no branch or tag can be called so", "write `#<branch, tag or commit>`")
    return Remote("git", url, ref)

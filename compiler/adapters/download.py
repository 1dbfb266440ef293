"""A URL of an archive or a file -> its bytes, over HTTP or from S3."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from gitopsc.model.source import MOST_BYTES

_SECONDS = 60
_MOST_SECONDS = 600
_BLOCK = 1024 * 1024


class DownloadFailed(Exception):
    """The bytes cannot be had; the message says why, for people."""


def download(url: str) -> bytes:
    """Not more than an archive may have. Raises DownloadFailed."""
    return _from_s3(url) if url.startswith("s3://") else _from_http(url)


def _from_http(url: str) -> bytes:
    request = Request(url, headers={"User-Agent": "gitopsc"})
    opener = build_opener(_SameSafety)
    try:
        with _deadline(_MOST_SECONDS), opener.open(request, timeout=_SECONDS) as answer:
            return _read(answer, answer.headers.get("Content-Length"))
    except HTTPError as error:
        raise DownloadFailed(f"the server answers {error.code} {error.reason}") from None
    except URLError as error:
        raise DownloadFailed(str(error.reason).lower()) from None
    except TimeoutError:
        raise DownloadFailed("it takes too long") from None
    except HTTPException:
        raise DownloadFailed("the answer of the server is not HTTP") from None
    except (OSError, ValueError):
        raise DownloadFailed("the connection broke") from None


def _read(answer: Any, promised: object) -> bytes:
    """A body that is shorter than the server has `promised` is half a body."""
    found = bytearray()
    while block := answer.read(_BLOCK):
        found += block
        if len(found) > MOST_BYTES:
            raise DownloadFailed(f"it has over {MOST_BYTES:,} bytes, and no more are taken")
    if str(promised or len(found)) != str(len(found)):
        raise DownloadFailed("the connection broke before the end")
    return bytes(found)


class _SameSafety(HTTPRedirectHandler):
    """What is asked for over HTTPS comes over HTTPS."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if req.full_url.startswith("https://") and not newurl.startswith("https://"):
            raise DownloadFailed("the server sends the request on without encryption")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _from_s3(url: str) -> bytes:
    """Credentials and the endpoint come from where every S3 client has them (`AWS_...`)."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise DownloadFailed("S3 needs more: install `gitopsc[s3]`") from None
    split = urlsplit(url)
    config = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"max_attempts": 2})
    try:
        client = boto3.client("s3", config=config)
        with _deadline(_MOST_SECONDS):
            answer = client.get_object(Bucket=split.netloc, Key=split.path.lstrip("/"))
            return _read(answer["Body"], answer.get("ContentLength"))
    except (BotoCoreError, ClientError, ValueError, OSError) as error:
        raise DownloadFailed(str(error) or "it takes too long") from None


@contextmanager
def _deadline(seconds: int) -> Iterator[None]:
    """Raises TimeoutError when what is inside takes longer, whatever it waits for.

    Where there are no such alarms, what is inside has its own patience only.
    """

    def ring(*_: object) -> None:
        raise TimeoutError

    try:
        before = signal.signal(signal.SIGALRM, ring)
    except (AttributeError, ValueError):  # another system, or not the main thread
        yield
        return
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

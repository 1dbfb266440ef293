"""The bytes of a zip archive -> its files; nothing of it touches a disk.

An archive is somebody else's input: paths that lead out of it, links, and content that is a
thousand times its size are refused.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gitopsc.model.source import MOST_BYTES, FunctionFile, path_fault

if TYPE_CHECKING:
    import zipfile

MOST_FILES = 10_000

_BLOCK = 1024 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BadArchive(ValueError):
    """No source can be taken out of it; the message says why, for people."""


def unpack(content: bytes) -> tuple[FunctionFile, ...]:
    """All files, sorted by path. Raises BadArchive."""
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir()]
            _check(entries)
            left = MOST_BYTES
            files = []
            for entry in entries:
                data = _read(archive, entry, left)
                left -= len(data)
                mode = entry.external_attr >> 16
                executable = bool(stat.S_ISREG(mode) and mode & stat.S_IXUSR)
                path = entry.filename.removeprefix("./")
                files.append(FunctionFile(path, data, executable))
    except BadArchive:
        raise
    except RuntimeError:
        raise BadArchive("it is encrypted, or packed in an unsupported way") from None
    except Exception:  # whatever the readers of four formats raise for damaged bytes
        raise BadArchive("it is not a whole zip archive") from None
    return tuple(sorted(files, key=lambda each: each.path))


def pack(files: Iterable[FunctionFile]) -> bytes:
    """The same files as an archive, the same bytes for the same files."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.path, _EPOCH)
            entry.external_attr = (stat.S_IFREG | (0o755 if file.executable else 0o644)) << 16
            archive.writestr(entry, file.content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_FILES:
        raise BadArchive(f"it holds {len(entries):,} files, and at most {MOST_FILES:,} are taken")
    for entry in entries:
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise BadArchive(f"`{ascii(entry.filename)[1:-1]}` is a link, or no file")
    fault = path_fault([each.filename.removeprefix("./") for each in entries])
    if fault is not None:
        raise BadArchive(fault)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> bytes:
    """What an entry says of its size is not believed: it is counted while it is read."""
    found = bytearray()
    with archive.open(entry) as file:
        while block := file.read(_BLOCK):
            found += block
            if len(found) > left:
                message = f"it holds more than {MOST_BYTES:,} bytes when it is unpacked"
                raise BadArchive(message)
    return bytes(found)

"""Where data is kept that runs share: a URL that pods open, or a claim that they mount."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gitopsc.model.volume import Volume

DEFAULT = "default"
"""The store that outputs and records go to."""

LATEST = "latest"
"""The record of a run that the clock starts: the newest of one for each tick."""

MOUNTED = "/var/lib/gitopsc"
"""The folder below which stores on claims are mounted."""

KNOWN_SCHEMES = frozenset(
    (
        *("", "abfs", "abfss", "adl", "arrow_hdfs", "az", "box", "data", "dbfs", "dropbox", "dvc"),
        *("file", "ftp", "gcs", "gdrive", "gist", "git", "github", "gs", "hdfs", "hf", "http"),
        *("https", "jlab", "jupyter", "lakefs", "libarchive", "local", "memory", "oci", "ocilake"),
        *("oss", "root", "s3", "s3a", "sftp", "smb", "ssh", "tar", "tos", "tosfs", "wandb"),
        *("webdav", "webhdfs", "zip"),
    )
)
"""What fsspec opens, with a driver among the requirements where it needs one."""

LOCAL_SCHEMES = ("", "file", "local", "memory")
"""What no two pods see alike."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


class Store(NamedTuple):
    """One store. `secrets` are variables with which its driver is let in; `volume` is its claim."""

    url: str
    options: Mapping[str, Any]
    secrets: tuple[str, ...] = ()
    volume: Volume | None = None

    @classmethod
    def of(cls, name: str, data: str | Mapping[str, Any]) -> Store:
        """`data` is an item of `stores` that its schema accepts."""
        if isinstance(data, str):
            return cls(data, {})
        claim = data.get("claim")
        if claim is None:
            return cls(data.get("url", ""), data.get("options", {}), tuple(data.get("secrets", ())))
        path = f"{MOUNTED}/{name}"
        volume = Volume(
            type="shared_volume",
            name=f"store-{name}",
            mount_path=path,
            size=str(claim["size"]) if "size" in claim else None,
            storage_class=claim.get("storage_class"),
            access_mode=claim.get("access_mode", "ReadWriteMany"),
            claim=claim["name"],
            image=None,
            sub_path=None,
        )
        return cls(f"file://{path}", {}, (), volume)

    def place(self, namespace: str | None) -> str:
        """Tells where the data is from all other places: another claim, or one of that name
        elsewhere, is empty."""
        if self.volume is None:
            return self.url
        return (
            f"claim {namespace}/{self.volume.claim}" if namespace else f"claim {self.volume.claim}"
        )

    @property
    def is_shared(self) -> bool:
        """Whether all pods see the same in it."""
        return self.volume is not None or scheme_of(self.url) not in LOCAL_SCHEMES


class RecordKey(NamedTuple):
    """Where it is written that a run is done: a run that finds its record does no work.

    `store` is the place of one. `name` is a compute digest; of what the clock starts, it is
    `latest`.
    """

    store: str
    project: str
    environment: str
    run: str
    name: str


def scheme_of(url: str) -> str:
    """`s3` of `s3://bucket/key`; nothing of a path."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""

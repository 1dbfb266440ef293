"""How gitopsc was installed -> a word of it, out of what its installer wrote."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from urllib.parse import urlsplit


def came_from() -> str:
    """A repository with its commit, an archive or a folder; empty for a package of an index."""
    try:
        text = distribution("gitopsc").read_text("direct_url.json")
        return described(text) if text is not None else ""
    except (PackageNotFoundError, ValueError, KeyError):  # or of an installer that writes no such
        return ""


def described(text: str) -> str:
    """The direct URL of a distribution (PEP 610), without a login."""
    data = json.loads(text)
    split = urlsplit(data["url"])
    url = split._replace(netloc=split.netloc.rpartition("@")[2]).geturl()
    if "vcs_info" in data:
        source = data["vcs_info"]
        return f"{source['vcs']}+{url} at {source['commit_id'][:12]}"
    is_editable = data.get("dir_info", {}).get("editable", False)
    return f"{url}, editable" if is_editable else url

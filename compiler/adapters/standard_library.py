"""A version of Python -> the modules that it has by itself, whichever Python runs this."""

from __future__ import annotations

from functools import cache

_INSTALLED = frozenset(("pip", "pkg_resources", "setuptools", "wheel"))
"""What images of Python bring besides, some of them in some versions."""


@cache
def standard_library(python_version: str) -> frozenset[str]:
    """First parts of names; `python_version` is such as `3.11`."""
    from stdlibs import stdlib_module_names

    return _INSTALLED | stdlib_module_names(python_version)

"""A version of Python -> the modules that it has by itself, whichever Python runs this."""

from __future__ import annotations

from functools import cache

_INSTALLED = frozenset(("__main__", "distutils", "pip", "pkg_resources", "setuptools", "wheel"))
"""What images of Python bring besides, some of them in some versions; `setuptools` brings
`distutils`."""


@cache
def standard_library(python_version: str) -> frozenset[str]:
    """First parts of names; `python_version` is such as `3.11`."""
    from stdlibs import stdlib_module_names

    return _INSTALLED | stdlib_module_names(python_version)


@cache
def last_version_with(module: str) -> str | None:
    """The newest Python that has a module, of those that lost it; None of any other."""
    from stdlibs import KNOWN_VERSIONS, stdlib_module_names

    has = [each for each in KNOWN_VERSIONS if module in stdlib_module_names(each)]
    return has[-1] if has and has[-1] != KNOWN_VERSIONS[-1] else None

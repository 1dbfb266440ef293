"""Tracebacks of functions that `gitopsc run` has started."""

from __future__ import annotations

import textwrap

import pytest
from gitopsc.model.traceback import Places

PLACES = Places("/tmp/run/function", {"main.py": "src/main.py", "lib/a b.py": "src/lib/a b.py"})

CASES = {
    "frames of the runner": (
        """
        Traceback (most recent call last):
          File "/opt/runner/job.py", line 3, in call
            return await returned
                   ^^^^^^^^^^^^^^
          File "/tmp/run/function/main.py", line 9, in handler
            return inner("{")
          File "/opt/runner/sdk.py", line 1, in log
            raise error
          File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
        ValueError: no
        """,
        """
        Traceback (most recent call last):
          File "src/main.py", line 9, in handler
            return inner("{")
          File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
        ValueError: no
        """,
    ),
    "one error while another was handled": (
        """
        Traceback (most recent call last):
          File "/opt/runner/job.py", line 3, in call
          File "/tmp/run/function/lib/c.py", line 2, in get
        KeyError: 'x'

        During handling of the above exception, another exception occurred:

        Traceback (most recent call last):
          File "/opt/runner/job.py", line 3, in call
          File "/tmp/run/function/main.py", line 4, in handler
          File "/tmp/run/function/main.py", line 4, in handler
          [Previous line repeated 990 more times]
        RecursionError: too deep
        """,
        """
        Traceback (most recent call last):
          File "lib/c.py", line 2, in get
        KeyError: 'x'

        During handling of the above exception, another exception occurred:

        Traceback (most recent call last):
          File "src/main.py", line 4, in handler
          File "src/main.py", line 4, in handler
          [Previous line repeated 990 more times]
        RecursionError: too deep
        """,
    ),
    "nothing of the function": (
        """
        Traceback (most recent call last):
          File "/opt/runner/handler.py", line 3, in load_module
        ModuleNotFoundError: No module named 'x'
        """,
        """
        Traceback (most recent call last):
          File "/opt/runner/handler.py", line 3, in load_module
        ModuleNotFoundError: No module named 'x'
        """,
    ),
    "source that does not parse": (
        """
        Traceback (most recent call last):
          File "/opt/runner/handler.py", line 3, in load_module
          File "/tmp/run/function/main.py", line 1
            def (
                ^
        SyntaxError: invalid syntax
        """,
        """
        Traceback (most recent call last):
          File "src/main.py", line 1
            def (
                ^
        SyntaxError: invalid syntax
        """,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_traceback_begins_in_the_function(case: str) -> None:
    given, wanted = map(textwrap.dedent, CASES[case])
    assert PLACES.traced(given, "/opt/runner").strip() == wanted.strip()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("/tmp/run/function/main.py:3: UserWarning: old", "src/main.py:3: UserWarning: old"),
        ("see /tmp/run/function/more.txt, please", "see more.txt, please"),
        ("/tmp/run/functions/main.py", "/tmp/run/functions/main.py"),
        ("nothing of it", "nothing of it"),
    ],
)
def test_what_is_printed_has_the_places_of_the_project(text: str, named: str) -> None:
    assert PLACES.named(text) == named

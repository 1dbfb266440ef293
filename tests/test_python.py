"""Where Python that is not valid goes wrong, as its own parser says it."""

from __future__ import annotations

import pytest
from gitopsc.adapters.python import NotPython, outline

WRONG = {
    "import json\n\n\ndef f(a, b)\n    x = 1\n    return x\n": (
        4,
        "a `:` is missing after this `def`",
    ),
    "@h\n@k(outputs=['a'])\ndef f(a)\n    return a\n": (3, "a `:` is missing after this `def`"),
    "@h\nasync def f(a)\n    return a\n": (2, "a `:` is missing after this `def`"),
    "def f(a):\n    if a\n        return 1\n    return 2\n": (
        2,
        "a `:` is missing after this `if`",
    ),
    "import json\ndef f(a):\n    print('x'\n    return a\n": (3, "'(' was never closed"),
    "import json\n\ndef f(a):\n    x = [1, 2\n    y = 3\n    return x\n": (
        4,
        "'[' was never closed",
    ),
    "def f():\n    if 1:\n        pass\n    esle:\n        pass\n": (4, "invalid syntax"),
    "def f(a):\n      x = 1\n        y = 2\n      return x\n": (3, "unexpected indent"),
    "def f(a):\n    x = 1\n  return x\n": (3, "unexpected indent"),
    "def f(a):\n    for x in a:\n        y = x\n         \n      z = 2\n": (5, "unexpected indent"),
    "  x = 1\n": (1, "unexpected indent"),
    "def f(a):\n    if a > 3\n        return 1\n": (2, "a `:` is missing after this `if`"),
    "def f():\n    with open('x') as g\n        return g\n": (
        2,
        "a `:` is missing after this `with`",
    ),
    "def f(a, b:\n    with a:\n        pass\n": (1, "'(' was never closed"),
    "x = 1\npassword = 'x' x\n": (2, "invalid syntax"),
    "x = 'abc\ny = 2\n": (1, "unterminated string literal (detected at line 1)"),
    "try:\n    pass\nexcept Exception, e:\n    pass\n": (
        3,
        "`except A, b` is Python 2: write `except A as b`, or `except (A, b)`",
    ),
    "x = 1\n<<<<<<< HEAD\ny = 2\n=======\ny = 3\n>>>>>>> other\n": (
        2,
        "conflict markers are left in it",
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_the_line_and_the_reason(text: str) -> None:
    with pytest.raises(SyntaxError):
        compile(text, "x", "exec")
    with pytest.raises(NotPython) as raised:
        outline(text.encode())
    assert (raised.value.line, str(raised.value)) == WRONG[text]


def test_indents_that_are_right() -> None:
    text = """\
def f(a):
    x = 1; y = 2
    # a comment
  # and one that is indented otherwise
    if a: return 1
    else: return 2
    z = (1,
  2)
    w = '''
abc
'''; q = 1
    return \\
        x


class A: x = 1; y = 2


match 1:
    case 1:
        pass
    case _: pass
"""
    compile(text, "x", "exec")
    outline(text.encode())


@pytest.mark.parametrize("text", ['x = f"{"a"}"', "x = f'{a['b']}'", 'x = rf"""{f"""{1}"""}"""'])
def test_the_quote_of_an_f_string_in_itself(text: str) -> None:
    (newer,) = outline(text.encode()).newer
    assert newer.version == "3.12"


@pytest.mark.parametrize("text", ["x = f\"{a['b']}\"", 'x = f"""{"a"}"""', 'x = f"{a}" "b"'])
def test_other_quotes_in_an_f_string(text: str) -> None:
    assert outline(text.encode()).newer == ()


def test_a_text_that_its_coding_line_reads_as_more_lines() -> None:
    with pytest.raises(NotPython):
        outline(b"# coding: unicode_escape\nx = 1\\n\\n\\n\\n)\n")


def test_the_true_fault_beside_newer_syntax() -> None:
    """What the Python that runs this does not know is not blamed."""
    text = 'def first[T](x: T):\n    return f"{x["a"]}"\n\n\na = 1\nb = 2\nc = 3\nd = )\n'
    with pytest.raises(NotPython) as raised:
        outline(text.encode())
    assert raised.value.line == 8

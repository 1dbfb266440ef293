"""`gitopsc.lock` -> the pins in it that nobody has touched."""

from __future__ import annotations

from gitopsc.adapters.schema import violations
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.document import Document
from gitopsc.model.lock import Lock, pin_of
from gitopsc.validate import sentences

_LOCK_SCHEMA = "lock"


def read_lock(document: Document) -> tuple[Lock, list[Diagnostic]]:
    """What is wrong with a lock, `gitopsc lock` puts right."""
    wrong = violations(_LOCK_SCHEMA, document.data)
    if wrong or document.faults:
        places = [
            *(document.span(*violation.pointer) for violation in wrong[:1]),
            *(fault.span for fault in document.faults),
        ]
        return Lock(is_whole=False), [sentences.broken_lock(places[0])]
    pins, spans, edited = {}, {}, set()
    problems = []
    for name, block in document.data["functions"].items():
        spans[name] = document.key_span("functions", name)
        pin = pin_of(block)
        if pin is not None:
            pins[name] = pin
        else:
            edited.add(name)
            problems.append(sentences.edited_pin(name, spans[name]))
    return Lock(pins, spans, frozenset(edited)), problems

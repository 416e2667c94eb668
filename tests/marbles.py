"""Marble diagrams for tests: one character is one second of virtual time.

``|`` ends, ``#`` fails, ``-`` is a second in which nothing comes, and what stands in ``(ab)`` comes at once, when the
bracket opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reactivex import Observable
from reactivex.testing import ReactiveTest, TestScheduler

from tokenrill.streams.types import Operator

__all__ = ["BOOM", "check"]

BOOM: Final = RuntimeError("boom")
SUBSCRIBED: Final = 200


def check(
    operator: Operator[Any, Any],
    source: str,
    expected: str,
    values: Mapping[str, Any],
    *,
    error: Exception | None = None,
) -> None:
    """Assert that ``operator`` turns the ``source`` diagram into ``expected``.

    A ``#`` in the source is :data:`BOOM`; a ``#`` in what is expected is of the class, and says the words, of
    ``error``, by default those of :data:`BOOM`.
    """
    scheduler = TestScheduler()
    stream: Observable[Any] = scheduler.create_cold_observable(messages(source, values, BOOM))
    seen: Any = scheduler.start(lambda: stream.pipe(operator))
    got = [readable(message, SUBSCRIBED) for message in seen.messages]
    due = [readable(message) for message in messages(expected, values, error or BOOM)]
    assert got == due, f"got {got}, expected {due}"


def messages(diagram: str, values: Mapping[str, Any], error: Exception) -> list[Any]:
    """What a diagram says, as RxPY records it."""
    found: list[Any] = []
    opened: int | None = None
    for second, character in enumerate(diagram):
        at = second if opened is None else opened
        match character:
            case "-":
                pass
            case "(":
                opened = second
            case ")":
                opened = None
            case "|":
                found.append(ReactiveTest.on_completed(at))
            case "#":
                found.append(ReactiveTest.on_error(at, error))
            case _:
                found.append(ReactiveTest.on_next(at, values[character]))
    return found


def readable(message: Any, start: int = 0) -> tuple[float, Any]:
    """A recorded message as values that compare: exceptions do so by identity only."""
    notification = message.value
    said: Any = "completed"
    if notification.kind == "N":
        said = notification.value
    elif notification.kind == "E":
        error: Exception = notification.exception
        said = type(error), str(error)
    return message.time - start, said

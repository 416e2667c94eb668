"""The tree of errors is the one that its file draws, and says what a caller can do."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from tokenrill import (
    ApiError,
    LimitExceeded,
    RateLimited,
    Reply,
    StreamError,
    StreamStalled,
    StreamTruncated,
    TlsError,
    Usage,
)
from tokenrill.streams import errors


def family(kind: type[StreamError]) -> list[type[StreamError]]:
    return [
        kind,
        *(member for child in kind.__subclasses__() if child.__module__ == errors.__name__ for member in family(child)),
    ]


KINDS = family(StreamError)


def made(kind: type[StreamError]) -> StreamError:
    if issubclass(kind, StreamStalled):
        return kind("idle", 30.0)
    if issubclass(kind, LimitExceeded):
        return kind("max_event_bytes", 1024)
    return kind("it failed")


def test_the_drawing_holds_every_kind_under_its_parent() -> None:
    drawn: list[tuple[int, str]] = [
        (len(line) - len(line.lstrip()), found[1])
        for line in (errors.__doc__ or "").splitlines()
        if (found := re.match(r"\s*[*x+-] (\w+)", line))
    ]
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for depth, name in drawn:
        while path and path[-1][0] >= depth:
            path.pop()
        parents[name] = path[-1][1] if path else "Exception"
        path.append((depth, name))
    assert parents == {kind.__name__: kind.__bases__[0].__name__ for kind in KINDS}
    assert {kind.__name__ for kind in KINDS} <= set(errors.__all__)


def test_the_drawing_says_which_may_succeed_when_asked_again() -> None:
    for kind in KINDS:
        lines = [line for line in (errors.__doc__ or "").splitlines() if re.match(rf"\s*[x+-] {kind.__name__}\b", line)]
        if "not retryable" in " ".join(lines):
            assert not made(kind).retryable
        elif "retryable" in " ".join(lines):
            assert made(kind).retryable, kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_and_copying_with_all_it_knows(kind: type[StreamError]) -> None:
    error = made(kind)
    error.provider, error.request_id, error.retry_after = "p", "req-1", 2.5
    error.partial, error.usage = Reply("r1"), Usage(1, 2, kind="partial")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_what_the_caller_knows_better_wins() -> None:
    assert RateLimited("slow down", status=429, retryable=False, retry_after=7.0).retryable is False
    assert ApiError("try again", status=418, retryable=True).retryable
    assert not TlsError("bad certificate").retryable
    assert StreamTruncated().retryable


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, "RedirectRefused"),
        (400, "InvalidRequest"),
        (401, "AuthenticationError"),
        (403, "PermissionDenied"),
        (404, "InvalidRequest"),
        (408, "Overloaded"),
        (409, "Overloaded"),
        (413, "InvalidRequest"),
        (422, "InvalidRequest"),
        (429, "RateLimited"),
        (500, "Overloaded"),
        (503, "Overloaded"),
        (529, "Overloaded"),
    ],
)
def test_every_status_has_a_kind(status: int, kind: str) -> None:
    assert errors.error_for_status(status).__name__ == kind


def test_messages_name_the_limit_and_the_deadline() -> None:
    assert str(LimitExceeded("max_event_bytes", 1024)) == "the stream passed max_event_bytes=1024"
    assert str(StreamStalled("first_token", 2.5)) == "no sign of life within the first_token deadline of 2.5 s"

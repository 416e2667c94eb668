from __future__ import annotations

from typing import Any

from tests.marbles import BOOM, check
from tokenrill import Finish, LimitExceeded, Reply, ReplyBuilder, StreamToken, TextDelta, Usage, accumulate


def reply_of(*tokens: StreamToken) -> Reply:
    builder = ReplyBuilder()
    for token in tokens:
        builder.feed(token)
    return builder.reply()


A, B, U, F = TextDelta("Hel"), TextDelta("lo"), Usage(1, 2), Finish("stop", "stop")
VALUES: dict[str, Any] = {"a": A, "b": B, "U": U, "F": F, "r": reply_of(A, B, U, F), "e": Reply()}


def test_emits_one_reply_at_the_end() -> None:
    check(accumulate(), "-a-b-UF-|", "--------(r|)", VALUES)
    assert VALUES["r"].text == "Hello"
    assert VALUES["r"].usage == U


def test_an_empty_stream_is_an_empty_reply() -> None:
    check(accumulate(), "--|", "--(e|)", VALUES)


def test_a_stream_that_fails_gives_none() -> None:
    check(accumulate(), "-a-b-#", "-----#", VALUES, error=BOOM)


def test_errors_past_the_limit() -> None:
    check(accumulate(max_characters=4), "-a-b-F|", "---#", VALUES, error=LimitExceeded("max_characters", 4))

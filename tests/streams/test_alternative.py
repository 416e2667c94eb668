from __future__ import annotations

from typing import Any

import pytest
import reactivex as rx

from tests.stage import ASKED, Scripted
from tokenrill import Alternative, Call, Closed, Decision, Finish, StreamPipelineBuilder, TextDelta, filter_content


async def test_a_pipeline_brings_its_steps_along() -> None:
    source = Scripted("two", rx.of(TextDelta("secret words"), Finish("stop")))
    backup = StreamPipelineBuilder.source(source).pipe(filter_content(["secret "])).build()
    call = Call("two", ASKED)
    tokens: list[Any] = []
    Alternative(backup).stream(call).subscribe(tokens.append)
    assert "".join(token.text for token in tokens if isinstance(token, TextDelta)) == "words"
    assert call.reply.text == "secret words"  # the call knows what came, and not what was made of it
    await Alternative(backup).aclose()
    assert source.closed == 1


def test_without_changes_the_request_is_the_same() -> None:
    assert Alternative(Scripted("two")).request(ASKED) is ASKED


def test_it_shows_its_name_only() -> None:
    assert repr(Alternative(Scripted("two"), model="m", user="somebody")) == "Alternative('two')"


def test_a_field_that_there_is_not_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="a request has no models, temprature"):
        Alternative(Scripted("two"), temprature=1, models="m")


def test_what_is_decided_for_a_rival_is_told_once() -> None:
    call = Call("one", ASKED)
    heard: list[tuple[str, Decision]] = []
    rival = call.beside("two", ASKED)
    another = rival.beside("three", ASKED)
    for name, one in (("one", call), ("two", rival), ("three", another)):
        one.decisions.subscribe(lambda said, name=name: heard.append((name, said)))
    another.decide(Closed(0.5))
    assert heard == [("one", Closed(0.5))]


def test_an_attempt_that_begins_again_goes_on_with_the_same_text() -> None:
    call = Call("one", ASKED)
    call.begin().see([TextDelta("One, ")])
    call.turn_to("two", ASKED, going_on=True)
    call.begin()
    call.begin().see([TextDelta("two.")])
    assert (call.provider, call.attempts, call.reply.text) == ("two", 3, "One, two.")
    assert call.attempt.carried is not None
    assert call.attempt.written == 4

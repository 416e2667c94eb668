"""``resume`` beside its neighbours: each has its own part of the stream."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operators.breaking import text_in
from tokenrill import (
    CompletionRequest,
    Overloaded,
    Resume,
    Retry,
    Seam,
    StreamError,
    StreamPipelineBuilder,
    StreamStalled,
    StreamToken,
    deadline,
    openai,
    resume,
    retry,
)
from tokenrill.runners.emulator import Answer, Emulator, Fault
from tokenrill.streams.call import Call
from tokenrill.streams.decisions import Decision

TEXT = "One, two, three, four, five, six, seven."
REQUEST = CompletionRequest(model="any", messages="Count.")
KEPT = CompletionRequest(model="any", messages="Count.", extra={"background": True, "store": True})
BUSY = Answer.refuse(Overloaded("busy", status=503))
CUT = Answer.text(TEXT, fault=Fault("cut", after_events=6))


class Told:
    """What was decided, and nothing else."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []

    def __call__(self, call: Call) -> Any:
        call.decisions.subscribe(self.decisions.append)
        return self

    def on_next(self, _: StreamToken) -> None: ...

    def on_error(self, _: Exception) -> None: ...

    def on_completed(self) -> None: ...


async def asked(
    server: Emulator, *operators: Any, api: Any = "chat", request: CompletionRequest = REQUEST
) -> tuple[list[StreamToken], list[Decision]]:
    provider = openai(api=api, api_key="any", base_url=server.url + "/v1")
    told = Told()
    builder: Any = StreamPipelineBuilder.source(provider)
    for operator in operators:
        builder = builder.pipe(operator)
    try:
        async with builder.attach(told).build().open(request) as tokens:
            return [token async for token in tokens], told.decisions
    finally:
        await provider.aclose()


def steps_in(decisions: list[Decision]) -> list[type]:
    """What was done; that retry gives up after the first word is its way to leave it to ``resume``."""
    return [type(decision) for decision in decisions if isinstance(decision, (Retry, Resume))]


async def test_retry_has_what_comes_before_the_first_word_and_resume_the_rest() -> None:
    async with Emulator([BUSY, CUT, Answer.text(TEXT)]) as server:
        tokens, decisions = await asked(server, retry(base=0.001), resume())
    assert text_in(tokens) == TEXT
    assert steps_in(decisions) == [Retry, Resume]


async def test_a_request_for_the_rest_that_is_refused_is_sent_again_by_retry_as_it_was() -> None:
    async with Emulator([CUT, BUSY, BUSY, Answer.text(TEXT)]) as server:
        tokens, decisions = await asked(server, retry(attempts=4, base=0.001), resume(attempts=1))
        assert server.calls[1].body == server.calls[2].body == server.calls[3].body != server.calls[0].body
    assert text_in(tokens) == TEXT
    assert steps_in(decisions) == [Retry, Retry, Resume]
    assert sum(isinstance(token, Seam) for token in tokens) == 1


async def test_a_background_response_is_taken_up_again_through_retry_too() -> None:
    async with Emulator(CUT) as server:
        tokens, _ = await asked(server, retry(base=0.001), resume(), api="responses", request=KEPT)
        assert [call.method for call in server.calls] == ["POST", "GET"]
    assert text_in(tokens) == TEXT
    assert not [token for token in tokens if isinstance(token, Seam)]


async def test_a_silence_is_a_fault_that_is_mended_when_a_deadline_says_so() -> None:
    answers = [Answer.text(TEXT, fault=Fault("stall", after_events=6)), Answer.text(TEXT)]
    async with Emulator(answers) as server:
        tokens, decisions = await asked(server, deadline(idle=0.05), resume())
    assert text_in(tokens) == TEXT
    assert [decision.error for decision in decisions if isinstance(decision, Resume)] == ["StreamStalled"]


async def test_a_deadline_on_the_whole_ends_the_resuming_as_well() -> None:
    stalled = Answer.text(TEXT, fault=Fault("stall", "mid_text"))
    async with Emulator([CUT, stalled]) as server:
        with pytest.raises(StreamStalled, match="total deadline") as caught:
            await asked(server, resume(), deadline(total=0.2))
    assert caught.value.partial is not None
    assert TEXT.startswith(caught.value.partial.text)


async def test_in_the_wrong_order_nothing_is_said_twice_either() -> None:
    lost = Answer.text(TEXT, fault=Fault("reset", "before_first_event"))
    async with Emulator([CUT, lost, lost, lost, lost]) as server:
        with pytest.raises(StreamError) as caught:
            await asked(server, resume(wait=[0], attempts=2), retry(base=0.001))
        assert len(server.calls) == 3
    assert "not resumed" in " ".join(caught.value.__notes__)

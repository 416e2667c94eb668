"""Retry, fallback and race against servers: what is on the wire, and who hangs up when."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.attempts import soonest
from tokenrill import (
    Alternative,
    Call,
    CompletionRequest,
    Decision,
    Fallback,
    Finish,
    Hedge,
    Overloaded,
    Pipeline,
    RateLimited,
    RefusalDelta,
    Reply,
    Resume,
    Retry,
    Seam,
    StreamPipelineBuilder,
    StreamStalled,
    StreamToken,
    TextDelta,
    accumulate,
    anthropic,
    deadline,
    fallback,
    gemini,
    openai,
    race,
    resume,
    retry,
)
from tokenrill.runners.emulator import Answer, Emulator, Fault, Pace

ASKED = CompletionRequest(model="large", messages="Hello?")
SILENT = Answer.text("never said", fault=Fault("stall", "before_first_event"))


def gpt(server: Emulator) -> Any:
    return openai(api_key="anything", base_url=server.url + "/v1")


def claude(server: Emulator) -> Any:
    return anthropic(api_key="anything", base_url=server.url)


def google(server: Emulator) -> Any:
    return gemini(api_key="anything", base_url=server.url)


def asking(source: Any, *operators: Any) -> tuple[Pipeline[Any], list[Decision]]:
    decisions: list[Decision] = []

    def watching(call: Call) -> Any:
        call.decisions.subscribe(decisions.append)
        return Deaf()

    builder: Any = StreamPipelineBuilder.source(source).attach(watching)
    for operator in operators:
        builder = builder.pipe(operator)
    return builder.build(), decisions


class Deaf:
    """An observer that hears nothing."""

    def on_next(self, _: object) -> None: ...

    on_error = on_next

    def on_completed(self) -> None: ...


@pytest.mark.parametrize("source", [gpt, claude, google])
async def test_a_server_says_how_long_to_wait(source: Any) -> None:
    busy = Answer.refuse(RateLimited("Slow down.", status=429, retry_after=0.25))
    async with Emulator([busy, Answer.text("Hello.")]) as server:
        pipeline, decisions = asking(source(server), retry(), accumulate())
        reply: Reply = await pipeline.stream(ASKED)
        await pipeline.aclose()
        first, second = server.calls
        assert reply.text == "Hello."
        assert second.started - first.started >= 0.25
        assert decisions == [Retry("before_response", 2, 0.25, "RateLimited")]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after-ms": "30"}, 0.03),
        ({"retry-after-ms": "40", "retry-after": "7"}, 0.04),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
    ],
)
async def test_every_way_to_say_it(headers: dict[str, str], wait: float) -> None:
    busy = Answer.refuse(Overloaded("Full.", status=503), headers=headers)
    async with Emulator([busy, Answer.text("Hello.")]) as server:
        pipeline, decisions = asking(gpt(server), retry(), accumulate())
        await pipeline.stream(ASKED)
        await pipeline.aclose()
        assert [said.wait for said in decisions if isinstance(said, Retry)] == [wait]


@pytest.mark.parametrize("source", [gpt, claude, google])
@pytest.mark.parametrize(("word", "asked", "status"), [("false", 1, 503), ("true", 2, 400)])
async def test_the_servers_word_whether_to_retry(source: Any, word: str, asked: int, status: int) -> None:
    headers = {"x-should-retry": word, "retry-after-ms": "1"}
    refused = Answer.refuse(Overloaded("No.", status=status), headers=headers)
    async with Emulator([refused, Answer.text("Hello.")]) as server:
        pipeline, _ = asking(source(server), retry(), accumulate())
        try:
            await pipeline.stream(ASKED)
        except Exception:
            assert asked == 1
        await pipeline.aclose()
        assert len(server.calls) == asked


async def test_googles_hint_counts_inside_a_stream_too() -> None:
    full = Fault("error", "before_first_event", error=RateLimited("Slow down.", status=429, retry_after=0.05))
    async with Emulator([Answer.text("Never.", fault=full), Answer.text("Hello.")]) as server:
        pipeline, decisions = asking(google(server), retry(), accumulate())
        assert (await pipeline.stream(ASKED)).text == "Hello."
        await pipeline.aclose()
        assert [said.wait for said in decisions if isinstance(said, Retry)] == [0.05]


@pytest.mark.parametrize("source", [gpt, claude, google])
@pytest.mark.parametrize("kind", ["close", "reset", "cut", "error"])
async def test_what_breaks_before_the_first_word_is_asked_again(source: Any, kind: Any) -> None:
    broken = Answer.text("Never.", fault=Fault(kind, "before_first_event"))
    async with Emulator([broken, Answer.text("Hello there.")]) as server:
        pipeline, decisions = asking(source(server), retry(base=0), accumulate())
        assert (await pipeline.stream(ASKED)).text == "Hello there."
        await pipeline.aclose()
        assert [type(said) for said in decisions] == [Retry]


async def test_one_refuses_and_another_answers() -> None:
    refusing = Answer.tokens([RefusalDelta("I cannot help with that."), Finish("stop")])
    async with Emulator(refusing) as one, Emulator(Answer.text("Of course.")) as two:
        pipeline, decisions = asking(gpt(one), fallback(Alternative(claude(two), model="small")), accumulate())
        reply: Reply = await pipeline.stream(ASKED)
        await pipeline.aclose()
        assert reply.text == "Of course."
        assert [request.request.model for request in two.calls if request.request] == ["small"]
        assert [type(said) for said in decisions] == [Fallback]
        assert (one.open_connections, two.open_connections) == (0, 0)


async def test_another_goes_on_where_one_was_cut() -> None:
    cut = Answer.text("One two three four", fault=Fault("cut", after_events=3))
    async with Emulator(cut) as one, Emulator(Answer.text(" and so on.")) as two:
        pipeline, _ = asking(gpt(one), fallback(claude(two), mid_stream=True))
        tokens: list[StreamToken] = []
        async with pipeline.open(ASKED) as reader:
            async for token in reader:
                tokens.append(token)
        await pipeline.aclose()
        seam = next(number for number, token in enumerate(tokens) if isinstance(token, Seam))
        before = "".join(token.text for token in tokens[:seam] if isinstance(token, TextDelta))
        after = "".join(token.text for token in tokens[seam:] if isinstance(token, TextDelta))
        assert before
        assert "One two three four".startswith(before)
        assert after == " and so on."
        (asked,) = two.calls
        assert asked.request is not None
        assert [(turn.role, turn.text) for turn in asked.request.turns][:2] == [
            ("user", "Hello?"),
            ("assistant", before),
        ]


async def test_a_stalled_provider_is_left_for_another() -> None:
    async with Emulator(SILENT) as one, Emulator(Answer.text("Hello.")) as two:
        pipeline, decisions = asking(gpt(one), deadline(first_token=0.1), fallback(claude(two)), accumulate())
        assert (await pipeline.stream(ASKED)).text == "Hello."
        await asyncio.wait_for(one.calls[0].disconnected.wait(), 5)
        await pipeline.aclose()
        assert [(said.reason, said.error) for said in decisions if isinstance(said, Fallback)] == [
            ("stall", StreamStalled.__name__)
        ]


async def test_a_loser_is_hung_up_on_within_50_ms() -> None:
    async with Emulator(SILENT) as one, Emulator(Answer.text("Hello there.", pace=Pace(first_token=0.05))) as two:

        async def lost() -> float:
            pipeline, decisions = asking(gpt(one), race(claude(two)))
            first: float | None = None
            async with pipeline.open(ASKED) as reader:
                async for token in reader:
                    if first is None and isinstance(token, TextDelta):
                        first = time.monotonic()
            loser = one.calls[-1]
            await asyncio.wait_for(loser.disconnected.wait(), 5)
            await pipeline.aclose()
            assert first is not None
            assert loser.disconnected_at is not None
            (cost,) = [said for said in decisions if isinstance(said, Hedge) and said.outcome == "lost"]
            assert cost.spent is not None
            assert cost.spent.kind == "estimated"
            return loser.disconnected_at - first

        assert await soonest(lost, 0.05) < 0.05


async def test_a_slow_provider_is_asked_once_more() -> None:
    async with Emulator([SILENT, Answer.text("Hello there.")]) as server:
        pipeline, decisions = asking(gpt(server), race(delay=0.1), accumulate())
        reply: Reply = await pipeline.stream(ASKED)
        await asyncio.wait_for(server.calls[0].disconnected.wait(), 5)
        await pipeline.aclose()
        assert reply.text == "Hello there."
        assert len(server.calls) == 2
        assert [said.outcome for said in decisions if isinstance(said, Hedge)] == ["started", "lost", "won"]
        assert server.open_connections == 0


async def test_what_a_rival_has_begun_is_resumed_at_the_rival() -> None:
    cut = Answer.text("One two three four five six.", fault=Fault("cut", after_events=4))
    async with Emulator(SILENT) as one, Emulator([cut, Answer.text(" and so on.")]) as two:
        pipeline, _ = asking(gpt(one), race(claude(two)), resume(wait=(0,)), accumulate())
        reply: Reply = await pipeline.stream(ASKED)
        await pipeline.aclose()
        assert reply.text.endswith(" and so on.")
        assert reply.text.startswith("One ")
        assert (len(one.calls), len(two.calls)) == (1, 2)


async def test_a_retry_goes_around_a_resumed_request_too() -> None:
    cut = Answer.text("One two three four five six.", fault=Fault("cut", after_events=3))
    busy = Answer.refuse(Overloaded("Full.", status=503, retry_after=0.01))
    async with Emulator([cut, busy, Answer.text(" and so on.")]) as server:
        pipeline, decisions = asking(gpt(server), retry(), resume(wait=(0,)), accumulate())
        reply: Reply = await pipeline.stream(ASKED)
        await pipeline.aclose()
        assert reply.text.endswith(" and so on.")
        assert [type(said) for said in decisions] == [Retry, Resume]
        assert len(server.calls) == 3

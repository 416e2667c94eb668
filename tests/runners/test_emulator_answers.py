"""What the emulator can be told to say, and how fast."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tests.runners.clients import REQUEST, WIRE, ask, refusal, reply_of
from tokenrill import OPENAI_CHAT, CompletionRequest
from tokenrill.runners.emulator import Answer, Emulator, Pace
from tokenrill.runners.emulator.events import Event, events_of
from tokenrill.runners.emulator.pace import Pacer
from tokenrill.streams.errors import Overloaded, RateLimited
from tokenrill.streams.parts import ToolCall
from tokenrill.streams.tokens import Finish, ReasoningDelta, ResponseStart, StreamToken, TextDelta, Usage


async def test_a_text_comes_with_all_that_goes_with_it() -> None:
    calls = (ToolCall("c1", "add", '{"a": 1, "b": 2}'), ToolCall("c2", "now"))
    async with Emulator(Answer.text("One two.", reasoning="Let me see.", tool_calls=calls)) as server:
        reply = await reply_of(server)
    assert (reply.text, reply.reasoning, reply.tool_calls) == ("One two.", "Let me see.", calls)
    assert (reply.model, reply.finish) == ("m-1", Finish("tool_calls", "tool_calls"))
    assert reply.usage is not None
    # "Hello" is 5 characters; 2 words, 3 thoughts and 2 fragments of arguments.
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.reasoning_output_tokens) == (2, 7, 3)


@given(st.text(), st.text())
def test_a_text_is_split_without_loss(text: str, reasoning: str) -> None:
    script = Answer.text(text, reasoning=reasoning).script
    assert callable(script)
    tokens = list(script(REQUEST, "r1"))
    assert "".join(token.text for token in tokens if isinstance(token, TextDelta)) == text
    assert "".join(token.text for token in tokens if isinstance(token, ReasoningDelta)) == reasoning
    assert isinstance(tokens[0], ResponseStart)
    assert isinstance(tokens[-2], Usage)
    assert tokens[-1] == Finish("stop")


async def test_tokens_are_said_as_they_are_by_list_or_by_function() -> None:
    tokens: list[StreamToken] = [ResponseStart("r9", "m-9"), TextDelta("Hi"), Finish("length", "length")]
    async with Emulator([Answer.tokens(tokens), Answer.tokens(lambda: iter(tokens))]) as server:
        for _ in range(3):
            reply = await reply_of(server)
            assert (reply.id, reply.model, reply.text, reply.finish) == ("r9", "m-9", "Hi", tokens[-1])


async def test_answers_are_served_in_turn_and_the_last_repeats() -> None:
    async with Emulator([Answer.refuse(Overloaded("busy", status=503)), Answer.text("a"), Answer.text("b")]) as server:
        assert isinstance(refusal(await ask(server)), Overloaded)
        assert [(await reply_of(server)).text for _ in range(4)] == ["a", "b", "b", "b"]


async def test_a_function_answers_what_it_was_asked() -> None:
    def sync(request: CompletionRequest) -> Answer:
        return Answer.text(f"{request.turns[0].text} yourself")

    async def slow(request: CompletionRequest) -> Answer:
        await asyncio.sleep(0)
        return sync(request)

    def refuse(request: CompletionRequest) -> Answer:
        raise RateLimited(f"not you, {request.model}", status=429)

    for answers in (sync, slow):
        async with Emulator(answers) as server:
            assert (await reply_of(server)).text == "Hello yourself"
    async with Emulator(refuse) as server:
        assert str(refusal(await ask(server))) == "not you, m-1"


async def test_a_refusal_has_the_providers_shape() -> None:
    error = RateLimited("Slow down.", status=429, code="rate_limit_exceeded", retry_after=7)
    async with Emulator(Answer.refuse(error)) as server:
        seen = await ask(server)
    assert json.loads(seen.body)["error"] | {"type": ""} == {
        "message": "Slow down.",
        "type": "",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    told = refusal(seen)
    assert (type(told), str(told), told.retry_after) == (RateLimited, "Slow down.", 7)


async def test_a_redirect_and_a_wrong_content_type() -> None:
    page = Answer.recording(b"<html>", content_type="text/html")
    async with Emulator([Answer.redirect("https://elsewhere.example/"), page]) as server:
        away, html = await ask(server), await ask(server)
    assert (away.status, away.headers["location"], away.body) == (307, "https://elsewhere.example/", b"")
    assert (html.status, html.headers["content-type"], html.body) == (200, "text/html", b"<html>")


async def test_a_compressed_body_can_be_read_as_it_comes() -> None:
    async with Emulator(Answer.recording(WIRE, gzip=True, pace=Pace(bytes_per_write=10))) as server:
        seen = await ask(server)
        assert (await reply_of(server)).text == "Hi"
    assert seen.headers["content-encoding"] == "gzip"
    assert gzip.decompress(seen.body) == WIRE


async def test_it_waits_as_the_pace_says() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    slow = Pace(first_token=0.5, between_tokens=0.25)
    async with Emulator([Answer.text("a b c", pace=slow), Answer.recording(WIRE, pace=slow)], sleep=sleep) as server:
        assert (await reply_of(server)).text == "a b c"
        assert (await reply_of(server)).text == "Hi"
    assert waits == [0.5, 0.25, 0.25, 0.5]


EVENTS = [Event(b"start"), *(Event(b"word%d" % n, "text") for n in range(5)), Event(b"end", "end")]


@pytest.mark.parametrize(
    ("pace", "writes"),
    [
        (Pace(), [(0, b"startword0word1word2word3word4end")]),
        (Pace(bytes_per_write=20), [(0, b"startword0word1word2"), (0, b"word3word4end")]),
        (Pace(events_per_write=4), [(0, b"startword0word1word2"), (0, b"word3word4end")]),
        (
            Pace(first_token=3, between_tokens=1, events_per_write=4),
            [(5, b"startword0word1word2"), (2, b"word3word4end")],
        ),
        (
            Pace(between_tokens=1, events_per_write=7, bytes_per_write=30),
            [(4, b"".join(e.data for e in EVENTS)[:30]), (0, b"end")],
        ),
    ],
)
def test_a_pace_groups_and_cuts(pace: Pace, writes: Sequence[tuple[float, bytes]]) -> None:
    assert list(Pacer(pace).writes(EVENTS)) == writes


def test_jitter_is_bounded_and_the_same_each_time() -> None:
    pace = Pace(between_tokens=1, jitter=0.5, seed=7)
    events = [Event(b"x", "text")] * 500
    waits = [seconds for seconds, _ in Pacer(pace).writes(events)]
    assert waits == [seconds for seconds, _ in Pacer(pace).writes(events)]
    assert min(waits[1:]) < 0.6 < 1.4 < max(waits)
    assert all(0.5 <= wait <= 1.5 for wait in waits[1:])


def test_large_answers_go_out_in_large_writes() -> None:
    sizes = [len(data) for _, data in Pacer(Pace()).writes([Event(b"x" * 100, "text")] * 10_000)]
    assert sum(sizes) == 1_000_000
    assert len(sizes) == 16


PIECES = [WIRE, b"\n", b"\r\n", b"\r", b": ping\n\n", b"data: {\xff\n\n", b"data: x", b"\x00"]


@given(st.lists(st.sampled_from(PIECES)), st.booleans())
def test_an_answer_taken_apart_is_still_the_answer(chunks: list[bytes], binary: bool) -> None:
    dialect = replace(OPENAI_CHAT, content_types=("application/octet-stream",)) if binary else OPENAI_CHAT
    assert b"".join(event.data for event in events_of(chunks, dialect)) == b"".join(chunks)


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/octet-stream"])
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_an_answer_comes_apart_at_its_events_however_it_comes(content_type: str, size: int, line_end: bytes) -> None:
    dialect = replace(OPENAI_CHAT, content_types=(content_type,))
    wire = WIRE.replace(b"\n", line_end)
    chunks = [wire[at : at + size] for at in range(0, len(wire), size)]
    said, done = events_of(chunks, dialect)
    assert (said.kind, done.kind) == ("text", "end")
    assert said.data.startswith(b"data: {")
    assert done.data.strip() == b"data: [DONE]"


def test_what_no_client_can_read_is_one_event() -> None:
    kinds = [(event.kind, len(event.data)) for event in events_of([WIRE[:81], b"data: {\n\n", WIRE * 2], OPENAI_CHAT)]
    assert kinds == [("text", 81), ("end", 9 + 2 * len(WIRE))]


@pytest.mark.parametrize("cut", [1, 2, 7, 4096])
async def test_any_cut_gives_the_same_answer(cut: int) -> None:
    async with Emulator(Answer.text("Grüße, 日本語 🦜", pace=Pace(bytes_per_write=cut))) as server:
        assert (await reply_of(server)).text == "Grüße, 日本語 🦜"

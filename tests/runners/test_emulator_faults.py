"""Every fault, at every point, as a client sees it that hides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.attempts import soonest
from tests.runners.clients import REQUEST, SILENCE, ask, connected
from tokenrill import StreamPipelineBuilder, accumulate, openai
from tokenrill.runners.emulator import FAULT_KINDS, FAULT_POINTS, Answer, Emulator, Fault, FaultKind, FaultPoint, Pace
from tokenrill.streams.errors import (
    ConnectionLost,
    MalformedEvent,
    Overloaded,
    RateLimited,
    StreamError,
    StreamTruncated,
)
from tokenrill.streams.parts import ToolCall
from tokenrill.streams.tokens import Finish, TextDelta

TOOLS = (ToolCall("c1", "add", '{"a": 1, "b": 2222}'),)
SENT = {"before_first_event": 0, "mid_text": 2, "mid_tool_arguments": 6, "after_finish": 9}
GARBAGE = b"data: <nothing that anybody could read>\n\n"


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0)


def say(fault: Fault | None = None, pace: Pace | None = None) -> Answer:
    return Answer.text("one two three", tool_calls=TOOLS, fault=fault, pace=pace or Pace())


async def healthy_events() -> list[bytes]:
    async with Emulator(say()) as server:
        body = (await ask(server)).body
    events = [event + b"\n\n" for event in body.split(b"\n\n")[:-1]]
    assert len(events) == 10
    assert b'"one"' in events[1]
    assert b"arguments" in events[5]
    assert b'"finish_reason":"tool_calls"' in events[8]
    assert events[9] == b"data: [DONE]\n\n"
    return events


@pytest.mark.parametrize("point", FAULT_POINTS[1:])
@pytest.mark.parametrize("kind", FAULT_KINDS)
@pytest.mark.parametrize("pace", [Pace(), Pace(between_tokens=1), Pace(bytes_per_write=7)], ids=["fast", "slow", "cut"])
async def test_in_the_body(kind: FaultKind, point: FaultPoint, pace: Pace) -> None:
    events = await healthy_events()
    before, after = b"".join(events[: SENT[point]]), b"".join(events[SENT[point] :])
    half = events[SENT[point]]
    async with Emulator(say(Fault(kind, point, data=GARBAGE), pace), sleep=no_sleep) as server:
        seen = await ask(server)
        call = server.calls[0]

    assert call.struck
    assert seen.status == 200
    match kind:
        case "latency":
            assert (seen.body, seen.ending) == (before + after, "end")
        case "stall":
            assert (seen.body, seen.ending) == (before, "silence")
        case "cut":
            assert (seen.body, seen.ending) == (before, "end")
        case "close":
            assert (seen.body, seen.ending) == (before, "fin")
        case "reset":
            assert (seen.body, seen.ending) == (before, "rst")
        case "truncate":
            assert (seen.body, seen.ending) == (before + half[: len(half) // 2], "end")
        case "garbage":
            assert (seen.body, seen.ending) == (before + GARBAGE + after, "end")
        case "error":
            assert seen.body.startswith(before + b'data: {"error":{')
            assert (seen.body.count(b"\n\n"), seen.ending) == (SENT[point] + 1, "end")
        case "slow_close":
            assert (seen.body, seen.ending) == (before + after, "silence")


@pytest.mark.parametrize(
    ("kind", "raw", "ending"),
    [
        ("stall", b"", "silence"),
        ("cut", b"", "fin"),
        ("close", b"", "fin"),
        ("reset", b"", "rst"),
        ("truncate", b"HTTP/1.1 200 OK\r\nContent-Ty", "fin"),
        ("garbage", GARBAGE, "fin"),
    ],
)
async def test_before_the_headers(kind: FaultKind, raw: bytes, ending: str) -> None:
    async with Emulator(say(Fault(kind, "before_headers", data=GARBAGE))) as server:
        seen = await ask(server)
        assert (seen.raw, seen.ending, server.calls[0].struck) == (raw, ending, True)


async def test_an_error_before_the_headers_is_a_refusal() -> None:
    error = RateLimited("Slow down.", status=429, retry_after=7)
    async with Emulator(say(Fault("error", "before_headers", error=error))) as server:
        seen = await ask(server)
    assert (seen.status, seen.headers["retry-after"], seen.ending) == (429, "7", "end")
    assert b"Slow down." in seen.body


async def test_latency_lasts_as_long_as_it_says_where_it_says() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    pace = Pace(first_token=3, between_tokens=1)
    async with Emulator([say(Fault("latency", p, seconds=9), pace) for p in FAULT_POINTS], sleep=sleep) as server:
        for _ in FAULT_POINTS:
            assert (await ask(server)).ending == "end"
    words = [3.0, 1, 1, 1, 1, 1, 1]  # three words, the call's head, three fragments of arguments
    places = (0, 0, 1, 5, 7)
    assert waits == [wait for place in places for wait in (*words[:place], 9, *words[place:])]


@pytest.mark.parametrize("count", range(11))
async def test_after_so_many_events(count: int) -> None:
    events = await healthy_events()
    async with Emulator(say(Fault("cut", after_events=count))) as server:
        seen = await ask(server)
        assert (seen.body, seen.ending) == (b"".join(events[:count]), "end")
        assert server.calls[0].struck


async def test_a_fault_whose_place_never_comes_leaves_the_answer_whole_and_says_so() -> None:
    async with Emulator(say(Fault("cut", after_events=99))) as server:
        assert (await ask(server)).body == b"".join(await healthy_events())
        assert not server.calls[0].struck
    with pytest.raises(ValueError, match="mid_tool_arguments"):
        Answer.text("no tools", fault=Fault("reset", "mid_tool_arguments"))


@pytest.mark.parametrize("point", FAULT_POINTS[1:])
async def test_a_recording_has_the_same_points(point: FaultPoint) -> None:
    events = await healthy_events()
    async with Emulator(Answer.recording(b"".join(events), fault=Fault("cut", point))) as server:
        seen = await ask(server)
        assert (seen.body, seen.ending) == (b"".join(events[: SENT[point]]), "end")
        assert server.calls[0].struck


ENDINGS: dict[FaultKind, type[StreamError] | None] = {
    "latency": None,
    "cut": StreamTruncated,
    "close": ConnectionLost,
    "reset": ConnectionLost,
    "truncate": StreamTruncated,
    "garbage": MalformedEvent,
    "error": Overloaded,
    "slow_close": None,
}


@pytest.mark.parametrize("kind", ENDINGS)
@pytest.mark.parametrize("point", ["mid_text", "mid_tool_arguments"])
async def test_our_own_client_ends_as_documented(kind: FaultKind, point: FaultPoint) -> None:
    async with Emulator(say(Fault(kind, point)), sleep=no_sleep) as server:
        source = openai(api_key="any", base_url=server.url + "/v1")
        pipeline = StreamPipelineBuilder.source(source).pipe(accumulate()).build()
        stream = pipeline.stream(REQUEST)
        expected = ENDINGS[kind]
        if expected is None:
            reply = await stream
            assert (reply.text, reply.tool_calls) == ("one two three", TOOLS)
        else:
            with pytest.raises(expected) as caught:
                await stream
            assert caught.value.partial is not None
            assert "one two three".startswith(caught.value.partial.text)
        await source.aclose()


def endless() -> Iterator[TextDelta]:
    while True:
        yield TextDelta("again and again ")


WAITING = {
    "stalled": Answer.text(fault=Fault("stall")),
    "stalled before the headers": Answer.text(fault=Fault("stall", "before_headers")),
    "asleep between tokens": Answer.text(pace=Pace(between_tokens=3600)),
    "blocked by back-pressure": Answer.tokens(endless),
}


@pytest.mark.parametrize("name", WAITING)
async def test_a_client_that_hangs_up_is_seen_at_once(name: str) -> None:
    assert await soonest(lambda: seen_to_hang_up(name), 0.25) < 0.25


async def seen_to_hang_up(name: str) -> float:
    async with Emulator(WAITING[name]) as server:
        async with connected(server):
            written = -1
            while not server.calls or server.calls[0].written != written:  # until it is stuck
                written = server.calls[0].written if server.calls else -1
                await asyncio.sleep(SILENCE)
            call = server.calls[0]
            assert (call.disconnected.is_set(), call.ended, server.open_connections) == (False, None, 1)
            left = time.monotonic()
        await asyncio.wait_for(call.disconnected.wait(), 30)
        assert call.disconnected_at is not None
        assert (call.ended, server.open_connections) == (call.disconnected_at, 0)
        return call.disconnected_at - left


@pytest.mark.parametrize(("kind", "last"), [("stall", TextDelta), ("slow_close", Finish)])
async def test_disposing_our_own_stream_hangs_up(kind: FaultKind, last: type) -> None:
    async with Emulator(say(Fault(kind))) as server:
        source = openai(api_key="any", base_url=server.url + "/v1")
        said = asyncio.Event()
        stream = StreamPipelineBuilder.source(source).build().stream(REQUEST)
        subscription = stream.subscribe(lambda token: said.set() if isinstance(token, last) else None)
        await asyncio.wait_for(said.wait(), 30)
        subscription.dispose()
        await asyncio.wait_for(server.calls[0].disconnected.wait(), 30)
        await source.aclose()


async def test_closing_the_emulator_is_not_a_client_hanging_up() -> None:
    server = Emulator(Answer.text(fault=Fault("stall")))
    await server.start()
    async with connected(server) as (reader, _):
        await reader.readuntil(b"\r\n\r\n")
        started = time.monotonic()
        await server.aclose()
        await server.aclose()
        assert time.monotonic() - started < 20  # and not for ever, as the stalled answer would
    (call,) = server.calls
    assert (call.ended is not None, call.disconnected.is_set(), call.disconnected_at) == (True, False, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "tired"}, "a fault is one of"),
        ({"kind": "cut", "point": "somewhere"}, "strikes at one of"),
        ({"kind": "cut", "after_events": -1}, "after_events"),
        ({"kind": "latency", "seconds": -1}, "seconds"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault(**arguments)  # pyright: ignore[reportArgumentType]


async def test_a_client_that_leaves_is_no_error_to_tell_of(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the emulator was about to write: aiohttp takes it off the connection a moment later."""
    async with Emulator(Answer.tokens(endless, pace=Pace(bytes_per_write=50))) as server:
        for turns in range(60):
            async with connected(server) as (_, writer):
                for _ in range(turns):
                    await asyncio.sleep(0)
                writer.transport.abort()
        for call in server.calls:
            await asyncio.wait_for(call.disconnected.wait(), 30)
    assert caplog.records == []

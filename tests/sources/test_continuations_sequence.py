"""A background response that breaks off anywhere: no gap, and nothing twice."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.conformance.cases import Case, found_cases
from tests.operators.breaking import text_in
from tests.server import serving
from tests.sources.taking_up import KEPT, WIRE, BreakingServer, events_after, settled
from tokenrill import (
    OPENAI_RESPONSES,
    CompletionRequest,
    ConnectionLost,
    MalformedEvent,
    Seam,
    StreamPipelineBuilder,
    StreamToken,
    StreamTruncated,
    azure,
    openai,
    resume,
)
from tokenrill.sources.continuations.sequence import RESPONSES_CURSOR, Unseen
from tokenrill.sources.provider import Provider
from tokenrill.streams.errors import StreamError

SHARED = Path(os.environ.get("TOKENRILL_SHARED", Path(__file__).resolve().parents[3] / "shared"))
CASES = [case for case in found_cases(SHARED / "corpus") if case.record["api"] == "responses" and case.body]
NUMBERED = [case for case in CASES if b'"sequence_number"' in case.body and len(case.body) < 200_000]
REQUEST = CompletionRequest(model="any", messages="Hi", extra=KEPT)


async def asked(provider: Provider, request: CompletionRequest = REQUEST, **options: Any) -> list[StreamToken]:
    pipeline = StreamPipelineBuilder.source(provider).pipe(resume(wait=[0], **options)).build()
    async with pipeline.open(request) as tokens:
        return [token async for token in tokens]


async def test_a_connection_may_break_anywhere() -> None:
    """At every ninth byte, and all round the ends of events; ``python -m benchmarks.resume`` takes every byte."""
    script = BreakingServer(WIRE)
    async with serving(script) as server:
        provider = openai(api="responses", api_key="any", base_url=server.url)
        expected = settled(await asked(provider))
        begins = WIRE.index(b"\n\n") + 2  # before the first event ends, nobody knows which response it is
        assert text_in(expected) == "Es ist 20 °C in 東京 🌤."
        ends = {found.end() + by for found in re.finditer(b"\n\n", WIRE) for by in (-2, -1, 0, 1)}
        for cut in sorted(cut for cut in {*range(begins, len(WIRE), 9), *ends} if begins <= cut < len(WIRE)):
            script.cuts = [cut]
            got = settled(await asked(provider))
            assert got == expected, f"broken at byte {cut}: {got}"
        await provider.aclose()


async def test_before_the_response_has_a_name_the_error_is_passed_on() -> None:
    script = BreakingServer(WIRE)
    script.cuts = [WIRE.index(b"\n\n") + 1]
    async with serving(script) as server:
        provider = openai(api="responses", api_key="any", base_url=server.url)
        with pytest.raises(ConnectionLost):
            await asked(provider)
        await provider.aclose()
    assert len(server.requests) == 1


async def test_several_breaks_one_after_the_other() -> None:
    script = BreakingServer(WIRE)
    chance = random.Random(4)
    async with serving(script) as server:
        provider = openai(api="responses", api_key="any", base_url=server.url)
        expected = settled(await asked(provider))
        for _ in range(40):
            script.cuts = [len(WIRE) // 3, *(chance.randrange(600) for _ in range(3))]
            assert settled(await asked(provider, attempts=5)) == expected
        await provider.aclose()


async def test_the_rest_is_asked_for_after_the_last_event_that_came() -> None:
    script = BreakingServer(WIRE)
    script.cuts = [WIRE.index(b'"sequence_number":6') + 4]
    async with serving(script) as server:
        provider = openai(api="responses", api_key="any", base_url=server.url)
        tokens = await asked(provider)
        await provider.aclose()
    assert script.starts == [5]
    line, headers, body = server.requests[1]
    assert line == "GET /v1/responses/resp_1?stream=true&starting_after=5 HTTP/1.1"
    assert (headers["authorization"], headers["accept"], body) == ("Bearer any", "text/event-stream", b"")
    assert not [token for token in tokens if isinstance(token, Seam)]


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("v1", "GET /openai/v1/responses/resp_1?stream=true&starting_after=5 HTTP/1.1"),
        (
            "2025-04-01-preview",
            "GET /openai/responses/resp_1?api-version=2025-04-01-preview&stream=true&starting_after=5 HTTP/1.1",
        ),
    ],
)
async def test_azure_has_its_own_addresses(version: str, line: str) -> None:
    script = BreakingServer(WIRE)
    script.cuts = [WIRE.index(b'"sequence_number":6') + 4]
    async with serving(script) as server:
        endpoint = server.url.removesuffix("/v1")
        provider = azure(api="responses", api_key="any", endpoint=endpoint, api_version=version)
        await asked(provider)
        await provider.aclose()
    assert server.requests[1][0] == line
    assert server.requests[1][1]["api-key"] == "any"


@pytest.mark.parametrize("extra", [{}, {"background": True, "store": False}, {"store": True}])
async def test_nothing_is_stored_that_nobody_asked_to_store(extra: dict[str, Any]) -> None:
    script = BreakingServer(WIRE)
    script.cuts = [len(WIRE) // 2]
    async with serving(script) as server:
        provider = openai(api="responses", api_key="any", base_url=server.url)
        request = CompletionRequest(model="any", messages="Hi", extra=extra)
        with pytest.raises(Exception, match="broke off") as caught:
            await asked(provider, request, strategies=["sequence", "poll"])
        await provider.aclose()
    assert 'it was not asked for with extra={"background": True, "store": True}' in caught.value.__notes__[0]
    assert len(server.requests) == 1
    assert b"background" not in server.requests[0][2] or extra


def cut_and_taken_up(wire: bytes, cut: int) -> list[StreamToken]:
    """What a client makes of the first ``cut`` bytes, and then of the events that follow."""
    tokens: list[StreamToken] = []
    decoder = OPENAI_RESPONSES.decoder()
    feed(OPENAI_RESPONSES.framer(), decoder, wire[:cut], tokens)
    if not getattr(decoder, "ended", False):
        number = getattr(decoder, "sequence_number", None)
        rest = wire if number is None else events_after(wire, number)
        feed(
            OPENAI_RESPONSES.framer(),
            Unseen(decoder, RESPONSES_CURSOR) if number is not None else decoder,
            rest,
            tokens,
        )
    return tokens


def feed(framer: Any, decoder: Any, wire: bytes, tokens: list[StreamToken]) -> None:
    payloads = list(framer.feed(wire))
    batch = decoder.feed_batch(payloads)
    tokens += batch if batch is not None else [token for payload in payloads for token in decoder.feed(payload)]


@pytest.mark.skipif(not NUMBERED, reason="the recorded answers (../shared/corpus) are not beside this checkout")
@pytest.mark.parametrize("case", NUMBERED, ids=lambda case: case.id)
def test_every_recorded_stream_can_be_cut_anywhere(case: Case) -> None:
    wire = case.body
    expected = told(partial(OPENAI_RESPONSES.decode, [wire]))
    for cut in cuts_of(wire):
        assert told(partial(cut_and_taken_up, wire, cut)) == expected, f"cut at byte {cut}"


def told(read: Callable[[], Sequence[StreamToken]]) -> object:
    """What a stream says; of one that the provider itself ends with an error, which."""
    try:
        return settled(read())
    except StreamError as error:
        return type(error), str(error)


def cuts_of(wire: bytes) -> list[int]:
    """Every byte of a short stream; of a long one about 60, and all round the ends of events near them."""
    if len(wire) < 4_200:
        return list(range(len(wire) + 1))
    near = [wire.find(b"\n\n", start) for start in range(0, len(wire), len(wire) // 20)]
    return sorted({max(end + by, 0) for end in near if end >= 0 for by in (-1, 1, 2)})


@given(st.integers(0, len(WIRE)), st.integers(0, len(WIRE)), st.booleans())
@settings(deadline=None)
def test_what_came_before_may_come_again(cut: int, back: int, noisy: bool) -> None:
    """Servers that do not count right, or that send a keep-alive first, change nothing."""
    tokens: list[StreamToken] = []
    decoder: Any = OPENAI_RESPONSES.decoder()
    feed(OPENAI_RESPONSES.framer(), decoder, WIRE[:cut], tokens)
    if decoder.sequence_number is None or decoder.ended:
        return
    again = events_after(WIRE, max(decoder.sequence_number - back % 5, -1))
    noise = b'data: {"type":"keepalive"}\n\n' if noisy else b""
    feed(OPENAI_RESPONSES.framer(), Unseen(decoder, RESPONSES_CURSOR), noise + again, tokens)
    assert settled(tokens) == settled(OPENAI_RESPONSES.decode([WIRE]))


def test_a_gap_is_an_error_and_not_a_shorter_answer() -> None:
    decoder: Any = OPENAI_RESPONSES.decoder()
    feed(OPENAI_RESPONSES.framer(), decoder, WIRE[: len(WIRE) // 3], [])
    following = Unseen(decoder, RESPONSES_CURSOR)
    framer = OPENAI_RESPONSES.framer()
    payload = next(iter(framer.feed(events_after(WIRE, decoder.sequence_number + 1))))
    with pytest.raises(MalformedEvent, match="events are missing"):
        list(following.feed(payload))


def test_a_rest_that_ends_early_is_cut_like_any_other_stream() -> None:
    decoder: Any = OPENAI_RESPONSES.decoder()
    feed(OPENAI_RESPONSES.framer(), decoder, WIRE[: len(WIRE) // 3], [])
    with pytest.raises(StreamTruncated):
        list(Unseen(decoder, RESPONSES_CURSOR).close())

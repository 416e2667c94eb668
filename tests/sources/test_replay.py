"""A recording as a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenrill import (
    OPENAI_CHAT,
    CompletionRequest,
    Replay,
    StreamPipelineBuilder,
    TextDelta,
    accumulate,
    filter_content,
)

SAY = b'data: {"id":"c","model":"m","choices":[{"delta":{"content":"x"}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
REQUEST = CompletionRequest(model="m", messages="Hi")
ONE_READ = (16 << 10) // len(SAY) + 1


async def test_a_reader_that_stops_stops_the_recording() -> None:
    asked = 0
    replay = Replay(SAY * 5_000 + END, OPENAI_CHAT)
    pipeline = StreamPipelineBuilder.source(replay).build()
    async with pipeline.open(REQUEST, high=32) as tokens:
        async for token in tokens:
            asked += isinstance(token, TextDelta)
            assert tokens.demand.level <= 32 + ONE_READ
    assert asked == 5_000


async def test_leaving_a_paused_recording_ends_it() -> None:
    pipeline = StreamPipelineBuilder.source(Replay(SAY * 5_000 + END, OPENAI_CHAT)).build()
    async with pipeline.open(REQUEST, high=8) as tokens:
        await anext(tokens)
    assert [token async for token in tokens] == []


def test_a_file_is_read_at_each_subscription(tmp_path: Path) -> None:
    recording = tmp_path / "answer.sse"
    pipeline = StreamPipelineBuilder.source(Replay(recording, OPENAI_CHAT, cut=5)).pipe(accumulate()).build()
    for count in (1, 2):
        recording.write_bytes(SAY * count + END)
        assert pipeline.run(REQUEST).text == "x" * count


def test_a_subscriber_without_a_loop_gets_everything_at_once() -> None:
    pipeline = StreamPipelineBuilder.source(Replay(SAY + END, OPENAI_CHAT)).pipe(filter_content(["y"])).build()
    seen: list[str] = []
    pipeline.stream(REQUEST).subscribe(lambda token: seen.append(type(token).__name__))
    assert seen == ["ResponseStart", "TextDelta", "Usage", "Finish"]


def test_a_cut_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="1 byte or more"):
        Replay(SAY, OPENAI_CHAT, cut=0)

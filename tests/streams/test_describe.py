"""A pipeline says what it is made of, in words that cannot break the page they stand on."""

from __future__ import annotations

from functools import partial
from html import escape

import reactivex as rx
from reactivex import Observable, abc, operators as ops

from tokenrill import OPENAI_CHAT, Call, CompletionRequest, Replay, StreamPipelineBuilder, StreamToken, accumulate
from tokenrill.streams.pipeline import Pipeline

REQUEST = CompletionRequest(model="m", messages="canary in a coal mine")


def replay() -> StreamPipelineBuilder[StreamToken]:
    return StreamPipelineBuilder.source(Replay(b"", OPENAI_CHAT))


def mine(source: Observable[StreamToken]) -> Observable[StreamToken]:
    return source


def listen(call: Call) -> abc.ObserverBase[StreamToken]:
    return rx.observer.Observer[StreamToken]()


def described() -> Pipeline[StreamToken]:
    builder = replay().attach(listen).pipe(mine).pipe(partial(mine)).pipe(ops.take(3)).pipe(ops.do_action(print))
    return builder.attach(listen, name="<b>counts & costs</b>").build()


def test_a_pipeline_describes_itself() -> None:
    pipeline = described()
    assert pipeline.describe() == [
        {"kind": "source", "name": "replay"},
        {"kind": "attach", "name": "listen"},
        {"kind": "pipe", "name": "mine"},
        {"kind": "pipe", "name": "mine"},
        {"kind": "pipe", "name": "take"},
        {"kind": "pipe", "name": "do_action"},
        {"kind": "attach", "name": "<b>counts & costs</b>"},
    ]
    assert str(pipeline).splitlines()[:3] == ["replay", "  ├─ listen", "  │ mine"]


def test_its_html_is_the_same_text_escaped() -> None:
    pipeline = described()
    html = pipeline._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert html == f"<pre>{escape(str(pipeline))}</pre>"
    assert "<b>" not in html


def test_neither_a_pipeline_nor_its_stream_shows_the_prompt() -> None:
    pipeline = replay().pipe(accumulate()).build()
    stream = pipeline.stream(REQUEST)
    for shown in (repr(pipeline), str(pipeline), repr(stream), str(stream), repr(pipeline.open(REQUEST))):
        assert "canary" not in shown

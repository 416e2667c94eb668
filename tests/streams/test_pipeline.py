"""One description, used every way there is: awaited, read, run, subscribed to; on loops, threads and servers."""

from __future__ import annotations

import asyncio
import signal
import threading
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from aiohttp import ClientSession, web
from reactivex import Observable, abc, operators as ops
from reactivex.disposable import Disposable
from reactivex.internal.exceptions import SequenceContainsNoElementsError

from tokenrill import (
    OPENAI_CHAT,
    Call,
    CompletionRequest,
    Demand,
    Finish,
    Replay,
    Reply,
    StreamPipelineBuilder,
    StreamToken,
    StreamTruncated,
    TextDelta,
    Usage,
    accumulate,
)
from tokenrill.streams.loops import on_loop
from tokenrill.streams.pipeline import Pipeline

WORDS = b"".join(
    b'data: {"id":"r1","model":"m","choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % word
    for word in (b"Hello", b", ", b"world")
)
WIRE = WORDS + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
REQUEST = CompletionRequest(model="m", messages="canary in a coal mine")


def replay() -> StreamPipelineBuilder[StreamToken]:
    return StreamPipelineBuilder.source(Replay(WIRE, OPENAI_CHAT, cut=7))


def whole() -> Pipeline[Reply]:
    return replay().pipe(accumulate()).build()


Watcher: TypeAlias = abc.ObserverBase[StreamToken]


@dataclass
class Slow:
    """A source with a task in a loop, as a provider has; it never ends, and notes what became of it."""

    name: str = "slow"
    calls: list[Call] = field(default_factory=list[Call])
    threads: set[str] = field(default_factory=set[str])
    started: threading.Event = field(default_factory=threading.Event)
    cleaned: threading.Event = field(default_factory=threading.Event)
    closed: int = 0

    def stream(self, call: Call) -> Observable[StreamToken]:
        def subscribe(
            observer: abc.ObserverBase[StreamToken], scheduler: abc.SchedulerBase | None = None
        ) -> Disposable:
            self.calls.append(call)
            tasks: list[asyncio.Task[None]] = []

            def start() -> None:
                self.threads.add(threading.current_thread().name)
                tasks.append(asyncio.get_running_loop().create_task(self._run(observer)))

            def stop() -> None:
                for task in tasks:
                    task.get_loop().call_soon_threadsafe(task.cancel)

            on_loop(start, scheduler)
            return Disposable(stop)

        return Observable(subscribe)

    async def _run(self, observer: Watcher) -> None:
        try:
            observer.on_next(TextDelta("Hel"))
            self.started.set()
            await asyncio.get_running_loop().create_future()
        finally:
            self.cleaned.set()

    async def aclose(self) -> None:
        self.closed += 1


async def test_awaiting_gives_the_last_item() -> None:
    reply = await whole().stream(REQUEST)
    assert (reply.text, reply.finish) == ("Hello, world", Finish("stop", "stop"))
    assert await replay().build().stream(REQUEST) == Finish("stop", "stop")


async def test_awaiting_what_gives_nothing_is_an_error_as_in_rx() -> None:
    silent = replay().pipe(ops.filter(lambda _: False)).build()
    with pytest.raises(SequenceContainsNoElementsError):
        await silent.stream(REQUEST)


async def test_opening_reads_at_the_readers_pace() -> None:
    async with replay().build().open(REQUEST, high=8) as tokens:
        assert [token.text async for token in tokens if isinstance(token, TextDelta)] == ["Hello", ", ", "world"]


def test_running_waits_for_the_last_item() -> None:
    assert whole().run(REQUEST).text == "Hello, world"
    assert whole().stream(REQUEST).run().text == "Hello, world"
    assert whole().stream(REQUEST).pipe(ops.map(lambda reply: reply.text)).run() == "Hello, world"


async def test_running_inside_a_loop_says_what_to_write_instead() -> None:
    for run in (lambda: whole().run(REQUEST), lambda: whole().stream(REQUEST).run()):
        with pytest.raises(RuntimeError, match=r"use `await pipeline\.stream"):
            run()


def test_a_failure_of_run_is_raised() -> None:
    broken = StreamPipelineBuilder.source(Replay(WIRE[:200], OPENAI_CHAT)).pipe(accumulate()).build()
    for run in (lambda: broken.run(REQUEST), lambda: broken.stream(REQUEST).run()):
        with pytest.raises(StreamTruncated) as caught:
            run()
        error = caught.value
        assert error.partial is not None
        assert (error.provider, error.partial.text) == ("replay", "Hello, ")
        assert error.usage is not None
        assert error.usage.kind == "estimated"


def test_run_lets_go_of_the_source() -> None:
    source = Slow()
    pipeline = StreamPipelineBuilder.source(source).pipe(ops.take(1)).build()
    assert pipeline.run(REQUEST) == TextDelta("Hel")
    assert (source.closed, source.cleaned.is_set()) == (1, True)


def test_one_beginning_grows_into_many_pipelines() -> None:
    beginning = replay()
    texts = beginning.pipe(ops.filter(lambda token: isinstance(token, TextDelta))).build()
    count = beginning.pipe(ops.count()).build()
    assert texts.run(REQUEST) == TextDelta("world")
    assert count.run(REQUEST) == 6
    assert beginning.build().steps == ()


async def test_two_subscriptions_are_two_calls() -> None:
    source = Slow()
    stream = StreamPipelineBuilder.source(source).pipe(ops.take(1)).build().stream(REQUEST)
    assert source.calls == []
    assert [await stream, await stream] == [TextDelta("Hel")] * 2
    first, second = source.calls
    assert first is not second
    assert first.demand is not second.demand


async def test_a_shared_demand_reaches_the_source() -> None:
    source, demand = Slow(), Demand(high=3)
    stream = StreamPipelineBuilder.source(source).pipe(ops.take(1)).build().stream(REQUEST, demand)
    done = asyncio.get_running_loop().create_future()
    stream.subscribe(on_completed=lambda: done.set_result(None))
    await done
    await stream
    assert [call.demand for call in source.calls] == [demand, demand]


async def test_cancelling_a_wait_hangs_up_before_it_ends() -> None:
    for built in (StreamPipelineBuilder.source(Slow()), StreamPipelineBuilder.source(Slow()).pipe(accumulate())):
        pipeline = built.build()
        source = pipeline.source
        assert isinstance(source, Slow)

        async def wait(stream: Observable[Any] = pipeline.stream(REQUEST)) -> None:  # noqa: B008
            await stream

        task = asyncio.create_task(wait())
        await asyncio.to_thread(source.started.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.cleaned.is_set()


async def test_a_time_limit_on_a_derived_stream_hangs_up() -> None:
    source = Slow()
    stream = StreamPipelineBuilder.source(source).build().stream(REQUEST).pipe(ops.map(str))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await stream
    await asyncio.to_thread(source.cleaned.wait, 10)
    assert source.cleaned.is_set()


def test_a_plain_subscription_without_a_loop_runs_in_a_thread_of_our_own() -> None:
    source = Slow()
    arrived: list[tuple[StreamToken, str]] = []
    subscription = (
        StreamPipelineBuilder.source(source)
        .build()
        .stream(REQUEST)
        .subscribe(lambda token: arrived.append((token, threading.current_thread().name)))
    )
    assert source.started.wait(10)
    assert arrived == [(TextDelta("Hel"), "tokenrill")]
    subscription.dispose()
    assert source.cleaned.wait(10)
    assert source.threads == {"tokenrill"}


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system cannot send a signal to one thread")
def test_interrupting_a_run_hangs_up() -> None:
    source = Slow()
    stream = StreamPipelineBuilder.source(source).build().stream(REQUEST)

    def interrupt() -> None:
        if source.started.wait(10):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        stream.run()
    interrupter.join(10)
    assert source.cleaned.wait(10)


def test_a_thread_with_a_loop_of_its_own_uses_that() -> None:
    source = Slow()
    pipeline = StreamPipelineBuilder.source(source).pipe(ops.take(1)).build()
    got: list[StreamToken] = []

    async def main() -> None:
        got.append(await pipeline.stream(REQUEST))

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="mine")
    thread.start()
    thread.join(10)
    assert (got, source.threads) == ([TextDelta("Hel")], {"mine"})


async def test_a_web_server_streams_it_and_hangs_up_when_the_visitor_leaves() -> None:
    source = Slow()
    pipeline = StreamPipelineBuilder.source(source).build()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async with pipeline.open(REQUEST) as tokens:
            async for token in tokens:
                assert isinstance(token, TextDelta)
                await response.write(token.text.encode())
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        async with ClientSession() as session, session.get(f"http://{host}:{port}/") as answer:
            assert await answer.content.readexactly(3) == b"Hel"
        await asyncio.to_thread(source.cleaned.wait, 10)
        assert source.cleaned.is_set()
    finally:
        await runner.cleanup()


async def test_usage_comes_once_before_the_end() -> None:
    tokens = await replay().pipe(ops.to_list()).build().stream(REQUEST)
    assert [type(token) for token in tokens[-2:]] == [Usage, Finish]

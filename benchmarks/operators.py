"""What an operator costs: nanoseconds an item beside RxPY's own, at one token and at 50 tokens a read.

    python -m benchmarks.operators [--json [FILE]] [--check] [--rounds N]

``fused`` is what the operator adds behind another of ours, ``parted`` what it adds behind one of RxPY's, so that it
gets one item at a time, ``subscribing`` what it adds to a subscription, in microseconds. Below are the decoders, which
are the first part of every pipeline, beside ``json.loads`` of the same bytes; and framing and decoding of long reads,
cut into their events or left as they are for the decoder to take by what they repeat.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final, TypeAlias

from reactivex import Observable, abc, operators as ops
from reactivex.disposable import Disposable

from benchmarks.decoding import (
    DELTAS,
    LONG,
    nanoseconds_by_hand,
    nanoseconds_of_long_reads,
    nanoseconds_to_decode,
)
from benchmarks.prose import piece
from benchmarks.rounds import Result, run
from tokenrill import (
    Call,
    CompletionRequest,
    StreamMetrics,
    StreamToken,
    TextDelta,
    accumulate,
    deadline,
    filter_content,
    transduce,
    watch,
)
from tokenrill.streams.batched import Batched, BatchObserver

__all__ = ["main"]

Operator: TypeAlias = Callable[[Observable[Any]], Observable[Any]]
TOKENS: Final = 5_000
SUBSCRIPTIONS: Final = 200
A_BATCH: Final = (1, 50)
STOCK: Final = "RxPY's map"


class Pushed(Batched[StreamToken]):
    """A source in the benchmark's hand; its signals come in turn, as a provider's do."""

    in_turn = True
    observer: BatchObserver[StreamToken]

    def subscribe_batches(
        self, observer: BatchObserver[StreamToken], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        self.observer = observer
        return Disposable()


class Mine:
    """The smallest machine of one's own."""

    def feed(self, token: StreamToken, /) -> Iterable[StreamToken]:
        return (token,)

    def close(self) -> Iterable[StreamToken]:
        return ()


def same(token: StreamToken) -> StreamToken:
    return token


def is_token(token: StreamToken) -> bool:
    return type(token) is TextDelta


def last(_: object, token: StreamToken) -> StreamToken:
    return token


def metered() -> Operator:
    return watch(StreamMetrics()(Call("benchmark", CompletionRequest(model="m", messages="Hi"))))


OURS: Final[Mapping[str, Callable[[], Operator]]] = {
    "transduce": lambda: transduce(Mine),
    "filter_content": lambda: filter_content(["forbidden"]),
    "watch with StreamMetrics": metered,
    "deadline": lambda: deadline(idle=3600),
    "accumulate": accumulate,
}
THEIRS: Final[Mapping[str, Callable[[], Operator]]] = {
    STOCK: lambda: ops.map(same),
    "RxPY's filter": lambda: ops.filter(is_token),
    "RxPY's scan": lambda: ops.scan(last),
}


def batches(size: int) -> list[list[StreamToken]]:
    tokens: list[StreamToken] = [TextDelta(piece(number)) for number in range(TOKENS)]
    return [tokens[start : start + size] for start in range(0, len(tokens), size)]


def nothing(_: object) -> None:
    """A subscriber, and the plain call that all is measured against."""


def nanoseconds(steps: Sequence[Operator], read: list[list[StreamToken]]) -> float:
    """One token, from the source to the subscriber."""
    source = Pushed()
    stream: Observable[Any] = source
    for step in steps:
        stream = step(stream)
    subscription = stream.subscribe(nothing)
    push = source.observer.on_batch
    started = time.perf_counter()
    for batch in read:
        push(batch)
    elapsed = time.perf_counter() - started
    subscription.dispose()
    return elapsed / TOKENS * 1e9


def microseconds(steps: Sequence[Operator]) -> float:
    """One subscription, and its end."""
    stream: Observable[Any] = Pushed()
    for step in steps:
        stream = step(stream)
    started = time.perf_counter()
    for _ in range(SUBSCRIPTIONS):
        stream.subscribe(nothing).dispose()
    return (time.perf_counter() - started) / SUBSCRIPTIONS * 1e6


def added(measure: Callable[[Sequence[Operator]], float], before: Operator, new: Operator, rounds: int) -> float:
    """What ``new`` adds behind ``before``: by the best of rounds, with and without it by turns."""
    pairs = [(measure((before, new)), measure((before,))) for _ in range(rounds)]
    return min(both for both, _ in pairs) - min(alone for _, alone in pairs)


def plain_call(rounds: int) -> float:
    tokens = range(TOKENS)

    def once() -> float:
        started = time.perf_counter()
        for token in tokens:
            nothing(token)
        return (time.perf_counter() - started) / TOKENS * 1e9

    return median(once() for _ in range(rounds))


def costs(name: str, new: Operator, rounds: int) -> dict[str, float]:
    fused, parting = transduce(Mine), ops.map(same)
    found: dict[str, float] = {}
    for size in A_BATCH:
        read = batches(size)
        found[f"fused, {size} a read"] = added(lambda steps, read=read: nanoseconds(steps, read), fused, new, rounds)
    read = batches(A_BATCH[-1])
    found["parted"] = added(lambda steps: nanoseconds(steps, read), parting, new, rounds)
    found["subscribing, us"] = added(microseconds, fused, new, rounds)
    return found


async def measured(rounds: int) -> Result:
    known = {name: costs(name, new(), rounds) for name, new in {**OURS, **THEIRS}.items()}
    columns = list(known[STOCK])
    lines = [f"{'ns an item':28}" + "".join(f"{column:>18}" for column in columns)]
    for name, row in known.items():
        lines.append(f"{name:28}" + "".join(f"{row[column]:>18.1f}" for column in columns))
    lines.append(f"{'a plain call':28}{(call := plain_call(rounds)):>18.1f}")
    decoding: dict[str, dict[str, float]] = {}
    lines += ["", f"{'ns a token':28}" + "".join(f"{f'{size} a read':>18}" for size in A_BATCH) + f"{'json.loads':>18}"]
    for name in DELTAS:
        row = {f"{size} a read": median(nanoseconds_to_decode(name, size) for _ in range(rounds)) for size in A_BATCH}
        decoding[name] = {**row, "json.loads": median(nanoseconds_by_hand(name) for _ in range(rounds))}
        lines.append(f"{name:28}" + "".join(f"{figure:>18.1f}" for figure in decoding[name].values()))
    lines += ["", f"{'ns a token, reads of 64 KiB':28}{'cut':>18}{'uncut':>18}"]
    long: dict[str, dict[str, float]] = {}
    for name in LONG:
        ways = ((way, way == "cut") for way in ("cut", "uncut"))
        long[name] = {way: median(nanoseconds_of_long_reads(name, cut=cut) for _ in range(rounds)) for way, cut in ways}
        lines.append(f"{name:28}{long[name]['cut']:>18.1f}{long[name]['uncut']:>18.1f}")
    full = f"{A_BATCH[-1]} a read"
    stock = known[STOCK]["parted"]
    judged = {
        f"{name}, {full}: times RxPY's map": known[name][f"fused, {full}"] / stock
        for name in OURS
        if name != "accumulate"
    }
    judged[f"decoding, the slowest dialect, {full}: times json.loads"] = max(
        row[full] / row["json.loads"] for row in decoding.values()
    )
    return Result(
        {"operators": {**known, "a plain call": call}, "decoding": decoding, "long_reads": long}, lines, judged
    )


def measure(options: argparse.Namespace) -> Result:
    return asyncio.run(measured(options.rounds))  # in a loop, as in use: timers are the loop's, not threads


def main() -> int:
    return run("operators", __doc__, measure, rounds=9)


if __name__ == "__main__":
    raise SystemExit(main())

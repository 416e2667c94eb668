"""Framing server-sent events: speed in MB/s by the shape of an event and the size of a read.

    python -m benchmarks.sse [--json [FILE]] [--check] [--rounds N]

``payloads`` is SsePayloads, which is what decoders use, ``events`` SseParser (data, type and id of each event),
``split`` a bare ``bytes.split`` of the same reads at the blank line, as a ceiling, ``openai`` and ``anthropic`` the
decoders of those vendors' clients. All see the same reads, one after the other in every round, and their events are
counted. Time is that of the processor. The events say prose, with all its quotes, line ends and accents.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from anthropic._streaming import SSEDecoder as AnthropicDecoder  # pyright: ignore[reportPrivateUsage]
from openai._streaming import SSEDecoder as OpenAIDecoder

from benchmarks.prose import quoted
from benchmarks.rounds import Result, interleaved, medians, ratio, run
from benchmarks.shapes import anthropic_event, gemini_event, openai_event
from tokenrill import SseParser, SsePayloads

__all__ = ["main"]

READ_BYTES: Final = (1, 1_400, 16 << 10, 64 << 10)
LARGE_READS: Final = READ_BYTES[2:]
WIRE_BYTES: Final = 3_000_000
DRIP_BYTES: Final = 30_000
CONTENDERS: Final = ("payloads", "events", "split", "openai", "anthropic")
PEERS: Final = ("openai", "anthropic")


def responses(number: int) -> bytes:
    return (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%d,'
        b'"item_id":"msg_68af4030baa48193b0b43b4c2a176a1a0e6ea2b4ed1ea3c9","output_index":0,"content_index":0,'
        b'"delta":%b,"logprobs":[],"obfuscation":"aB3dE5fG"}\n\n'
    ) % (number, quoted(number))


SHAPES: Final[Mapping[str, Callable[[int], bytes]]] = {
    "OpenAI": openai_event,
    "Anthropic": anthropic_event,
    "Gemini, CRLF": gemini_event,
    "Responses": responses,
}


class Split:
    """What the interpreter's own ``split`` does with each read, right or wrong."""

    def __init__(self, blank: bytes) -> None:
        self._blank = blank

    def feed(self, chunk: bytes) -> list[bytes]:
        return chunk.split(self._blank)


def fed(feed: Callable[[bytes], Any], chunks: list[bytes]) -> int:
    return sum(map(len, map(feed, chunks)))


def decoded(decoder: Any, chunks: list[bytes]) -> int:
    return sum(1 for _ in decoder.iter_bytes(iter(chunks)))


class Case:
    """One shape in reads of one size."""

    def __init__(self, shape: str, read: int) -> None:
        make = SHAPES[shape]
        self.count = max(4, (WIRE_BYTES if read > 1 else DRIP_BYTES) // len(make(500)))
        self.wire = b"".join(map(make, range(self.count)))
        self.chunks = [self.wire[start : start + read] for start in range(0, len(self.wire), read)]
        self.blank = b"\r\n\r\n" if self.wire.endswith(b"\r\n") else b"\n\n"

    def rate(self, name: str) -> float:
        """MB/s, once."""
        chunks = self.chunks
        runs: Mapping[str, Callable[[], int]] = {
            "payloads": lambda: fed(SsePayloads().feed, chunks),
            "events": lambda: fed(SseParser().feed, chunks),
            "split": lambda: fed(Split(self.blank).feed, chunks),
            "openai": lambda: decoded(OpenAIDecoder(), chunks),
            "anthropic": lambda: decoded(AnthropicDecoder(), chunks),
        }
        started = time.process_time()
        count = runs[name]()
        elapsed = time.process_time() - started
        assert name == "split" or count == self.count, f"{name}: {count} events of {self.count}"
        return len(self.wire) / elapsed / 1e6


def rows(rounds: int) -> Iterator[tuple[str, int, dict[str, float], dict[str, float]]]:
    for shape in SHAPES:
        for read in READ_BYTES:
            runs = interleaved(CONTENDERS, rounds, Case(shape, read).rate)
            yield shape, read, medians(runs), {name: ratio(runs, "payloads", name) for name in ("split", *PEERS)}


def measure(options: argparse.Namespace) -> Result:
    figures: dict[str, dict[str, float]] = {}
    lines = [f"{'MB/s':28}" + "".join(f"{name:>11}" for name in CONTENDERS) + f"{'of split':>11}{'x openai':>11}"]
    judged: dict[str, list[float]] = {}

    def judge(name: str, figure: float) -> None:
        judged.setdefault(name, []).append(figure)

    for shape, read, rates, ratios in rows(options.rounds):
        name = f"{shape}, {read:,} B reads"
        figures[name] = {**rates, "of split": ratios["split"], "times openai": ratios["openai"]}
        cells = "".join(f"{rates[contender]:>11.1f}" for contender in CONTENDERS)
        lines.append(f"{name:28}{cells}{ratios['split']:>11.2f}{ratios['openai']:>11.1f}")
        if read == 1:
            judge("1-byte reads: times the fastest peer", min(ratios[peer] for peer in PEERS))
            continue
        size = "16 and 64 KiB" if read in LARGE_READS else "1.4 KiB"
        judge(f"{size}: times the openai client's decoder", ratios["openai"])
        judge(f"{size}, MB/s", rates["payloads"])
        if read in LARGE_READS:
            judge("16 and 64 KiB: of bytes.split", ratios["split"])
            if shape in ("OpenAI", "Responses"):
                judge("whole events of 300 bytes, MB/s", rates["events"])
    return Result({"sse": figures}, lines, {name: min(least) for name, least in judged.items()})


def main() -> int:
    return run("sse", __doc__, measure, rounds=7)


if __name__ == "__main__":
    raise SystemExit(main())

"""Recorded cases: where they are, which dialect reads them, and how what we made of one is compared.

The format is that of ``corpus/README.md``: one JSON file a case, the recorded body in base64, and under
``expected`` what the provider's own client made of it.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tokenrill import Finish, ReplyBuilder, StreamError, StreamToken
from tokenrill.sources.dialect import Dialect

from .errors import error_rows
from .oracles import ORACLES, dialect_for
from .oracles.rows import Row

__all__ = ["CUTS", "Case", "Outcome", "found_cases", "outcome", "pieces", "streamed"]

CUTS: Mapping[str, int | None] = {"whole": None, "1 byte": 1, "7 bytes": 7, "1,400 bytes": 1400, "at random": 0}


@dataclass(frozen=True)
class Case:
    """One recorded answer."""

    path: Path
    record: Mapping[str, Any]

    @property
    def id(self) -> str:
        return f"{self.record['provider']}/{self.path.stem}"

    @property
    def is_error(self) -> bool:
        return "sdk_error" in self.record["expected"]

    @property
    def body(self) -> bytes:
        return base64.b64decode(self.record["body_base64"])

    @property
    def dialect(self) -> Dialect | None:
        return dialect_for(self.record)


@dataclass(frozen=True)
class Outcome:
    """What came of a case: agreement, or the first difference."""

    case: str
    cut: str
    difference: str | None


def found_cases(directory: Path, provider: str | None = None, case: str | None = None) -> Iterator[Case]:
    """The cases under a directory, streams and refusals, in order of their names."""
    for path in sorted(directory.rglob("*.json")):
        if path.name == "manifest.json":
            continue
        record = read_record(path)
        if record is None or (provider and record["provider"] != provider):
            continue
        found = Case(path, record)
        if case is None or case in (path.stem, found.id):
            yield found


def read_record(path: Path) -> Mapping[str, Any] | None:
    """A case as it is in its file; None for other JSON. One that cannot be read is a case that will fail."""
    try:
        record: Any = json.loads(path.read_bytes())
    except ValueError as error:
        record = {"body_base64": "", "expected": {}, "unreadable": str(error)}
    if not (isinstance(record, dict) and {"body_base64", "expected"} <= record.keys()):
        return None
    return {"provider": path.parent.name, "api": "", **cast("dict[str, Any]", record)}


def pieces(body: bytes, cut: str) -> list[bytes]:
    """The body, cut: whole, at a fixed size, or at random places that are the same every time."""
    size = CUTS[cut]
    if size is None:
        return [body]
    if size:
        return [body[start : start + size] for start in range(0, len(body), size)]
    chance = random.Random(len(body))
    edges = sorted({0, len(body), *(chance.randrange(len(body) + 1) for _ in range(1 + len(body) // 200))})
    return [body[start:end] for start, end in itertools.pairwise(edges)]


def outcome(case: Case, cut: str) -> Outcome:
    """Decode the case and compare; the first difference is told, and so is what goes wrong on the way."""
    if "unreadable" in case.record:
        return Outcome(case.id, cut, f"the file is not JSON: {case.record['unreadable']}")
    try:
        return Outcome(case.id, cut, difference(case, cut))
    except Exception as error:
        return Outcome(case.id, cut, f"{type(error).__name__}: {error}")


def difference(case: Case, cut: str) -> str | None:
    dialect = case.dialect
    if dialect is None:
        return f"no dialect reads api={case.record['api']!r}"
    if case.is_error:
        return differing(error_rows(case.record, dialect))
    tokens: list[StreamToken] = []
    error: StreamError | None = None
    try:
        for token in streamed(dialect, pieces(case.body, cut)):
            tokens.append(token)
    except StreamError as failure:
        error = failure
    return first_difference(case, tokens, error)


def streamed(dialect: Dialect, chunks: list[bytes]) -> Iterator[StreamToken]:
    framer, decoder = dialect.framer(), dialect.decoder()
    for chunk in chunks:
        for payload in framer.feed(chunk):
            yield from decoder.feed(payload)
    for payload in framer.close():
        yield from decoder.feed(payload)
    yield from decoder.close()


def first_difference(case: Case, tokens: list[StreamToken], error: StreamError | None) -> str | None:
    builder = ReplyBuilder()
    for token in tokens:
        builder.feed(token)
    if error is None and not (tokens and isinstance(tokens[-1], Finish)):
        return "the last token is not Finish"
    return differing(ORACLES[case.record["api"]](case.record, builder.reply(), tokens, error))


def differing(rows: Iterable[Row]) -> str | None:
    for what, ours, theirs in rows:
        if ours != theirs:
            return f"{what}: ours {short(ours)}, expected {short(theirs)}"
    return None


def short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:200]} … {text[-80:]}"

"""No bytes bring anything but tokens or a typed error out of Gemini's dialects."""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings, strategies as st

from tests.sources.dialects.gemini_chunks import USAGE, chunk
from tokenrill import GEMINI, GEMINI_INTERACTIONS, StreamError
from tokenrill.sources.dialect import Dialect

SHARED = Path(os.environ.get("TOKENRILL_SHARED", Path(__file__).resolve().parents[3].parent / "shared"))
RECORDED = sorted((SHARED / "corpus" / "cases" / "gemini").glob("*.json"))[::9]
BY_HAND: list[dict[str, Any]] = [
    chunk({"text": "a", "thought": True, "thoughtSignature": "S"}, usageMetadata=USAGE),
    chunk(
        {"functionCall": {"name": "f", "willContinue": True, "partialArgs": [{"jsonPath": "$.a", "numberValue": 1}]}}
    ),
    {"candidates": [{"finishReason": "STOP", "logprobsResult": {"chosenCandidates": [{"token": "a"}]}}]},
    {"event_type": "step.start", "index": 0, "step": {"type": "function_call", "id": "c", "name": "f"}},
    {"event_type": "step.delta", "index": 0, "delta": {"type": "arguments_delta", "arguments": "{}"}},
    {"event_type": "step.delta", "index": 1, "delta": {"type": "thought_summary", "content": {"text": "a"}}},
    {"event_type": "interaction.completed", "interaction": {"status": "failed", "errors": [{"code": "internal"}]}},
    {"error": {"code": 429, "details": [{"@type": "x.RetryInfo", "retryDelay": "3s"}]}},
]
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here]
    items: Any = (
        cast(Any, value).items()
        if isinstance(value, dict)
        else enumerate(cast(Any, value))
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        found.extend(paths(item, (*here, key)))
    return found


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


def survives(dialect: Dialect, wire: bytes, size: int) -> None:
    with suppress(StreamError):
        dialect.decode(wire[at : at + size] for at in range(0, len(wire), size))


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_any_shape_of_json_is_read_or_refused(data: st.DataObject) -> None:
    chunks: list[Any] = []
    for one in data.draw(st.lists(st.sampled_from(BY_HAND), min_size=1, max_size=5)):
        chunks.append(put(one, data.draw(st.sampled_from(paths(one))), data.draw(junk)))
    wire = b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in chunks)
    for dialect in (GEMINI, GEMINI_INTERACTIONS):
        survives(dialect, wire, 1000)
    survives(GEMINI, json.dumps(chunks).encode(), 1000)
    for one in chunks:
        assert str(GEMINI.refuse(429, {}, json.dumps(one).encode()))


@given(st.data())
@settings(max_examples=100, deadline=None)
@pytest.mark.skipif(not RECORDED, reason="the recorded answers (../shared/corpus) are not beside this checkout")
def test_a_recording_with_wrong_bytes_is_read_or_refused(data: st.DataObject) -> None:
    record = json.loads(data.draw(st.sampled_from(RECORDED)).read_text())
    wire = bytearray(base64.b64decode(record["body_base64"])[:20_000])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(wire) - 1))
        wire[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"{", b'"', b"\n"])
        )
    survives(GEMINI if record["api"] != "interactions" else GEMINI_INTERACTIONS, bytes(wire), 777)

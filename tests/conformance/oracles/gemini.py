"""Gemini's generateContent, as google-genai reads it: it gathers nothing, so its parts were put together."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokenrill import Citation, Raw, ReasoningSignature, Reply, StreamError, StreamToken, ToolCallStart
from tokenrill.sources.dialects.gemini import GEMINI
from tokenrill.sources.dialects.gemini.arguments import parse_path

from .rows import Row, failure_row, usage_rows

__all__ = ["gemini"]


def gemini(
    record: Mapping[str, Any], reply: Reply, tokens: Sequence[StreamToken], error: StreamError | None
) -> Iterator[Row]:
    """The parts that the SDK gave. It reads events only: for JSON arrays their elements were given to it as events."""
    expected = record.get("expected_alt") or record["expected"]
    theirs = expected.get("error")
    if theirs and theirs.get("type") == "AttributeError":  # what it makes of numbered enums
        yield "error", error and f"{type(error).__name__}: {error}", None
        yield from by_hand(record, reply)
        return
    reason = expected.get("finish_reason") or expected.get("block_reason")
    if theirs and theirs.get("type") == "UnknownApiResponseError":  # the stream holds what is no JSON
        yield "error", error is not None, True
    else:
        yield failure_row(record, theirs, error, cut=reason is None)
    yield "text", reply.text, expected.get("text") or ""
    yield "reasoning", reply.reasoning, expected.get("reasoning_text") or ""
    pieces: Sequence[Mapping[str, Any]] = expected.get("tool_calls") or ()
    yield "tool calls", [(call.name, call.input) for call in reply.tool_calls], calls(pieces)
    ids = [call.get("id") for call in pieces if call.get("name")]
    ours = [call.id for call in reply.tool_calls]
    yield "tool call ids", [one for one, id in zip(ours, ids, strict=True) if id], [id for id in ids if id]
    yield "distinct ids", len(set(ours)), len(ours)
    yield "finish reason", reply.finish and reply.finish.raw_reason, None if error else reason
    yield "signatures", len(list(signatures(tokens))), expected.get("n_thought_signatures") or 0
    yield "response id", reply.id, expected.get("response_id") or ""
    yield "model", reply.model, expected.get("model_version") or ""
    if "n_grounding_chunks" in expected:
        sources = [token for token in tokens if isinstance(token, Citation) and "uri" not in (token.raw or {})]
        # The SDK gives a source as often as the stream repeats it, we once.
        yield "sources", 0 < len(sources) <= expected["n_grounding_chunks"], True
    media: list[dict[str, str]] = [
        token.data for token in tokens if isinstance(token, Raw) and token.name == "part.inlineData"
    ]
    data = [base64.b64decode(one["data"]) for one in media]
    told = [(len(one), hashlib.sha256(one).hexdigest()) for one in data]
    yield "media", told, [(one["bytes"], one["sha256"]) for one in expected.get("inline_data") or ()]
    usage: Mapping[str, Any] = expected.get("usage") or {}
    if usage.get("total_tokens"):
        yield from usage_rows(reply, counted(usage))


def counted(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The SDK's counts, as ours count: with what tools read, and thoughts."""
    raw: Mapping[str, Any] = usage.get("raw") or {}
    tools = raw.get("tool_use_prompt_token_count") or 0
    thoughts = raw.get("thoughts_token_count") or 0
    return {
        **usage,
        "input_tokens": (usage.get("input_tokens") or 0) + tools,
        "output_tokens": (usage.get("output_tokens") or 0) + thoughts,
    }


def calls(pieces: Sequence[Mapping[str, Any]]) -> list[tuple[str, Any]]:
    """Calls with all their arguments, put together from the pieces that the SDK passes on."""
    found: list[tuple[str, Any]] = []
    for piece in pieces:
        if piece.get("name"):
            found.append((piece["name"], piece.get("arguments") or {}))
        for argument in piece.get("partial_args") or ():
            put(found[-1][1], argument)
    return found


def put(arguments: Any, argument: Mapping[str, Any]) -> None:
    *way, last = parse_path(argument["json_path"])
    for step, following in zip(way, [*way[1:], last], strict=False):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            arguments.extend([empty] * (step == len(arguments)))
        else:
            arguments.setdefault(step, empty)
        arguments = arguments[step]
    texts = argument.get("string_value")
    if isinstance(last, int):
        arguments.extend([None] * (last == len(arguments)))
        before = arguments[last]
    else:
        before = arguments.get(last)
    number = argument.get("number_value", argument.get("bool_value"))
    arguments[last] = (before or "") + texts if texts is not None else number


def signatures(tokens: Sequence[StreamToken]) -> Iterator[str]:
    for token in tokens:
        match token:
            case ReasoningSignature(signature) | ToolCallStart(signature=str(signature)):
                yield signature
            case _:
                pass


def by_hand(record: Mapping[str, Any], reply: Reply) -> Iterator[Row]:
    """What the recording says, where the SDK cannot read it."""
    body = base64.b64decode(record["body_base64"])
    chunks: list[dict[str, Any]] = [json.loads(payload) for payload in GEMINI.framer().feed(body)]
    candidates = [candidate for chunk in chunks for candidate in chunk.get("candidates", [])]
    parts = [part for candidate in candidates for part in candidate.get("content", {}).get("parts", [])]
    yield "text", reply.text, "".join(part.get("text", "") for part in parts if not part.get("thought"))
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    yield "tool calls", [(call.name, call.input) for call in reply.tool_calls], [(c["name"], c["args"]) for c in calls]
    numbers = [candidate["finishReason"] for candidate in candidates if candidate.get("finishReason")]
    known = {1: "tool_calls" if calls else "stop", 2: "length", 3: "content_filter"}
    yield "finish", reply.finish and reply.finish.reason, known.get(numbers[-1], "other") if numbers else None
    counts = [count for chunk in chunks if (count := chunk.get("usageMetadata", {}).get("totalTokenCount"))]
    if counts:
        yield "usage", reply.usage and reply.usage.raw and reply.usage.raw["totalTokenCount"], counts[-1]

"""What a recorded answer becomes in the next request: the vendor's own opaque values, and nobody else's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import Case, found_cases, streamed
from tests.conformance.oracles import DIALECTS
from tokenrill import CompletionRequest, Message, ReasoningPart, ReplyBuilder, StreamError, ToolCall

SHARED = Path(os.environ.get("TOKENRILL_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FAMILIES = (
    {"messages", "stream_raw_predict", "converse_stream", "invoke_with_response_stream"},
    {"stream_generate_content", "interactions"},
    {"responses"},
)
CASES = [case for case in found_cases(SHARED / "corpus") if any(case.record["api"] in apis for apis in FAMILIES)]

pytestmark = pytest.mark.skipif(
    not CASES, reason="the recorded answers (../shared/corpus) are not beside this checkout"
)


def answered(case: Case) -> Message | None:
    """The answer as a turn; None when there is none."""
    builder = ReplyBuilder()
    try:
        assert case.dialect is not None
        for token in streamed(case.dialect, [case.body]):
            builder.feed(token)
    except StreamError:
        pass
    try:
        return builder.reply().message
    except ValueError:
        return None


def opaque(message: Message) -> Iterator[str]:
    """What only who made it can read; of a whole block, its id."""
    for part in message.parts:
        values = [value for _, value in part.signatures] if isinstance(part, ReasoningPart) else []
        if isinstance(part, ToolCall) and part.signature:
            values.append(part.signature)
        for value in values:
            made: Any = json.loads(value) if value.startswith("{") else {"id": value}
            if made.get("id"):
                yield json.dumps(made["id"])


def asked_again(api: str, message: Message) -> dict[str, Any] | None:
    """The body of the next request in this dialect; None where it cannot take such an answer at all."""
    turns = (Message.user("Hi"), message, Message.user("Go on."))
    try:
        return DIALECTS[api].render(CompletionRequest(model="m", messages=turns))
    except (ValueError, StreamError):
        return None


def test_nobody_is_shown_what_another_vendor_has_signed() -> None:
    shown = 0
    for case in CASES:
        if (message := answered(case)) is None or not (values := [*opaque(message)]):
            continue
        for api in DIALECTS:
            if any(api in family and case.record["api"] in family for family in FAMILIES):
                continue
            body = asked_again(api, message)
            if body is not None:
                shown += 1
                assert not [value for value in values if value in json.dumps(body)], f"{case.id} at {api}"
    assert shown > 500


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.record["api"] == "responses"], ids=lambda case: case.id
)
def test_reasoning_goes_back_with_what_followed_it(case: Case) -> None:
    """What a server's own tools did too: OpenAI refuses reasoning without it."""
    message = answered(case)
    body = None if message is None else asked_again("responses", message)
    if body is not None:
        kinds = [item.get("type") or item["role"] for item in body["input"]]
        assert not [pair for pair in pairwise(kinds) if pair[0] == "reasoning" and pair[1] in ("reasoning", "user")]

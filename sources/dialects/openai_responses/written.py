"""Items being written: each knows the events that begin it, carry it and end it.

``item`` is the item as it stands, which the last event repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import StreamError
from ....streams.tokens import Citation, ReasoningSignature, ToolCallStart
from ...shape import object_of
from .items import CALLS

__all__ = ["Event", "WrittenCall", "WrittenMessage", "WrittenReasoning", "wanted_back"]

Event: TypeAlias = tuple[str, Json]
DELTAS: Final = {
    "function_call": "response.function_call_arguments",
    "custom_tool_call": "response.custom_tool_call_input",
}
FILE_ANNOTATIONS: Final = ("file_citation", "container_file_citation", "file_path")


def wanted_back(signature: str | None) -> Json:
    """The fields that a call carries beside its id, name and arguments, from :attr:`.ToolCall.signature`.

    >>> wanted_back('{"namespace":"crm"}'), wanted_back("another provider's signature")
    ({'namespace': 'crm'}, {})
    """
    if not signature or not signature.startswith("{"):
        return {}
    try:
        fields = object_of(codec.loads(signature))
    except StreamError:
        return {}
    known = {name: fields[name] for name in ("namespace", "caller") if name in fields}
    return {"type": "custom_tool_call", **known} if fields.get("type") == "custom_tool_call" else known


class WrittenMessage:
    """Text and refusals: parts of one message."""

    def __init__(self, place: int, id: str, index: int, given: Json) -> None:
        self.index = index
        self.place = place
        extra = {name: value for name, value in given.items() if name not in ("id", "status", "content")}
        self.item: Json = {
            "id": given.get("id") or id,
            "type": "message",
            "status": "in_progress",
            "content": [],
            "role": "assistant",
            **extra,
        }
        self._part: Json | None = None
        self._written: list[str] = []

    def begin(self) -> Iterator[Event]:
        yield "response.output_item.added", {"output_index": self.place, "item": {**self.item, "content": []}}

    def text(self, delta: str, logprobs: list[Json] | None = None) -> Iterator[Event]:
        yield from self._enter({"type": "output_text", "annotations": [], "logprobs": [], "text": ""})
        self._written.append(delta)
        if self._part is not None and logprobs:
            self._part["logprobs"] += logprobs
        yield "response.output_text.delta", {**self._where(), "delta": delta, "logprobs": logprobs or []}

    def refusal(self, delta: str) -> Iterator[Event]:
        yield from self._enter({"type": "refusal", "refusal": ""})
        self._written.append(delta)
        yield "response.refusal.delta", {**self._where(), "delta": delta}

    def cite(self, citation: Citation) -> Iterator[Event]:
        yield from self._enter({"type": "output_text", "annotations": [], "logprobs": [], "text": ""})
        end = sum(map(len, self._written))
        annotation: Json = {
            "type": "url_citation",
            "url": citation.url or "",
            "title": citation.title or "",
            "start_index": end,
            "end_index": end,
        }
        raw = citation.raw or {}
        if raw.get("type") in FILE_ANNOTATIONS or (raw.get("type") == "url_citation" and "url" in raw):
            annotation = raw  # else it is another dialect's record
        told: list[Json] = self._part["annotations"] if self._part else []
        told.append(annotation)
        yield (
            "response.output_text.annotation.added",
            {**self._where(), "annotation_index": len(told) - 1, "annotation": annotation},
        )

    def end(self) -> Iterator[Event]:
        yield from self._leave()
        self.item["status"] = "completed"
        yield "response.output_item.done", {"output_index": self.place, "item": self.item}

    def _enter(self, part: Json) -> Iterator[Event]:
        if self._part is None or self._part["type"] != part["type"]:
            yield from self._leave()
            self._part = part
            self.item["content"].append(part)
            yield "response.content_part.added", {**self._where(), "part": {**part}}

    def _leave(self) -> Iterator[Event]:
        part = self._part
        if part is None:
            return
        field = "text" if part["type"] == "output_text" else "refusal"
        part[field] = "".join(self._written)
        self._written.clear()
        told = {"logprobs": part["logprobs"]} if field == "text" else {}
        yield (
            f"response.{'output_text' if field == 'text' else field}.done",
            {
                **self._where(),
                field: part[field],
                **told,
            },
        )
        yield "response.content_part.done", {**self._where(), "part": part}

    def _where(self) -> Json:
        return {
            "item_id": self.item["id"],
            "output_index": self.place,
            "content_index": len(self.item["content"]) - 1,
        }


class WrittenReasoning:
    """A summary of reasoning, in paragraphs, and the opaque value that closes it."""

    def __init__(self, place: int, id: str, index: int) -> None:
        self.index = index
        self.place = place
        self.item: Json = {"id": id, "type": "reasoning", "summary": []}
        self._written: list[str] = []

    def begin(self) -> Iterator[Event]:
        yield "response.output_item.added", {"output_index": self.place, "item": {**self.item, "summary": []}}

    def text(self, delta: str) -> Iterator[Event]:
        if not self.item["summary"]:
            yield from self._enter()
        self._written.append(delta)
        yield "response.reasoning_summary_text.delta", {**self._where(), "delta": delta}

    def paragraph(self) -> Iterator[Event]:
        yield from self._leave()
        yield from self._enter()

    def sign(self, token: ReasoningSignature) -> None:
        field = {"encrypted": "encrypted_content", "signature": "signature"}.get(token.kind)
        if field:
            self.item[field] = token.signature

    def end(self) -> Iterator[Event]:
        yield from self._leave()
        yield "response.output_item.done", {"output_index": self.place, "item": self.item}

    def _enter(self) -> Iterator[Event]:
        self.item["summary"].append({"type": "summary_text", "text": ""})
        yield (
            "response.reasoning_summary_part.added",
            {**self._where(), "part": {"type": "summary_text", "text": ""}},
        )

    def _leave(self) -> Iterator[Event]:
        if not self.item["summary"]:
            return
        part: Json = self.item["summary"][-1]
        part["text"] = "".join(self._written)
        self._written.clear()
        yield "response.reasoning_summary_text.done", {**self._where(), "text": part["text"]}
        yield "response.reasoning_summary_part.done", {**self._where(), "part": part}

    def _where(self) -> Json:
        return {
            "item_id": self.item["id"],
            "output_index": self.place,
            "summary_index": len(self.item["summary"]) - 1,
        }


class WrittenCall:
    """A call of the caller's own tool: a function with JSON arguments, or a custom tool with free text."""

    def __init__(self, place: int, id: str, token: ToolCallStart) -> None:
        self.place = place
        extra = wanted_back(token.signature)
        kind: Any = extra.get("type", "function_call")
        self._field = CALLS[kind]
        self._delta = DELTAS[kind]
        self._written: list[str] = []
        self.item: Json = {
            "id": id,
            "type": kind,
            "status": "in_progress",
            self._field: "",
            "call_id": token.id,
            "name": token.name,
            **extra,
        }

    def begin(self) -> Iterator[Event]:
        yield "response.output_item.added", {"output_index": self.place, "item": {**self.item}}

    def arguments(self, delta: str) -> Iterator[Event]:
        self._written.append(delta)
        yield f"{self._delta}.delta", {"item_id": self.item["id"], "output_index": self.place, "delta": delta}

    def end(self) -> Iterator[Event]:
        self.item |= {self._field: "".join(self._written), "status": "completed"}
        where: Json = {"item_id": self.item["id"], "output_index": self.place}
        named = {"name": self.item["name"]} if self._field == "arguments" else {}
        yield f"{self._delta}.done", {**where, **named, self._field: self.item[self._field]}
        yield "response.output_item.done", {"output_index": self.place, "item": self.item}

"""The body of ``POST /v1/messages`` back into a request: the server's side of :mod:`.render`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from ....streams import codec
from ....streams.codec import Json
from ....streams.parts import Document, Image, Part, ReasoningPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Reasoning, ResponseFormat, Tool, ToolChoice
from ...shape import bytes_of, list_of, object_of, objects_of, text_of
from .blocks import call_signature

__all__ = ["parse"]

KNOWN: Final = frozenset(
    "model max_tokens system messages temperature top_p top_k stop_sequences tools tool_choice thinking output_config "
    "metadata stream anthropic_version anthropic_beta".split()
)
EFFORTS: Final = ("low", "medium", "high", "max")
MODES: Final = {"any": "required", "tool": "tool", "none": "none", "auto": "auto"}
EMPTY_SCHEMA: Final[Json] = {"type": "object", "properties": {}}


def parse(body: Json) -> CompletionRequest:
    """What was asked; what only this vendor knows, its own tools among it, is kept in ``extra``.

    Bodies for other hosts name no model: put it in from the address before.

    Raises:
        ValueError: When the body is not a request; the message says where.
    """
    if not isinstance(body.get("messages"), list):
        raise ValueError("messages must be a list")
    names = dict(called(body))
    try:
        system = (Message("system", parse_text(body["system"])),) if body.get("system") else ()
        return CompletionRequest(
            model=body.get("model") or "",
            messages=(
                *system,
                *(message for turn in objects_of(body["messages"]) for message in parse_turn(turn, names)),
            ),
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            top_k=body.get("top_k"),
            stop=body.get("stop_sequences") or (),
            tools=tuple(parse_tool(tool) for tool in objects_of(body.get("tools")) if is_client_tool(tool)),
            tool_choice=parse_tool_choice(body.get("tool_choice")),
            parallel_tool_calls=parse_parallel(object_of(body.get("tool_choice"))),
            response_format=parse_format(object_of(body.get("output_config")).get("format")),
            reasoning=parse_reasoning(body),
            user=object_of(body.get("metadata")).get("user_id"),
            extra=dict(parse_extra(body)),
        )
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not a Messages request: {type(error).__name__}") from error


def called(body: Json) -> Iterator[tuple[str, str]]:
    for turn in objects_of(body["messages"]):
        for block in objects_of(turn.get("content")):
            if block.get("type") == "tool_use":
                yield text_of(block.get("id")), text_of(block.get("name"))


def parse_turn(turn: Json, names: dict[str, str]) -> Iterator[Message]:
    content = turn.get("content")
    match turn.get("role"):
        case "system":
            yield Message("system", parse_text(content))
        case "assistant":
            yield Message("assistant", tuple(parse_block(block) for block in blocks_of(content)))
        case "user":
            blocks = blocks_of(content)
            results = [block for block in blocks if block.get("type") == "tool_result"]
            if results:
                yield Message("tool", tuple(parse_result(block, names) for block in results))
            if said := [block for block in blocks if block.get("type") != "tool_result"]:
                yield Message("user", tuple(parse_block(block) for block in said))
        case role:
            raise ValueError(f"messages hold no role {role!r}")


def blocks_of(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects_of(content)


def parse_text(content: Any) -> tuple[Text, ...]:
    return tuple(Text(block["text"], cache=is_marked(block)) for block in blocks_of(content))


def parse_block(block: Json) -> Part:
    match block:
        case {"type": "text", "text": str(text)}:
            return Text(text, cache=is_marked(block))
        case {"type": "image", "source": dict()}:
            return parse_image(block)
        case {"type": "document", "source": dict()}:
            return parse_document(block)
        case {"type": "tool_use"}:
            signature = call_signature(block)
            return ToolCall(block["id"], block["name"], codec.dumps(block.get("input") or {}).decode(), signature)
        case {"type": "thinking", "thinking": str(text), "signature": str(signature)}:
            return ReasoningPart(text, (("signature", signature),))
        case {"type": "redacted_thinking", "data": str(data)}:
            return ReasoningPart("", (("redacted", data),))
        case {"type": str()}:  # what the vendor's own tools did, handed back as it came
            return ReasoningPart("", (("block", codec.dumps(block).decode()),))
        case _:
            raise ValueError(f"messages hold no block of type {block.get('type')!r}")


def parse_image(block: Json) -> Image:
    match object_of(block["source"]):
        case {"type": "url", "url": str(url)}:
            return Image(media_type=Image.of(url=url).media_type, url=url, cache=is_marked(block))
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            return Image(media_type=media_type, data=bytes_of(data), cache=is_marked(block))
        case source:
            raise ValueError(f"images have no source of type {source.get('type')!r} here")


def parse_document(block: Json) -> Document:
    name, cache = block.get("title"), is_marked(block)
    match object_of(block["source"]):
        case {"type": "url", "url": str(url)}:
            return Document(media_type="application/pdf", url=url, name=name, cache=cache)
        case {"type": "base64", "media_type": str(media_type), "data": str(data)}:
            return Document(media_type=media_type, data=bytes_of(data), name=name, cache=cache)
        case {"type": "text", "data": str(text)}:
            return Document(media_type="text/plain", data=text.encode(), name=name, cache=cache)
        case source:
            raise ValueError(f"documents have no source of type {source.get('type')!r} here")


def parse_result(block: Json, names: dict[str, str]) -> ToolResult:
    call_id = text_of(block.get("tool_use_id"))
    content = tuple(parse_block(inner) for inner in blocks_of(block.get("content")))
    return ToolResult(
        call_id,
        cast("tuple[Text | Image, ...]", content),
        is_error=bool(block.get("is_error")),
        name=names.get(call_id),
        cache=is_marked(block),
    )


def is_marked(block: Json) -> bool:
    return bool(block.get("cache_control"))


def is_client_tool(tool: Json) -> bool:
    return tool.get("type") in (None, "custom")


def parse_tool(tool: Json) -> Tool:
    schema = object_of(tool.get("input_schema"))
    return Tool(
        name=tool.get("name") or "",
        description=tool.get("description") or "",
        parameters={} if schema == EMPTY_SCHEMA else schema,
        strict=tool.get("strict"),
        cache=is_marked(tool),
    )


def parse_tool_choice(choice: Any) -> ToolChoice | None:
    if choice is None:
        return None
    given = object_of(choice)
    mode = MODES.get(text_of(given.get("type")))
    if mode is None:
        raise ValueError(f"tool_choice has no type {given.get('type')!r}")
    return ToolChoice(cast(Any, mode), given.get("name"))


def parse_parallel(choice: Json) -> bool | None:
    disabled = choice.get("disable_parallel_tool_use")
    return None if disabled is None else not disabled


def parse_format(format: Any) -> ResponseFormat | None:
    given = object_of(format)
    return ResponseFormat(schema=object_of(given["schema"])) if given.get("type") == "json_schema" else None


def parse_reasoning(body: Json) -> Reasoning | None:
    """How much to think. An effort without ``thinking`` asks for none, and is kept in ``extra``."""
    thinking, effort = object_of(body.get("thinking")), object_of(body.get("output_config")).get("effort")
    summary = "auto" if thinking.get("display") == "summarized" else None
    known = "max" if effort == "xhigh" else effort if effort in EFFORTS else None
    match thinking.get("type"):
        case "disabled":
            return Reasoning(effort="none")
        case "enabled":
            return Reasoning(effort=known, budget_tokens=thinking.get("budget_tokens"), summary=summary)
        case "adaptive":
            return Reasoning(effort=known or (None if summary else "high"), summary=summary)
        case _:
            return None


def parse_extra(body: Json) -> Iterator[tuple[str, Any]]:
    """What no field of ours holds. Where a field says more than ours can, it is kept whole, and wins when rendered."""
    yield from ((name, value) for name, value in body.items() if name not in KNOWN)
    thinking, config = object_of(body.get("thinking")), object_of(body.get("output_config"))
    if any(not is_client_tool(tool) for tool in objects_of(body.get("tools"))):
        yield "tools", list_of(body["tools"])
    if thinking.get("display") == "omitted" or thinking.get("type") not in (None, "disabled", "enabled", "adaptive"):
        yield "thinking", thinking
    known = config.get("effort") is None or (bool(thinking) and config["effort"] in EFFORTS)
    if config.keys() - {"effort", "format"} or not known:
        yield "output_config", config

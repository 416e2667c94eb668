"""The body of a generateContent request, as a request: the server's side of :mod:`.render`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from ....streams import codec
from ....streams.codec import Json
from ....streams.parts import Document, Image, Part, ReasoningPart, Text, ToolCall, ToolResult
from ....streams.request import CompletionRequest, Message, Reasoning, ResponseFormat, Tool, ToolChoice
from ...shape import bytes_of, list_of, object_of, objects_of, text_of
from .candidate import OWN_ID
from .names import camel_case

__all__ = ["parse"]

KNOWN: Final = frozenset("model contents systemInstruction tools toolConfig generationConfig labels".split())
KNOWN_CONFIG: Final = frozenset(
    "maxOutputTokens temperature topP topK frequencyPenalty presencePenalty seed stopSequences candidateCount "
    "responseLogprobs logprobs responseMimeType responseJsonSchema responseSchema thinkingConfig".split()
)
EFFORTS: Final = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}
MODES: Final = {"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "auto"}
DETAILS: Final[dict[str, Any]] = {"MEDIA_RESOLUTION_LOW": "low", "MEDIA_RESOLUTION_HIGH": "high"}


def parse(body: Json) -> CompletionRequest:
    """A body, with the address's model put in as ``model``, as a request; what has no place in one goes to ``extra``.

    Raises:
        ValueError: When it is no such request.
    """
    body = object_of(camel_case(body))
    config = object_of(body.get("generationConfig"))
    logprobs = config.get("responseLogprobs") is True
    mode = text_of(calling(body).get("mode")).upper()
    extra = {name: value for name, value in body.items() if name not in KNOWN}
    if config.keys() - KNOWN_CONFIG:
        extra["generationConfig"] = config
    functions = declared(body)
    if len(functions) != sum(
        len(list_of(tool.get("functionDeclarations"))) or 1 for tool in objects_of(body.get("tools"))
    ):
        extra["tools"] = body["tools"]  # Google's own tools, such as googleSearch, among them
    try:
        return CompletionRequest(
            model=text_of(body.get("model")).removeprefix("models/"),
            messages=tuple(parse_turns(body)),
            max_tokens=config.get("maxOutputTokens"),
            temperature=config.get("temperature"),
            top_p=config.get("topP"),
            top_k=whole(config.get("topK")),
            frequency_penalty=config.get("frequencyPenalty"),
            presence_penalty=config.get("presencePenalty"),
            seed=config.get("seed"),
            stop=tuple(config.get("stopSequences") or ()),
            choice_count=config.get("candidateCount") or 1,
            logprobs=logprobs,
            top_logprobs=config.get("logprobs") if logprobs else None,
            tools=tuple(parse_tool(tool, mode == "VALIDATED") for tool in functions),
            tool_choice=parse_tool_choice(body, mode) if functions else None,
            response_format=parse_format(config),
            reasoning=parse_thinking(object_of(config.get("thinkingConfig"))),
            metadata=object_of(body.get("labels")),
            extra=extra,
        )
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not a generateContent request: {type(error).__name__}") from error


def whole(value: Any) -> Any:
    """Google's clients write a whole number as 40.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def calling(body: Json) -> Json:
    return object_of(object_of(body.get("toolConfig")).get("functionCallingConfig"))


def declared(body: Json) -> list[Json]:
    return [one for tool in objects_of(body.get("tools")) for one in objects_of(tool.get("functionDeclarations"))]


def parse_turns(body: Json) -> Iterator[Message]:
    if system := tuple(parse_parts(object_of(body.get("systemInstruction")), [])):
        yield Message("system", system)
    waiting: list[tuple[str, str]] = []  # calls that have no result yet, as (id, name)
    for content in objects_of(body.get("contents")):
        parts = tuple(parse_parts(content, waiting))
        match content.get("role"):
            case "model":
                yield Message("assistant", parts or (Text(""),))
            case "user" | "function" | "tool" | None:
                results = tuple(part for part in parts if isinstance(part, ToolResult))
                said = tuple(part for part in parts if not isinstance(part, ToolResult))
                if results:
                    yield Message("tool", results)
                if said or not results:
                    yield Message("user", said)
            case role:
                raise ValueError(f"contents hold no role {role!r}")


def parse_parts(content: Json, waiting: list[tuple[str, str]]) -> Iterator[Part]:
    for part in objects_of(content.get("parts")):
        signature = text_of(part.get("thoughtSignature"))
        signatures = (("thought_signature", signature),) if signature else ()
        match part:
            case {"functionCall": dict()}:
                yield parse_call(object_of(part["functionCall"]), signature, waiting)
            case {"functionResponse": dict()}:
                yield parse_result(object_of(part["functionResponse"]), waiting)
            case {"inlineData": dict()} | {"fileData": dict()}:
                yield parse_media(part)
            case {"text": str(text)} if part.get("thought") is True:
                yield ReasoningPart(text, signatures)
            case {"text": str(text)}:
                if signatures:
                    yield ReasoningPart("", signatures)
                if text or not signatures:
                    yield Text(text)
            case {"thoughtSignature": str()} if len(part) == 1:
                yield ReasoningPart("", signatures)
            case _:
                raise ValueError(f"contents hold no part of {', '.join(sorted(part))[:80] or 'nothing'}")


def parse_call(call: Json, signature: str, waiting: list[tuple[str, str]]) -> ToolCall:
    name = text_of(call.get("name"))
    call_id = text_of(call.get("id")) or f"{OWN_ID}{len(waiting)}"
    waiting.append((call_id, name))
    arguments = codec.dumps(call.get("args") or {}).decode()
    return ToolCall(call_id, name, arguments, signature or None)


def parse_result(result: Json, waiting: list[tuple[str, str]]) -> ToolResult:
    """A result; without an id it answers the first call of that name which has none yet."""
    name, response = text_of(result.get("name")), object_of(result.get("response"))
    call_id = text_of(result.get("id"))
    for at, (waiting_id, waiting_name) in enumerate(waiting):
        if waiting_id == call_id or (not call_id and waiting_name == name):
            call_id = waiting_id
            waiting[at] = ("", "")
            break
    is_error = response.keys() == {"error"}
    given: Any = next(iter(response.values())) if response.keys() in ({"output"}, {"error"}) else response
    text = given if isinstance(given, str) else codec.dumps(given).decode()
    images = [parse_media(part) for part in objects_of(result.get("parts"))]
    content = (*((Text(text),) if text or not images else ()), *(part for part in images if isinstance(part, Image)))
    return ToolResult(call_id or f"{OWN_ID}{name}", content, is_error=is_error, name=name)


def parse_media(part: Json) -> Image | Document:
    inline, file = object_of(part.get("inlineData")), object_of(part.get("fileData"))
    media_type = text_of((inline or file).get("mimeType")) or "application/octet-stream"
    data = bytes_of(inline.get("data")) if inline else None
    url = text_of(file.get("fileUri")) if file else None
    if media_type.startswith("image/"):
        detail = DETAILS.get(text_of(object_of(part.get("mediaResolution")).get("level")))
        return Image(media_type=media_type, data=data, url=url, detail=detail)
    return Document(media_type=media_type, data=data, url=url)


def parse_tool(tool: Json, strict: bool) -> Tool:
    parameters = tool.get("parametersJsonSchema") or tool.get("parameters")
    return Tool(
        name=text_of(tool.get("name")),
        description=text_of(tool.get("description")),
        parameters=object_of(parameters),
        strict=True if strict else None,
    )


def parse_tool_choice(body: Json, mode: str) -> ToolChoice | None:
    names = list_of(calling(body).get("allowedFunctionNames"))
    if not mode or mode == "VALIDATED":
        return None
    if mode == "ANY" and len(names) == 1:
        return ToolChoice("tool", cast(str, names[0]))
    return ToolChoice(cast(Any, MODES.get(mode, "auto")))


def parse_format(config: Json) -> ResponseFormat | None:
    if config.get("responseMimeType") != "application/json":
        return None
    return ResponseFormat(schema=object_of(config.get("responseJsonSchema") or config.get("responseSchema")) or None)


def parse_thinking(config: Json) -> Reasoning | None:
    if not config:
        return None
    effort = EFFORTS.get(text_of(config.get("thinkingLevel")).upper())
    summary = "auto" if config.get("includeThoughts") is True else None
    # A budget of -1 lets the model choose, as no budget does.
    budget = config.get("thinkingBudget")
    return Reasoning(effort=cast(Any, effort), budget_tokens=None if budget == -1 else budget, summary=summary)

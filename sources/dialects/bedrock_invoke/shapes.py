"""Requests in the models' own shapes: which family a request is for, written and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ....streams.codec import Json
from ....streams.request import CompletionRequest
from ...shape import object_of, text_of
from .. import anthropic_messages, anthropic_text, bedrock_converse, openai_chat
from ..bedrock_models import FAMILIES, Family, family_of
from .native import parse_native, render_native

__all__ = ["family_asked", "parse", "render", "render_as"]

# A field that only bodies of this family have.
FIELDS: Final[tuple[tuple[str, Family], ...]] = (
    ("anthropic_version", "anthropic"),
    ("max_tokens_to_sample", "anthropic_text"),
    ("inputText", "titan"),
    ("max_gen_len", "llama"),
    ("message", "command_r"),
    ("schemaVersion", "nova"),
    ("inferenceConfig", "nova"),
    ("messages", "openai"),
)


def render(request: CompletionRequest) -> Json:
    """The request as its model wants it, which its id must tell.

    Raises:
        ValueError: For a model whose family its id does not tell, and for whatever its shape cannot say.
    """
    family = family_of(request.model)
    if family is None:
        raise ValueError(
            f"bedrock_invoke cannot tell whose model {request.model!r} is: say it with family= "
            f"({', '.join(FAMILIES)}), or use api='converse'"
        )
    return render_as(family)(request)


def render_as(family: Family, *, betas: Sequence[str] = ()) -> Callable[[CompletionRequest], Json]:
    """How requests are written for models of this family; ``betas`` are Claude's features to turn on."""
    match family:
        case "anthropic":
            return anthropic_messages.render_for("bedrock", betas=betas)
        case "anthropic_text":
            return anthropic_text.render_for_bedrock
        case "nova":
            return render_nova
        case "openai":
            return openai_chat.OPENAI_CHAT.render
        case _:
            return lambda request: render_native(family, request)


def render_nova(request: CompletionRequest) -> Json:
    """https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html"""
    body = bedrock_converse.BEDROCK_CONVERSE.render(request)
    for name in ("outputConfig", "requestMetadata"):
        if name in body:
            raise ValueError(f"nova models cannot take {name} by InvokeModel: leave it out, or use api='converse'")
    more: Json = body.pop("additionalModelRequestFields", {})
    config = {**object_of(body.get("inferenceConfig")), **object_of(more.pop("inferenceConfig", None))}
    if config:
        body["inferenceConfig"] = config
    return {"schemaVersion": "messages-v1", **body, **more}


def family_asked(body: Json) -> Family:
    """Whose model a body is for: its id (put in from the address) tells, or its shape.

    Raises:
        ValueError: When neither does.
    """
    family = family_of(text_of(body.get("model")))
    if family is not None:
        return family
    for name, known in FIELDS:
        if name in body:
            return known
    raise ValueError("the body is in no known model's shape")


def parse(body: Json) -> CompletionRequest:
    """What was asked; ``model`` is put into the body from the address.

    Raises:
        ValueError: When the body is not a request in its model's shape.
    """
    family = family_asked(body)
    try:
        match family:
            case "anthropic":
                given = {name: value for name, value in body.items() if name != "anthropic_version"}
                return anthropic_messages.ANTHROPIC_MESSAGES.parse({**given, "stream": True})
            case "anthropic_text":
                return anthropic_text.ANTHROPIC_TEXT.parse(body)
            case "nova":
                return parse_nova(body)
            case "openai":
                return openai_chat.OPENAI_CHAT.parse(body)
            case _:
                return parse_native(family, body)
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not a request for a model of the family {family}: {type(error).__name__}") from error


def parse_nova(body: Json) -> CompletionRequest:
    given: dict[str, Any] = {name: value for name, value in body.items() if name != "schemaVersion"}
    more: Json = {}
    config = {**object_of(given.get("inferenceConfig"))}
    if "topK" in config:
        more["inferenceConfig"] = {"topK": config.pop("topK")}
        given["inferenceConfig"] = config
    if "reasoningConfig" in given:
        more["reasoningConfig"] = given.pop("reasoningConfig")
    return bedrock_converse.BEDROCK_CONVERSE.parse(
        {**given, **({"additionalModelRequestFields": more} if more else {})}
    )

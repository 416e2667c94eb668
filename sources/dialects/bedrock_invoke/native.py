"""The models' own shapes, as rows: where each keeps its text, why it stopped, and what it wants to be asked.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.request import CompletionRequest, Message
from ....streams.tokens import FinishReason
from ...shape import object_of, objects_of, text_of
from .plain import Plain, PlainCohere, PlainLlama, PlainMistral, PlainTitan
from .prompts import PROMPTS, parse_prompt, plain_text, render_prompt

__all__ = ["NATIVE", "Native", "parse_native", "render_native"]

Said = tuple[str, str]  # text, and why it stopped


@dataclass(frozen=True, slots=True)
class Native:
    """One shape.

    Attributes:
        prompt: The field that holds the conversation.
        read: Text and reason in a chunk.
        write: The chunk that says them.
        sampling: The vendor's names of ``max_tokens``, ``temperature``, ``top_p``, ``top_k`` and ``stop``.
        config: The object that holds them, where they are not beside the prompt.
        counts: Where a chunk counts what was read and written, beside Amazon's own metrics.
        decode_fast: Reads a chunk that says nothing but text; it raises for every other.
    """

    prompt: str
    read: Callable[[Json], Said]
    write: Callable[[str, str | None], Json]
    sampling: Mapping[str, str]
    reasons: Mapping[str, FinishReason]
    config: str = ""
    counts: tuple[str, str] = ("", "")
    decode_fast: Callable[[bytes], Plain] | None = None
    always: Json = field(default_factory=dict[str, Any])

    def word_for(self, reason: FinishReason) -> str:
        """The vendor's word."""
        return next((word for word, known in self.reasons.items() if known == reason), next(iter(self.reasons)))


def read_outputs(chunk: Json) -> Said:
    found = object_of(next(iter(objects_of(chunk.get("outputs"))), None))
    return text_of(found.get("text")), text_of(found.get("stop_reason"))


def read_cohere(chunk: Json) -> Said:
    """Chunks of ``text``, of ``event_type`` (whose last repeats all that was said), or all ``generations`` at once."""
    found = next(iter(objects_of(chunk.get("generations"))), chunk)
    return text_of(found.get("text")), text_of(found.get("finish_reason"))


def write_cohere(text: str, reason: str | None) -> Json:
    return {"is_finished": True, "finish_reason": reason} if reason else {"is_finished": False, "text": text}


def write_command_r(text: str, reason: str | None) -> Json:
    kind = "stream-end" if reason else "text-generation"
    return {**write_cohere(text, reason), "event_type": kind}


COHERE_REASONS: Final[Mapping[str, FinishReason]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "USER_CANCEL": "stop",
    "ERROR": "error",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}
COHERE_SAMPLING: Final = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "stop": "stop_sequences",
}
NATIVE: Final[Mapping[str, Native]] = {
    "titan": Native(
        prompt="inputText",
        read=lambda chunk: (text_of(chunk.get("outputText")), text_of(chunk.get("completionReason"))),
        write=lambda text, reason: {"outputText": text, "index": 0, "completionReason": reason},
        sampling={
            "max_tokens": "maxTokenCount",
            "temperature": "temperature",
            "top_p": "topP",
            "stop": "stopSequences",
        },
        reasons={
            "FINISH": "stop",
            "FINISHED": "stop",
            "STOP_CRITERIA_MET": "stop",
            "LENGTH": "length",
            "CONTENT_FILTERED": "content_filter",
            "RAG_QUERY_WHEN_RAG_DISABLED": "error",
        },
        config="textGenerationConfig",
        counts=("inputTextTokenCount", "totalOutputTextTokenCount"),
        decode_fast=codec.typed_decoder(PlainTitan).decode,
    ),
    "llama": Native(
        prompt="prompt",
        read=lambda chunk: (text_of(chunk.get("generation")), text_of(chunk.get("stop_reason"))),
        write=lambda text, reason: {"generation": text, "stop_reason": reason},
        sampling={"max_tokens": "max_gen_len", "temperature": "temperature", "top_p": "top_p"},
        reasons={"stop": "stop", "length": "length"},
        counts=("prompt_token_count", "generation_token_count"),
        decode_fast=codec.typed_decoder(PlainLlama).decode,
    ),
    "mistral": Native(
        prompt="prompt",
        read=read_outputs,
        write=lambda text, reason: {"outputs": [{"text": text, "stop_reason": reason}]},
        sampling={
            "max_tokens": "max_tokens",
            "temperature": "temperature",
            "top_p": "top_p",
            "top_k": "top_k",
            "stop": "stop",
        },
        reasons={"stop": "stop", "length": "length", "tool_calls": "tool_calls"},
        decode_fast=codec.typed_decoder(PlainMistral).decode,
    ),
    "cohere": Native(
        prompt="prompt",
        read=read_cohere,
        write=write_cohere,
        sampling=COHERE_SAMPLING,
        reasons=COHERE_REASONS,
        decode_fast=codec.typed_decoder(PlainCohere).decode,
        always={"stream": True},
    ),
    "command_r": Native(
        prompt="message",
        read=read_cohere,
        write=write_command_r,
        sampling=COHERE_SAMPLING,
        reasons=COHERE_REASONS,
        decode_fast=codec.typed_decoder(PlainCohere).decode,
    ),
}
REFUSED: Final = (
    "tools response_format reasoning metadata user frequency_penalty presence_penalty seed logprobs "
    "parallel_tool_calls".split()
)


def render_native(family: str, request: CompletionRequest) -> Json:
    """The request in a model's own shape: text and sampling.

    Raises:
        ValueError: For everything else.
    """
    shape = NATIVE[family]
    given = [name for name in REFUSED if getattr(request, name) not in (None, (), {}, False)]
    given += [
        name for name in ("top_k", "stop") if getattr(request, name) not in (None, ()) and name not in shape.sampling
    ]
    if given or request.choice_count > 1:
        raise ValueError(
            f"{family} models cannot take {given[0] if given else 'choice_count above 1'} by InvokeModel: "
            "leave it out, or use api='converse'"
        )
    body = render_history(request) if family == "command_r" else {shape.prompt: prompt_of(family, request)}
    sampling: Json = {}
    for name, theirs in shape.sampling.items():
        value: Any = getattr(request, name)
        if value not in (None, ()):
            sampling[theirs] = list(value) if name == "stop" else value
    if shape.config:
        return {**body, shape.config: sampling} if sampling else body
    return {**body, **sampling, **shape.always}


def prompt_of(family: str, request: CompletionRequest) -> str:
    turns = request.turns
    if family == "cohere" and len(turns) == 1 and turns[0].role == "user":
        return plain_text(turns[0], family)
    return render_prompt(PROMPTS[family], request, family)


def render_history(request: CompletionRequest) -> Json:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command-r-plus.html"""
    texts = [(message.role, plain_text(message, "command_r")) for message in request.turns]
    if texts[-1][0] != "user":
        raise ValueError("command_r models want the last message to be a user's")
    preamble = "\n\n".join(text for role, text in texts if role == "system")
    history = [
        {"role": "CHATBOT" if role == "assistant" else "USER", "message": text}
        for role, text in texts[:-1]
        if role != "system"
    ]
    body: Json = {"message": texts[-1][1]}
    if history:
        body["chat_history"] = history
    return {**body, "preamble": preamble} if preamble else body


def parse_native(family: str, body: Json) -> CompletionRequest:
    """What was asked, with ``model`` put in from the address; fields of no known meaning are kept in ``extra``."""
    shape = NATIVE[family]
    holder = object_of(body.get(shape.config)) if shape.config else body
    known = {"model", shape.prompt, shape.config, *shape.sampling.values(), *shape.always}
    messages: tuple[Message, ...]
    if family == "command_r":
        messages = tuple(parse_history(body))
        known |= {"chat_history", "preamble"}
    else:
        messages = parse_prompt(PROMPTS[family], text_of(body.get(shape.prompt)))
    sampling: dict[str, Any] = {
        name: holder[theirs] for name, theirs in shape.sampling.items() if holder.get(theirs) is not None
    }
    return CompletionRequest(
        model=text_of(body.get("model")),
        messages=messages,
        extra={name: value for name, value in body.items() if name not in known},
        **sampling,
    )


def parse_history(body: Json) -> Iterator[Message]:
    if preamble := text_of(body.get("preamble")):
        yield Message("system", preamble)
    for turn in objects_of(body.get("chat_history")):
        yield Message("assistant" if turn.get("role") == "CHATBOT" else "user", text_of(turn.get("message")))
    yield Message("user", text_of(body.get("message")))

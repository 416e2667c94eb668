"""Conversations as one text, as models want them that know no messages: a row of marks for each.

Such a model tells who speaks by marks in the text, so a text that holds one is refused: its author could speak as
somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ....streams.parts import ReasoningPart, RefusalPart, Text
from ....streams.request import CompletionRequest, Message

__all__ = ["PROMPTS", "Prompt", "parse_prompt", "plain_text", "render_prompt"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The marks before and after what each role says, those of the whole, and the one after which the model goes on."""

    system: tuple[str, str]
    user: tuple[str, str]
    assistant: tuple[str, str]
    begin: str = ""
    folds_system: bool = False

    @property
    def marks(self) -> list[str]:
        pieces = (self.begin, *self.system, *self.user, *self.assistant)
        return sorted({piece.strip() for piece in pieces if piece.strip()}, key=len, reverse=True)


def llama_turn(role: str) -> tuple[str, str]:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"


PROMPTS: Final[Mapping[str, Prompt]] = {
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html
    "titan": Prompt(("", "\n"), ("User: ", "\n"), ("Bot: ", "\n")),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html
    "llama": Prompt(llama_turn("system"), llama_turn("user"), llama_turn("assistant"), begin="<|begin_of_text|>"),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-text-completion.html
    # It knows no system: what that says is put before what the user says first.
    "mistral": Prompt(("", "\n\n"), ("[INST] ", " [/INST]"), (" ", "</s>"), begin="<s>", folds_system=True),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command.html
    "cohere": Prompt(("", "\n"), ("User: ", "\n"), ("Chatbot: ", "\n")),
}


def render_prompt(prompt: Prompt, request: CompletionRequest, family: str) -> str:
    """The turns, and the mark after which the model goes on; an assistant's turn at the end is what it goes on from."""
    turns = request.turns
    text, told = prompt.begin, ""
    for message in turns:
        before, after = getattr(prompt, message.role, ("", ""))
        said = plain_text(message, family)
        if any(mark in said for mark in prompt.marks):
            raise ValueError(f"{family} models cannot take a text that holds the mark of a turn")
        if prompt.folds_system and message.role == "system":
            told += said + after
            continue
        if message.role == "user":
            said, told = told + said, ""
        last = message is turns[-1] and message.role == "assistant"
        text += before + said + ("" if last else after)
    return text if turns[-1].role == "assistant" else text + prompt.assistant[0].rstrip(" ")


def parse_prompt(prompt: Prompt, text: str) -> tuple[Message, ...]:
    """The turns of a prompt; a text without marks is what a user says."""
    marks = {prompt.user[0].strip(): "user", prompt.assistant[0].strip(): "assistant"}
    if prompt.system[0].strip():
        marks[prompt.system[0].strip()] = "system"
    marks.pop("", None)
    if prompt.user[1].strip():
        marks.setdefault(prompt.user[1].strip(), "assistant")
    pattern = "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))
    pieces = re.split(f"({pattern})", text.removeprefix(prompt.begin))
    messages: list[Message] = []
    said = clean(prompt, pieces[0])
    if said:
        messages.append(Message("system" if len(pieces) > 1 else "user", said))
    for mark, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if said := clean(prompt, piece):
            role: Any = marks[mark]
            messages.append(Message(role, said))
    if not messages:
        raise ValueError("the prompt says nothing")
    return tuple(messages)


def clean(prompt: Prompt, piece: str) -> str:
    for mark in prompt.marks:
        piece = piece.replace(mark, "")
    return piece.strip()


def plain_text(message: Message, family: str) -> str:
    """What a message says, when it is only text.

    Raises:
        ValueError: For anything else.
    """
    for part in message.parts:
        if not isinstance(part, (Text, RefusalPart, ReasoningPart)):
            raise ValueError(f"{family} models take text only, not {type(part).__name__}: use api='converse'")
    return "".join(part.text for part in message.parts if isinstance(part, (Text, RefusalPart)))

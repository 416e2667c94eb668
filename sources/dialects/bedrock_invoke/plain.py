"""Chunks in the models' own shapes that say nothing but text. Every other fails to decode, and goes the general way."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct, field

__all__ = ["Plain", "PlainCohere", "PlainLlama", "PlainMistral", "PlainTitan"]


class Plain(Protocol):
    """Text, and what was counted on the way."""

    @property
    def text(self) -> str: ...

    @property
    def read(self) -> float | None: ...

    @property
    def written(self) -> float | None: ...


class PlainLlama(Struct, gc=False, forbid_unknown_fields=True):
    text: str = field(name="generation")
    read: int | float | None = field(name="prompt_token_count", default=None)
    written: int | float | None = field(name="generation_token_count", default=None)
    stop_reason: None = None


class PlainTitan(Struct, gc=False, forbid_unknown_fields=True):
    text: str = field(name="outputText")
    read: int | float | None = field(name="inputTextTokenCount", default=None)
    written: int | float | None = field(name="totalOutputTextTokenCount", default=None)
    index: int | None = None
    completion_reason: None = field(name="completionReason", default=None)


class MistralOutput(Struct, gc=False, forbid_unknown_fields=True):
    text: str
    stop_reason: None = None


class PlainMistral(Struct, gc=False, forbid_unknown_fields=True):
    outputs: tuple[MistralOutput]

    @property
    def text(self) -> str:
        return self.outputs[0].text

    @property
    def read(self) -> None: ...

    @property
    def written(self) -> None: ...


class PlainCohere(Struct, gc=False, forbid_unknown_fields=True):
    text: str
    is_finished: bool = False
    event_type: str | None = None
    finish_reason: None = None

    @property
    def read(self) -> None: ...

    @property
    def written(self) -> None: ...

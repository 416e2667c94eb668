"""What a message can hold: text, images, documents, tool calls and their results, reasoning."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import force_setattr

from . import codec
from .checks import check_fields, sequence

__all__ = ["Document", "Image", "Part", "ReasoningPart", "RefusalPart", "Text", "ToolCall", "ToolResult"]


class Text(Struct, frozen=True, tag=True):
    """Plain text; ``cache`` asks the provider to cache the prompt up to and including this part."""

    text: str
    cache: bool = False

    def __post_init__(self) -> None:
        check_fields(self)

    def __repr__(self) -> str:
        return f"Text({len(self.text)} characters)"


class Media(Struct, frozen=True, kw_only=True):
    """Bytes, or the address where the provider may fetch them; exactly one of ``url`` and ``data``."""

    media_type: str
    url: str | None = None
    data: bytes | None = None
    cache: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.url is None) == (self.data is None):
            raise ValueError(f"{type(self).__name__} needs exactly one of url= and data=")
        if "/" not in self.media_type:
            raise ValueError("media_type must be a MIME type such as 'image/png'")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.media_type})"


def guess(name: str, fallback: str) -> str:
    return mimetypes.guess_type(name.partition("?")[0])[0] or fallback


class Image(Media, frozen=True, kw_only=True, tag=True):
    """A picture for the model to look at."""

    detail: Literal["auto", "low", "high"] | None = None

    @classmethod
    def of(
        cls, path: str | Path | None = None, *, url: str | None = None, data: bytes | None = None, media_type: str = ""
    ) -> Image:
        """An image from a file, an address or bytes; the media type is guessed from the name where there is one.

        >>> Image.of(url="https://example.com/a.webp")
        Image(image/webp)
        """
        if path is not None:
            data, media_type = Path(path).read_bytes(), media_type or guess(str(path), "image/png")
        return cls(media_type=media_type or guess(url or "", "image/png"), url=url, data=data)


class Document(Media, frozen=True, kw_only=True, tag=True):
    """A file for the model to read, such as a PDF."""

    name: str | None = None

    @classmethod
    def of(
        cls, path: str | Path | None = None, *, url: str | None = None, data: bytes | None = None, media_type: str = ""
    ) -> Document:
        """A document from a file, an address or bytes; the media type is guessed from the name where there is one.

        >>> Document.of(data=b"%PDF-1.7", media_type="application/pdf")
        Document(application/pdf)
        """
        name = Path(path).name if path is not None else None
        if path is not None:
            data, media_type = Path(path).read_bytes(), media_type or guess(str(path), "application/pdf")
        return cls(media_type=media_type or guess(url or "", "application/pdf"), url=url, data=data, name=name)


class ToolCall(Struct, frozen=True, tag=True):
    """The model asks for a tool; ``arguments`` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str = ""
    signature: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(cast(Any, self.arguments), str):
            raise ValueError(f"arguments are JSON text, as json.dumps makes it, not {type(self.arguments).__name__}")
        check_fields(self)

    @property
    def input(self) -> Any:
        """The arguments, parsed; no text at all means no arguments.

        >>> ToolCall("c1", "add", '{"a": 1}').input
        {'a': 1}

        Raises:
            MalformedEvent: When the model wrote something that is not JSON.
        """
        return codec.loads(self.arguments) if self.arguments.strip() else {}

    def __repr__(self) -> str:
        return f"ToolCall(id={self.id!r}, name={self.name!r}, arguments={len(self.arguments)} characters)"


class ToolResult(Struct, frozen=True, tag=True):
    """What a tool answered to the call ``call_id``: a text, or text and images."""

    call_id: str
    content: Sequence[Text | Image] | str = ""
    is_error: bool = False
    name: str | None = None
    cache: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        content: Any = self.content
        if not isinstance(content, (str, tuple, list)):
            raise ValueError(
                f"a tool result is a text, such as json.dumps makes it, or Text and Image; got {type(content).__name__}"
            )
        parts: tuple[Any, ...] = (Text(content),) if isinstance(content, str) else tuple(cast("list[Any]", content))
        for part in parts:
            if not isinstance(part, (Text, Image)):
                raise ValueError(f"a tool result holds Text and Image; got {type(part).__name__}")
        if not self.call_id:
            raise ValueError("a tool result needs the id of the call it answers")
        force_setattr(self, "content", parts)

    @property
    def parts(self) -> tuple[Text | Image, ...]:
        """The content, always as parts."""
        return cast("tuple[Text | Image, ...]", self.content)

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    def __repr__(self) -> str:
        return f"ToolResult(call_id={self.call_id!r}, parts={len(self.content)}, is_error={self.is_error})"


class ReasoningPart(Struct, frozen=True, tag=True):
    """Reasoning to hand back as it came; ``signatures`` are the provider's opaque values, as (kind, value)."""

    text: str = ""
    signatures: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        for pair in sequence("signatures", "pairs of a kind and a value", self.signatures):
            if [type(word) for word in sequence("signatures", "pairs of a kind and a value", pair)] != [str, str]:
                raise ValueError("signatures must be pairs of a kind and a value, both texts")

    def signature(self, kind: str = "signature") -> str | None:
        """The opaque value of this ``kind``, or None."""
        return next((value for name, value in self.signatures if name == kind), None)

    def __repr__(self) -> str:
        return f"ReasoningPart({len(self.text)} characters, signatures={len(self.signatures)})"


class RefusalPart(Struct, frozen=True, tag=True):
    """The model's own refusal, kept apart from its text."""

    text: str

    def __post_init__(self) -> None:
        check_fields(self)

    def __repr__(self) -> str:
        return f"RefusalPart({len(self.text)} characters)"


Part: TypeAlias = Text | Image | Document | ToolCall | ToolResult | ReasoningPart | RefusalPart

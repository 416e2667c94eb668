"""What to ask a model, in no provider's words.

Everything is checked when it is made, so a request that exists can be rendered; what one provider
cannot take is refused when it is rendered for that provider, by name. Reprs leave out what was written:
prompts belong in no log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import force_setattr

from .checks import check_fields, in_range, of_kind, require, sequence
from .parts import Document, Image, Part, ReasoningPart, RefusalPart, Text, ToolCall, ToolResult

__all__ = [
    "CompletionRequest",
    "Effort",
    "Message",
    "Reasoning",
    "ResponseFormat",
    "Role",
    "Tool",
    "ToolChoice",
]

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "max"]
MESSAGES = "a text, or Message values such as Message('user', 'Hi')"
ALLOWED: Mapping[str, tuple[type, ...]] = {
    "system": (Text,),
    "user": (Text, Image, Document),
    "assistant": (Text, ToolCall, ReasoningPart, RefusalPart),
    "tool": (ToolResult,),
}


class Message(Struct, frozen=True):
    """One turn: ``content`` is a text, or the parts that a turn of this ``role`` may hold.

    >>> Message("user", "Hi")
    Message(role='user', parts=1)
    >>> Message.user("What is this?", Image.of(url="https://example.com/cat.png")).content[1].media_type
    'image/png'

    Raises:
        ValueError: For an unknown role, no content, or a part that this role cannot hold.
    """

    role: Role
    content: Sequence[Part] | str

    def __post_init__(self) -> None:
        check_fields(self)
        content = self.content
        parts = (Text(content),) if isinstance(content, str) else sequence("content", "a text, or parts", content)
        if not parts:
            raise ValueError(f"{self.role} messages need content: a text, or at least one part")
        for part in parts:
            if not isinstance(cast(Any, part), ALLOWED[self.role]):
                allowed = ", ".join(kind.__name__ for kind in ALLOWED[self.role])
                raise ValueError(f"{self.role} messages hold {allowed}; got {type(part).__name__}")
        force_setattr(self, "content", parts)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The content, always as parts."""
        return cast("tuple[Part, ...]", self.content)

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @classmethod
    def system(cls, text: str) -> Message:
        """What the model is told before the conversation."""
        return cls("system", text)

    @classmethod
    def user(cls, *content: str | Part) -> Message:
        """What the user says: texts, images, documents."""
        return cls("user", as_parts(content))

    @classmethod
    def assistant(cls, *content: str | Part) -> Message:
        """What the model said; :attr:`.Reply.message` makes one from an answer."""
        return cls("assistant", as_parts(content))

    @classmethod
    def tool(cls, *results: ToolResult) -> Message:
        """What the tools answered."""
        return cls("tool", results)

    def __repr__(self) -> str:
        return f"Message(role={self.role!r}, parts={len(self.content)})"


def as_parts(content: Iterable[str | Part]) -> tuple[Part, ...]:
    return tuple(Text(part) if isinstance(part, str) else part for part in content)


class Tool(Struct, frozen=True, kw_only=True):
    """A function the model may call; ``parameters`` is a JSON Schema object."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    strict: bool | None = None
    cache: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        require(bool(self.name), "a tool needs a name")

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"


class ToolChoice(Struct, frozen=True):
    """``auto``, ``none``, ``required`` (any tool), or ``tool`` with the ``name`` of the one to call."""

    mode: Literal["auto", "none", "required", "tool"] = "auto"
    name: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        require((self.mode == "tool") == (self.name is not None), "tool_choice names a tool exactly when mode='tool'")


class ResponseFormat(Struct, frozen=True, kw_only=True):
    """Structured output: any JSON object, or one that fits ``schema`` (a JSON Schema)."""

    schema: dict[str, Any] | None = None
    name: str = "response"
    strict: bool = True

    def __post_init__(self) -> None:
        check_fields(self)

    def __repr__(self) -> str:
        return f"ResponseFormat({self.name!r})"


class Reasoning(Struct, frozen=True, kw_only=True):
    """How much to think: an ``effort``, or a ``budget_tokens``; ``summary`` asks for what may be shown of it."""

    effort: Effort | None = None
    budget_tokens: int | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        in_range("budget_tokens", self.budget_tokens, 0, None, whole=True)


class CompletionRequest(Struct, frozen=True, kw_only=True):
    """What to ask, for any provider.

    Args:
        model: The provider's name of the model.
        messages: A text (one user message), or the turns in order.
        max_tokens: The most tokens to write.
        temperature, top_p, top_k, frequency_penalty, presence_penalty, seed: Sampling, as the provider defines it.
        stop: Texts that end the answer.
        choice_count: How many alternatives to write.
        logprobs: Ask for log probabilities; ``top_logprobs`` alternatives with each (0 to 20).
        tools, tool_choice, parallel_tool_calls: What the model may call, and how.
        response_format: Structured output.
        reasoning: How much to think.
        metadata: Labels that the provider stores with the request.
        user: A stable, opaque id of the end user.
        extra: Fields passed on as they are, in the provider's own words; they win over ours, and
            objects are merged field by field.

    Example:
        >>> CompletionRequest(model="gpt-4o", messages="Say hello.", max_tokens=5)
        CompletionRequest(model='gpt-4o', messages=1)

    Raises:
        ValueError: When a value is out of range; the message says which and what fits.
    """

    model: str
    messages: Sequence[Message] | str
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: Sequence[str] | str = ()
    choice_count: int = 1
    logprobs: bool = False
    top_logprobs: int | None = None
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    metadata: dict[str, str] = {}
    user: str | None = None
    extra: dict[str, Any] = {}

    def __post_init__(self) -> None:
        asked, stop = self.messages, self.stop
        messages = (Message("user", asked),) if isinstance(asked, str) else sequence("messages", MESSAGES, asked)
        force_setattr(self, "messages", messages)
        force_setattr(self, "stop", (stop,) if isinstance(stop, str) else sequence("stop", "a text, or texts", stop))
        force_setattr(self, "tools", sequence("tools", "Tool values", self.tools))
        check_request(self)

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages, always as a tuple of :class:`Message`."""
        return cast("tuple[Message, ...]", self.messages)

    def __repr__(self) -> str:
        return f"CompletionRequest(model={self.model!r}, messages={len(self.messages)})"


def check_request(request: CompletionRequest) -> None:
    check_fields(request)
    require(bool(request.model), "model must name a model, such as 'gpt-4o'")
    require(not set(request.model) & set("\r\n\0"), "model must not hold CR, LF or NUL")
    require(bool(request.messages), "messages must hold at least one message")
    for message in cast("tuple[Any, ...]", request.messages):
        require(isinstance(message, Message), f"messages must be {MESSAGES}, not {type(message).__name__}")
    for text in cast("tuple[Any, ...]", request.stop):
        require(isinstance(text, str), f"stop must hold texts, not {type(text).__name__}")
        require(bool(text), "stop must not hold an empty text: it would end every answer at once")
    labels = cast("dict[Any, Any]", request.metadata)
    require(all(isinstance(text, str) for label in labels.items() for text in label), "metadata must hold texts")
    of_kind("response_format", request.response_format, ResponseFormat, "ResponseFormat(schema={…})")
    of_kind("reasoning", request.reasoning, Reasoning, "Reasoning(effort='low')")
    check_sampling(request)
    check_tools(request)


def check_sampling(request: CompletionRequest) -> None:
    in_range("max_tokens", request.max_tokens, 1, None, whole=True)
    in_range("temperature", request.temperature, 0, 2)
    in_range("top_p", request.top_p, 0, 1)
    in_range("top_k", request.top_k, 0, None, whole=True)
    in_range("frequency_penalty", request.frequency_penalty, -2, 2)
    in_range("presence_penalty", request.presence_penalty, -2, 2)
    in_range("seed", request.seed, None, None, whole=True)
    require(cast(Any, request.choice_count) is not None, "choice_count must be a whole number: 1 when left out")
    in_range("choice_count", request.choice_count, 1, 128, whole=True)
    in_range("top_logprobs", request.top_logprobs, 0, 20, whole=True)
    require(request.top_logprobs is None or request.logprobs, "top_logprobs needs logprobs=True")


def check_tools(request: CompletionRequest) -> None:
    for tool in cast("tuple[Any, ...]", request.tools):
        require(isinstance(tool, Tool), f"tools must hold Tool values, not {type(tool).__name__}")
    names = [tool.name for tool in request.tools]
    require(len(names) == len(set(names)), "two tools have the same name")
    choice = request.tool_choice
    of_kind("tool_choice", choice, ToolChoice, "ToolChoice('required')")
    require(
        choice is None or choice.mode in ("auto", "none") or bool(names),
        "tool_choice asks for a tool, but tools is empty",
    )
    require(
        choice is None or choice.name is None or choice.name in names, "tool_choice names a tool that is not in tools"
    )

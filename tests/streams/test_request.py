"""A request that exists can be rendered, says what is wrong with one that cannot, and shows no prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tokenrill import (
    Call,
    CompletionRequest,
    Document,
    Image,
    Message,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Reply,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

CANARY = "canary in a coal mine"
ADD = Tool(name="add", description=CANARY, parameters={"type": "object", "description": CANARY}, cache=True)
CONVERSATION = (
    Message.system(CANARY),
    Message.user(
        CANARY,
        Text(CANARY, cache=True),
        Image.of(url=f"https://example.com/{CANARY}.png"),
        Image(media_type="image/webp", data=CANARY.encode(), detail="low"),
        Document(media_type="application/pdf", data=CANARY.encode(), name=f"{CANARY}.pdf"),
    ),
    Message.assistant(
        ReasoningPart(CANARY, (("signature", CANARY), ("id", "r1"))),
        CANARY,
        RefusalPart(CANARY),
        ToolCall("c1", "add", f'{{"a": "{CANARY}"}}', signature=CANARY),
    ),
    Message.tool(ToolResult("c1", (Text(CANARY), Image(media_type="image/png", data=b"\0\xff")), is_error=True)),
)
EVERYTHING = CompletionRequest(
    model="gpt-4o",
    messages=CONVERSATION,
    max_tokens=5,
    temperature=0.5,
    top_p=0.9,
    top_k=4,
    frequency_penalty=-1.0,
    presence_penalty=2.0,
    seed=-7,
    stop=(CANARY, "\r\n"),
    choice_count=2,
    logprobs=True,
    top_logprobs=3,
    tools=(ADD,),
    tool_choice=ToolChoice("tool", "add"),
    parallel_tool_calls=False,
    response_format=ResponseFormat(schema={"title": CANARY}),
    reasoning=Reasoning(effort="low", summary="auto"),
    metadata={"note": CANARY},
    user="u1",
    extra={"note": CANARY},
)


def ask(**fields: Any) -> CompletionRequest:
    asked: dict[str, Any] = {"model": "m", "messages": "Hi", **fields}
    return CompletionRequest(**asked)


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "no model": (lambda: ask(model=""), "model must name a model, such as 'gpt-4o'"),
    "a model that is a header": (lambda: ask(model="m\r\nx: y"), "model must not hold CR, LF or NUL"),
    "no messages": (lambda: ask(messages=[]), "messages must hold at least one message"),
    "one bare message": (
        lambda: ask(messages=Message.user("Hi")),
        "messages must be a text, or Message values",
    ),
    "messages of a vendor": (
        lambda: ask(messages=[{"role": "user", "content": CANARY}]),
        r"Message values such as Message\('user', 'Hi'\), not dict",
    ),
    "empty text": (lambda: ask(stop=["a", ""]), "stop must not hold an empty text"),
    "stop of numbers": (lambda: ask(stop=[1]), "stop must hold texts, not int"),
    "stop of None": (lambda: ask(stop=None), "stop must be a text, or texts in a list or tuple, not NoneType"),
    "no tokens": (lambda: ask(max_tokens=0), "max_tokens must be a whole number of 1 or more, not 0"),
    "half a token": (lambda: ask(max_tokens=1.5), "max_tokens must be a whole number of 1 or more, not 1.5"),
    "yes": (lambda: ask(max_tokens=True), "max_tokens must be a whole number of 1 or more, not True"),
    "too hot": (lambda: ask(temperature=2.1), "temperature must be a number from 0 to 2, not 2.1"),
    "NaN": (lambda: ask(temperature=float("nan")), "temperature must be a number from 0 to 2, not nan"),
    "hot in words": (lambda: ask(temperature=CANARY), "temperature must be a number from 0 to 2, not str"),
    "top_p": (lambda: ask(top_p=-0.1), "top_p must be a number from 0 to 1, not -0.1"),
    "top_k": (lambda: ask(top_k=-1), "top_k must be a whole number of 0 or more, not -1"),
    "frequency_penalty": (lambda: ask(frequency_penalty=3), "frequency_penalty must be a number from -2 to 2, not 3"),
    "presence_penalty": (lambda: ask(presence_penalty=-3), "presence_penalty must be a number from -2 to 2, not -3"),
    "seed": (lambda: ask(seed="x"), "seed must be a whole number, not 'x'"),
    "choice_count": (lambda: ask(choice_count=0), "choice_count must be a whole number from 1 to 128, not 0"),
    "top_logprobs": (lambda: ask(logprobs=True, top_logprobs=21), "top_logprobs must be a whole number from 0 to 20"),
    "top_logprobs alone": (lambda: ask(top_logprobs=1), "top_logprobs needs logprobs=True"),
    "tools of a vendor": (lambda: ask(tools=[{"name": "add"}]), "tools must hold Tool values, not dict"),
    "the same tool twice": (lambda: ask(tools=[ADD, ADD]), "two tools have the same name"),
    "a choice without tools": (
        lambda: ask(tool_choice=ToolChoice("required")),
        "asks for a tool, but tools is empty",
    ),
    "another tool": (
        lambda: ask(tools=[ADD], tool_choice=ToolChoice("tool", "sub")),
        "names a tool that is not in tools",
    ),
    "a named mode": (lambda: ToolChoice("auto", "add"), "names a tool exactly when mode='tool'"),
    "an unnamed tool": (lambda: ToolChoice("tool"), "names a tool exactly when mode='tool'"),
    "a wrong mode": (lambda: ToolChoice("any"), "mode must be one of auto, none, required, tool, not 'any'"),  # pyright: ignore[reportArgumentType]
    "a nameless tool": (lambda: Tool(name=""), "a tool needs a name"),
    "a schema as text": (lambda: Tool(name="a", parameters="{}"), "parameters must be a dict, not str"),  # pyright: ignore[reportArgumentType]
    "effort": (lambda: Reasoning(effort="huge"), "effort must be one of none, minimal, low"),  # pyright: ignore[reportArgumentType]
    "budget": (lambda: Reasoning(budget_tokens=-1), "budget_tokens must be a whole number of 0 or more, not -1"),
    "extra": (lambda: ask(extra=[1]), "extra must be a dict"),
    "metadata": (lambda: ask(metadata="x"), "metadata must be a dict"),
    "a role of a vendor": (lambda: Message("developer", "x"), "role must be one of system, .*, not 'developer'"),  # pyright: ignore[reportArgumentType]
    "swapped": (lambda: Message(CANARY, "user"), "role must be one of system, user, assistant, tool, not str"),  # pyright: ignore[reportArgumentType]
    "no content": (lambda: Message("user", []), "user messages need content: a text, or at least one part"),
    "content of None": (lambda: Message("user", None), "content must be a text, or parts in a list"),  # pyright: ignore[reportArgumentType]
    "content of a vendor": (lambda: Message("user", [{"text": CANARY}]), "user messages hold Text, .*; got dict"),  # pyright: ignore[reportArgumentType]
    "a call by the user": (
        lambda: Message.user(ToolCall("1", "a")),
        "user messages hold .*; got ToolCall",
    ),
    "an image in the system": (
        lambda: Message("system", [Image.of(data=b"x")]),
        "system messages hold Text; got",
    ),
    "text by a tool": (lambda: Message("tool", "x"), "tool messages hold ToolResult; got Text"),
    "a number as text": (lambda: Text(1), "text must be a str, not int"),  # pyright: ignore[reportArgumentType]
    "no image": (lambda: Image(media_type="image/png"), "Image needs exactly one of url= and data="),
    "two images": (lambda: Image.of(url="https://x", data=b"x"), "Image needs exactly one of url= and data="),
    "no MIME type": (lambda: Document.of(data=b"x", media_type="pdf"), "media_type must be a MIME type"),
    "an answer to nothing": (lambda: ToolResult(""), "needs the id of the call it answers"),
    "an answer of calls": (lambda: ToolResult("1", [ToolCall("1", "a")]), "a tool result holds Text and Image"),  # pyright: ignore[reportArgumentType]
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_says_what_to_change_and_quotes_nothing(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert CANARY not in str(caught.value)


PARTS = [part for message in CONVERSATION for part in message.parts]
SILENT = [
    EVERYTHING,
    *CONVERSATION,
    *PARTS,
    *EVERYTHING.tools,
    EVERYTHING.response_format,
    Call("p", EVERYTHING),
    Reply(choices=(msgspec.structs.replace(Reply().choices[0], parts=tuple(PARTS)),)),
]


@pytest.mark.parametrize("value", SILENT, ids=lambda value: type(value).__name__)
def test_no_repr_shows_what_was_written(value: object) -> None:
    for shown in (repr(value), str(value), f"{value}", repr([value]), repr({"k": value})):
        assert "canary" not in shown
        assert type(value).__name__ in shown


def test_a_request_survives_json() -> None:
    wire = msgspec.json.encode(EVERYTHING)
    again = msgspec.json.decode(wire, type=CompletionRequest)
    assert again == EVERYTHING
    assert isinstance(again.messages, tuple)
    assert msgspec.json.encode(again) == wire


def test_each_message_and_result_survives_json() -> None:
    for message in CONVERSATION:
        assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message


def test_json_by_hand_may_use_plain_texts() -> None:
    wire = b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stop": "x"}'
    assert msgspec.json.decode(wire, type=CompletionRequest) == ask(messages=[Message.user("Hi")], stop="x")


def test_json_that_makes_no_request_is_refused_with_the_same_words() -> None:
    with pytest.raises(msgspec.ValidationError, match="temperature must be a number from 0 to 2, not 9"):
        msgspec.json.decode(b'{"model": "m", "messages": "Hi", "temperature": 9}', type=CompletionRequest)


def test_lists_become_tuples_so_that_nobody_changes_a_request_later() -> None:
    parts, messages, stop, tools = [Text("a")], [Message.user("a")], ["x"], [ADD]
    message = Message("user", parts)
    request = ask(messages=messages, stop=stop, tools=tools)
    for grown in (parts, messages, stop, tools):
        grown.clear()
    assert (message.parts, request.turns, request.stop, request.tools) == (
        (Text("a"),),
        (Message.user("a"),),
        ("x",),
        (ADD,),
    )


def test_a_text_is_one_user_message() -> None:
    assert ask().turns == (Message("user", "Hi"),)
    assert ask(stop="x").stop == ("x",)
    assert Message.user("a", "b").text == "ab"
    assert ToolResult("1", "x").parts == (Text("x"),)
    assert ToolResult("1", "x").text == "x"


def test_media_types_are_guessed_from_names(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    (tmp_path / "b.txt").write_text("text")
    (tmp_path / "c").write_bytes(b"%PDF")
    assert Image.of(tmp_path / "a.gif") == Image(media_type="image/gif", data=b"GIF89a")
    assert Document.of(tmp_path / "b.txt") == Document(media_type="text/plain", data=b"text", name="b.txt")
    assert Document.of(tmp_path / "c").media_type == "application/pdf"
    assert Image.of(url="https://example.com/a.jpg?size=1.png").media_type == "image/jpeg"
    assert Image.of(data=b"x").media_type == "image/png"


def test_arguments_are_parsed_when_asked_for() -> None:
    assert ToolCall("1", "a", '{"a": [1]}').input == {"a": [1]}
    assert ToolCall("1", "a", " \n").input == {}


def test_signatures_are_found_by_kind() -> None:
    part = ReasoningPart("", (("id", "r1"), ("signature", "s"), ("signature", "later")))
    assert (part.signature(), part.signature("id"), part.signature("redacted")) == ("s", "r1", None)

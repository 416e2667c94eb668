"""A reply holds what came, in the order it came, and goes back into the next request."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import given, strategies as st

from tokenrill import (
    Citation,
    CompletionRequest,
    Finish,
    LimitExceeded,
    Message,
    ReasoningDelta,
    ReasoningPart,
    ReasoningSignature,
    RefusalDelta,
    RefusalPart,
    Reply,
    ReplyBuilder,
    ResponseStart,
    Retract,
    StreamToken,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)


def reply_of(tokens: Iterable[StreamToken]) -> Reply:
    builder = ReplyBuilder()
    for token in tokens:
        assert builder.feed(token) == ()
    (reply,) = builder.close()
    return reply


def test_everything_a_provider_says_of_an_answer_is_in_the_reply() -> None:
    cited = Citation(url="https://example.com", title="Example")
    reply = reply_of(
        [ResponseStart("r1", "gpt-4o", "req-1"), TextDelta("Hi"), cited, Usage(3, 1), Finish("stop", "end_turn")]
    )
    assert (reply.id, reply.model, reply.request_id, reply.usage) == ("r1", "gpt-4o", "req-1", Usage(3, 1))
    assert (reply.text, reply.citations, reply.finish) == ("Hi", (cited,), Finish("stop", "end_turn"))


def test_nothing_at_all_is_an_empty_reply() -> None:
    reply = reply_of([])
    assert reply == Reply()
    assert (reply.text, reply.reasoning, reply.refusal, reply.tool_calls, reply.finish) == ("", "", "", (), None)
    with pytest.raises(ValueError, match="assistant messages need content"):
        _ = reply.message


def test_choices_are_kept_apart_and_in_order() -> None:
    tokens = [
        TextDelta("b", choice=1),
        TextDelta("a"),
        TextDelta("B", choice=1),
        Finish("length", choice=1),
        Finish("stop"),
    ]
    reply = reply_of(tokens)
    assert [choice.text for choice in reply.choices] == ["a", "bB"]
    assert [choice.finish for choice in reply.choices] == [Finish("stop"), Finish("length", choice=1)]
    assert reply.text == "a"


def test_a_choice_that_has_not_come_yet_leaves_its_place() -> None:
    reply = reply_of([TextDelta("b", choice=1)])
    assert [choice.text for choice in reply.choices] == ["", "b"]
    assert reply.text == ""


@pytest.mark.parametrize("number", [128, -1, 10**9])
def test_a_choice_that_nobody_can_have_asked_for_is_refused(number: int) -> None:
    with pytest.raises(LimitExceeded, match="max_choices=128"):
        reply_of([TextDelta("x", choice=number)])
    lenient = ReplyBuilder(strict=False)
    lenient.feed(TextDelta("x", choice=number))
    assert lenient.reply() == Reply()


def test_interleaved_calls_are_assembled_by_index() -> None:
    reply = reply_of(
        [
            ToolCallStart("c1", "add", 0),
            ToolCallDelta('{"a":', 0),
            ToolCallStart("c2", "sub", 1, signature="sig"),
            ToolCallDelta('{"b":', 1),
            ToolCallDelta("1}", 0),
            ToolCallEnd(0),
            ToolCallDelta("2}", 1),
        ]
    )
    assert reply.tool_calls == (ToolCall("c1", "add", '{"a":1}'), ToolCall("c2", "sub", '{"b":2}', "sig"))
    assert [call.input for call in reply.tool_calls] == [{"a": 1}, {"b": 2}]


def test_a_new_call_at_an_index_already_used_is_another_call() -> None:
    tokens = [ToolCallStart("c1", "a"), ToolCallDelta("1"), ToolCallStart("c2", "b"), ToolCallDelta("2")]
    assert reply_of(tokens).tool_calls == (ToolCall("c1", "a", "1"), ToolCall("c2", "b", "2"))


def test_arguments_without_a_beginning_are_kept() -> None:
    assert reply_of([ToolCallDelta("{}", 3)]).tool_calls == (ToolCall("", "", "{}"),)


def test_the_same_index_in_two_choices_is_two_calls() -> None:
    reply = reply_of(
        [ToolCallStart("c1", "a"), ToolCallStart("c2", "a", choice=1), ToolCallDelta("1"), ToolCallDelta("2", choice=1)]
    )
    assert [choice.tool_calls[0].arguments for choice in reply.choices] == ["1", "2"]


def test_signatures_of_several_kinds_stay_with_their_reasoning() -> None:
    reply = reply_of(
        [
            ReasoningSignature("rs_1", kind="id"),
            ReasoningDelta("think"),
            ReasoningDelta("ing"),
            ReasoningSignature("s1"),
            ReasoningSignature("e1", kind="encrypted"),
            ReasoningSignature("opaque", index=1, kind="redacted"),
            ReasoningDelta("more", index=2),
            TextDelta("answer"),
        ]
    )
    assert reply.choices[0].parts == (
        ReasoningPart("thinking", (("id", "rs_1"), ("signature", "s1"), ("encrypted", "e1"))),
        ReasoningPart("", (("redacted", "opaque"),)),
        ReasoningPart("more"),
        Text("answer"),
    )
    assert reply.reasoning == "thinkingmore"


def test_parts_keep_the_order_in_which_they_came() -> None:
    reply = reply_of(
        [
            TextDelta("a"),
            ToolCallStart("c", "t"),
            TextDelta("b"),
            TextDelta("c", index=1),
            RefusalDelta("no"),
            ToolCallDelta("{}"),
        ]
    )
    assert reply.choices[0].parts == (Text("a"), ToolCall("c", "t", "{}"), Text("b"), Text("c"), RefusalPart("no"))
    assert (reply.text, reply.refusal) == ("abc", "no")


def test_empty_deltas_make_no_parts_and_break_none() -> None:
    tokens = [TextDelta(""), ReasoningDelta("a"), TextDelta(""), RefusalDelta(""), ReasoningDelta("b")]
    assert reply_of(tokens).choices[0].parts == (ReasoningPart("ab"),)


def test_every_character_stays_as_it_came() -> None:
    pieces = ["a\r", "\nb\r\n", "\u0085\u2028", "\ud83d", "\ude00", "\0\x1b[31m\ufeff", "🏳️", "‍🌈"]
    text = "".join(pieces)
    assert reply_of([TextDelta(piece) for piece in pieces]).text == text
    assert reply_of([ToolCallStart("c", "t"), *map(ToolCallDelta, pieces)]).tool_calls[0].arguments == text


def test_a_partial_reply_can_be_read_at_any_time_and_goes_on() -> None:
    builder = ReplyBuilder()
    builder.feed(TextDelta("Hel"))
    half = builder.reply()
    builder.feed(TextDelta("lo"))
    assert (half.text, builder.reply().text, half.finish) == ("Hel", "Hello", None)


def test_an_answer_becomes_a_turn_of_the_next_request_and_survives_json() -> None:
    reply = reply_of(
        [
            ReasoningDelta("hm"),
            ReasoningSignature("s"),
            TextDelta("Sure.\r\n"),
            ToolCallStart("c", "t"),
            ToolCallDelta("{}"),
        ]
    )
    request = CompletionRequest(model="m", messages=[Message.user("Hi"), reply.message])
    again = msgspec.json.decode(msgspec.json.encode(request), type=CompletionRequest)
    assert again.turns[1].parts == reply.choices[0].parts
    assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply) == reply


def test_past_the_limit_it_fails_or_leaves_out() -> None:
    strict = ReplyBuilder(max_characters=300)
    strict.feed(TextDelta("x" * 172))
    assert len(strict.reply().text) == 172
    with pytest.raises(LimitExceeded, match="max_characters=300"):
        strict.feed(TextDelta("y"))
    lenient = ReplyBuilder(max_characters=300, strict=False)
    for _ in range(100):
        lenient.feed(TextDelta("x" * 10))
    assert 0 < len(lenient.reply().text) <= 300
    assert lenient.characters == 1000


def flood(kind: str) -> Iterable[StreamToken]:
    for number in range(40_000):
        match kind:
            case "calls":
                yield ToolCallStart("", "", number)
            case "signatures":
                yield ReasoningSignature("", number % 2)
            case "citations":
                yield Citation(raw={"page": "x" * 100})
            case "choices":
                yield Finish("stop", choice=number)
            case "parts":
                yield TextDelta("x") if number % 2 else ReasoningDelta("x")
            case _:
                yield TextDelta("x" * 64)


@pytest.mark.parametrize("kind", ["calls", "signatures", "citations", "choices", "parts", "text"])
def test_no_flood_of_small_things_grows_without_bound(kind: str) -> None:
    builder = ReplyBuilder(max_characters=64 << 10, strict=False)
    tracemalloc.start()
    try:
        for token in flood(kind):
            builder.feed(token)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held <= 2 << 20


tokens = st.one_of(
    st.builds(TextDelta, st.text(max_size=3), st.integers(0, 1), st.integers(0, 1)),
    st.builds(ReasoningDelta, st.text(max_size=3), st.integers(0, 1)),
    st.builds(RefusalDelta, st.text(max_size=3)),
    st.builds(ReasoningSignature, st.text(max_size=3), st.integers(0, 1)),
    st.builds(ToolCallStart, st.text(max_size=3), st.text(max_size=3), st.integers(0, 2)),
    st.builds(ToolCallDelta, st.text(max_size=3), st.integers(0, 2)),
    st.builds(Finish, st.just("stop"), choice=st.integers(0, 1)),
)


@given(st.lists(tokens, max_size=30), st.integers(0, 99))
def test_batches_of_any_size_give_the_same_reply_and_lose_nothing(said: list[StreamToken], seed: int) -> None:
    dice, builder, left = random.Random(seed), ReplyBuilder(), list(said)
    while left:
        size = dice.randrange(1, 5)
        batch: Sequence[StreamToken] = left[:size]
        del left[:size]
        if builder.feed_batch(batch) is None:
            for token in batch:
                builder.feed(token)
    reply = builder.reply()
    assert reply == reply_of(said)
    for number, choice in enumerate(reply.choices):
        here = [token for token in said if getattr(token, "choice", 0) == number]
        assert choice.text == "".join(token.text for token in here if isinstance(token, TextDelta))
        arguments = "".join(token.arguments for token in here if isinstance(token, ToolCallDelta))
        assert sorted("".join(call.arguments for call in choice.tool_calls)) == sorted(arguments)


@pytest.mark.parametrize("every", [1, 7, 100, 10_000])
@pytest.mark.parametrize("others", [False, True])
def test_a_long_text_of_small_pieces_is_whole_however_often_it_is_asked_for(every: int, others: bool) -> None:
    builder, pieces = ReplyBuilder(), [f"é{number} " for number in range(700)]
    for number, piece in enumerate(pieces):
        assert builder.feed_batch((TextDelta(piece),)) == ()
        if others and number % 50 == 0:
            builder.feed_batch((TextDelta("x" * 200, choice=1),))
        if number % every == 0:
            assert builder.reply().text == "".join(pieces[: number + 1])
    assert [choice.text for choice in builder.reply().choices] == ["".join(pieces), *(["x" * 2800] if others else [])]


def test_what_the_provider_takes_back_is_told_and_kept() -> None:
    builder = ReplyBuilder()
    for token in (TextDelta("good bad"), Retract(5, 8, "violence"), Finish("content_filter", "content_filter")):
        builder.feed(token)
    choice = builder.reply().choices[0]
    assert (choice.text, choice.retracted) == ("good bad", (Retract(5, 8, "violence"),))

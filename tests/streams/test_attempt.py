"""A call that is tried again has attempts: each its own account, and the text that stands is paid for once."""

from __future__ import annotations

import pytest

from tokenrill import Call, CompletionRequest, Finish, Replay, ResponseStart, StreamError, TextDelta, Usage
from tokenrill.sources.dialects.openai_chat import OPENAI_CHAT
from tokenrill.streams.attempt import total
from tokenrill.streams.call import Account

REQUEST = CompletionRequest(model="m", messages="x" * 40)
OTHER = CompletionRequest(model="other", messages="x" * 80)


def fed(call: Call, *tokens: object) -> list[object]:
    account = Account(call)
    return [one for token in tokens for one in account.feed(token)]  # pyright: ignore[reportArgumentType]


def test_each_subscription_is_an_attempt_with_a_reply_of_its_own() -> None:
    call = Call("p", REQUEST)
    fed(call, ResponseStart("r1", "m", "req-1"), TextDelta("lost"))
    fed(call, TextDelta("kept"))
    assert (call.attempts, call.reply.text, call.request_id) == (2, "kept", None)


def test_an_attempt_that_is_over_writes_nothing_on_the_next() -> None:
    call = Call("p", REQUEST)
    first = Account(call)
    second = Account(call)
    list(first.feed(TextDelta("late")))
    list(first.close())
    list(second.feed(TextDelta("now")))
    assert (call.reply.text, call.ended) == ("now", False)


def test_another_provider_is_asked_something_else() -> None:
    call = Call("p", REQUEST)
    fed(call, TextDelta("lost"))
    call.turn_to("q", OTHER)
    fed(call, TextDelta("x"))
    assert (call.provider, call.request.model, call.attempts, call.reply.text) == ("q", "other", 2, "x")
    assert call.usage == Usage(20, 1, kind="estimated")


def test_going_on_keeps_the_text_and_adds_up_the_cost() -> None:
    call = Call("p", REQUEST)
    fed(call, Usage(10, 1, kind="partial"), TextDelta("x" * 8))
    call.turn_to("p", OTHER, going_on=True)
    assert call.usage == Usage(10, 2, kind="partial")
    out = fed(call, TextDelta("y" * 4), Usage(30, 5), Finish("stop"))
    assert call.reply.text == "x" * 8 + "y" * 4
    assert out[-2:] == [Usage(40, 7, kind="partial"), Finish("stop")]
    assert call.usage == Usage(40, 7, kind="partial")


def test_an_estimate_counts_only_what_the_attempt_itself_wrote() -> None:
    call = Call("p", REQUEST)
    fed(call, TextDelta("x" * 8))
    call.turn_to("p", OTHER, going_on=True)
    out = fed(call, TextDelta("y" * 4), Finish("stop"))
    assert out[-2] == Usage(30, 3, kind="estimated")


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [(("exact", "exact"), "exact"), (("estimated", "estimated"), "estimated"), (("estimated", "exact"), "partial")],
)
def test_a_sum_is_exact_only_when_both_are(kinds: tuple[str, str], kind: str) -> None:
    one, two = (Usage(1, 2, 3, 4, 5, kind=each) for each in kinds)  # pyright: ignore[reportArgumentType]
    assert total(one, two) == Usage(2, 4, 6, 8, 10, kind=kind)  # pyright: ignore[reportArgumentType]


def test_a_rival_has_its_own_account_until_the_call_gives_way_to_it() -> None:
    call = Call("p", REQUEST)
    fed(call, TextDelta("slow"))
    rival = call.beside("q", OTHER)
    account = Account(rival)
    list(account.feed(TextDelta("fa")))
    assert (call.provider, call.reply.text, rival.demand) == ("p", "slow", call.demand)
    call.give_way(rival)
    list(account.feed(TextDelta("st")))
    assert (call.provider, call.reply.text, call.attempts) == ("q", "fast", 2)


def test_the_error_of_the_last_attempt_tells_of_that_attempt() -> None:
    call = Call("p", REQUEST)
    fed(call, ResponseStart("r", "m", "req-1"), TextDelta("x"))
    call.turn_to("q", OTHER)
    call.begin()
    error = StreamError("no")
    call.blame(error)
    assert (error.provider, error.request_id, error.partial, error.usage) == ("q", None, None, None)


def test_a_source_that_is_subscribed_to_twice_makes_two_attempts() -> None:
    wire = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    call = Call("replay", REQUEST)
    stream = Replay(wire, OPENAI_CHAT).stream(call)
    for _ in range(2):
        stream.subscribe()
    assert (call.attempts, call.reply.text) == (2, "Hi")

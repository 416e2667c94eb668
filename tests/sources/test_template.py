"""Texts taken out of a whole read are the ones that decoding each event gives, whatever the events are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import Struct

from tokenrill import ResponseStart, StreamToken, TextDelta
from tokenrill.sources.dialects.anthropic_messages.decode import MessagesDecoder
from tokenrill.sources.dialects.openai_chat.decode import ChatDecoder
from tokenrill.sources.template import Learner
from tokenrill.streams.burst import Burst
from tokenrill.streams.codec import typed_decoder
from tokenrill.streams.sse import SsePayloads
from tokenrill.streams.text_run import TextRun
from tokenrill.streams.types import Transducer

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(['"', "\\", "\\n", '","', '"}', "\n\n", "data: ", "\u2028", "é", "👍", "probe", "a\\", ',"b', ""]),
)
Event = bytes


def openai(text: str, padding: str = "", *, escaped: bool = True, spaced: bool = False, **more: Any) -> Event:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
    chunk = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "modèle",
        "choices": [choice],
        **more,
    }
    if padding:
        chunk["obfuscation"] = padding
    separators = None if spaced else (",", ":")
    return f"data: {json.dumps(chunk, separators=separators, ensure_ascii=escaped)}\n\n".encode()


def anthropic(text: str, padding: str = "", *, escaped: bool = True, index: int = 0, **more: Any) -> Event:
    said = {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text, **more}}
    written = json.dumps(said, separators=(",", ":"), ensure_ascii=escaped)
    return f"event: content_block_delta\ndata: {written[:-1]}{' ' * len(padding)}}}\n\n".encode()


ANTHROPIC_BEGIN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m1","model":"m"}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
)
PADDINGS = st.text("aZ09", max_size=9)
OPENAI_ODD = st.sampled_from(
    [
        openai("x", service_tier="flex"),
        openai("x", unheard_of=1),
        openai("x", spaced=True),
        openai("x", "not-letters"),
        openai("x", usage=None),
        openai("x").replace(b'"index":0', b'"index":1'),
        openai("x").replace(b'"finish_reason":null', b'"finish_reason":"length"'),
        openai("x").replace(b'"content":"x"', b'"content":"x","content":"y"'),
        openai("x").replace(b'"content":"x"', b'"reasoning_content":"x"'),
        openai("x").replace(b'"content":"x"', b'"content":"\\ud83d"'),
        openai("x").replace(b'"content":"x"', b'"content":null'),
        b": ping\n\n",
    ]
)
ANTHROPIC_ODD = st.sampled_from(
    [
        b'event: ping\ndata: {"type":"ping"}\n\n',
        anthropic("x", unheard_of=1),
        anthropic("x", index=3),
        anthropic("x").replace(b'"text_delta"', b'"thinking_delta"').replace(b'"text":', b'"thinking":'),
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    ]
)


def one_by_one(decoder: Transducer[bytes, StreamToken], body: bytes) -> tuple[list[StreamToken], str]:
    tokens: list[StreamToken] = []
    try:
        for payload in SsePayloads().feed(body):
            tokens.extend(decoder.feed(payload))
        tokens.extend(decoder.close())
    except Exception as error:
        return tokens, type(error).__name__
    return tokens, ""


def by_reads(decoder: Any, body: bytes, size: int) -> tuple[list[StreamToken], str]:
    framer = SsePayloads()
    tokens: list[StreamToken] = []
    try:
        for start in range(0, len(body), size):
            payloads = framer.feed_batch((body[start : start + size],))
            assert payloads is not None
            batch = decoder.feed_batch(payloads) if payloads else ()
            if batch is not None:
                tokens.extend(batch)
                continue
            for payload in payloads:
                tokens.extend(decoder.feed(payload))
        tokens.extend(decoder.close())
    except Exception as error:
        return tokens, type(error).__name__
    return tokens, ""


@st.composite
def bodies(draw: st.DrawFn, provider: str) -> bytes:
    make = openai if provider == "openai" else anthropic
    escaped = draw(st.booleans())
    padded = draw(st.booleans())
    said = draw(st.lists(st.tuples(TEXTS, PADDINGS), min_size=1, max_size=8))
    events = [make(text, padding if padded else "", escaped=escaped) for text, padding in said]
    events *= draw(st.integers(2, 30))
    for _ in range(draw(st.integers(0, 2))):
        odd = draw(OPENAI_ODD if provider == "openai" else ANTHROPIC_ODD)
        events.insert(draw(st.integers(0, len(events))), odd)
    return (b"" if provider == "openai" else ANTHROPIC_BEGIN) + b"".join(events)


@given(bodies("openai"), st.integers(4096, 9000))
def test_openai_says_the_same_by_reads_and_by_events(body: bytes, size: int) -> None:
    assert by_reads(ChatDecoder(), body, size) == one_by_one(ChatDecoder(), body)


@given(bodies("anthropic"), st.integers(4096, 9000))
def test_anthropic_says_the_same_by_reads_and_by_events(body: bytes, size: int) -> None:
    assert by_reads(MessagesDecoder(), body, size) == one_by_one(MessagesDecoder(), body)


@pytest.mark.parametrize("padded", [True, False], ids=["padded", "bare"])
@pytest.mark.parametrize("text", ["word", "línea\n", '"quoted" \\', "👍"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_texts_really_are_taken_at_once(provider: str, text: str, *, padded: bool) -> None:
    make, decoder = (openai, ChatDecoder()) if provider == "openai" else (anthropic, MessagesDecoder())
    events = [make(f"{text}{number}", "a" * (1 + number % 7) if padded else "") for number in range(118)]
    framer = SsePayloads()
    begin = events[0] if provider == "openai" else ANTHROPIC_BEGIN + events[0]
    for payload in framer.feed(begin):
        list(decoder.feed(payload))
    burst = framer.feed_batch((b"".join(events),))
    assert burst is not None
    run = decoder.feed_batch(burst)
    assert type(run) is TextRun
    assert run == tuple(TextDelta(f"{text}{number}") for number in range(118))
    assert run.text == "".join(f"{text}{number}" for number in range(118))


def test_a_stream_that_never_repeats_itself_is_not_looked_into_for_ever() -> None:
    looked: list[bytes] = []

    def look(payload: bytes) -> tuple[str, int]:
        looked.append(payload)
        return "x", 0

    learner, framer = Learner(look), SsePayloads()
    list(framer.feed(openai("x")))
    for number in range(40):
        burst = framer.feed_batch((b"".join(openai("x", id=f"c{number}-{line}") for line in range(60)),))
        assert type(burst) is Burst
        assert learner.texts(burst) is None
    assert len(looked) < 200


def test_the_first_chunk_of_a_burst_begins_the_answer() -> None:
    decoder, framer = ChatDecoder(), SsePayloads()
    list(framer.feed(openai("x")))
    burst = framer.feed_batch((openai("Hi") * 60,))
    assert burst is not None
    tokens = decoder.feed_batch(burst)
    assert tokens is not None
    assert list(tokens) == [ResponseStart("c1", "modèle"), *[TextDelta("Hi")] * 60]


def numbered(number: int, text: str, *, part: int = 1, pad: str = "ab") -> bytes:
    return f'{{"part":{part},"number":{number},"text":{json.dumps(text)},"pad":"{pad}"}}'.encode()


class Numbered(Struct, forbid_unknown_fields=True):
    part: int
    number: int
    text: str
    pad: str


def look_numbered(payload: bytes) -> tuple[str, int]:
    event = typed_decoder(Numbered).decode(payload)
    return event.text, event.part


EVENTS = [numbered(number, f'é"{number}', pad="a" * number) for number in range(24)]


def test_numbers_that_nobody_asks_for_may_change() -> None:
    assert Learner(look_numbered).texts(EVENTS) == (1, [f'é"{number}' for number in range(24)])


@pytest.mark.parametrize(
    "odd",
    [
        numbered(5, "x", part=2),
        numbered(5, "x").replace(b":5", b":05"),
        numbered(5, "x").replace(b":5", b":-5"),
        numbered(5, "x").replace(b":5", b":5.5"),
        numbered(5, "x").replace(b":5", b":" + b"5" * 20),
        numbered(5, "x", pad="é"),
        numbered(5, "x", pad='\\"'),
        numbered(5, "x", pad="~").replace(b"~", b"\x01"),
        numbered(5, "x", pad="~").replace(b"~", b"\\"),
        numbered(5, "x", pad="~").replace(b"~", b"\\z"),
        numbered(5, "x", pad="~").replace(b"~", b"\xff"),
        numbered(5, "x").replace(b'"x"', b'"x\\"'),
        numbered(5, "x").replace(b'"x"', b'"\\z"'),
        numbered(5, "x").replace(b'"x"', b'"x"y"'),
        numbered(5, "x").replace(b'"x"', b'"x\n"'),
        numbered(5, "x").replace(b'"x"', b'"\xff"'),
        numbered(5, "x").replace(b'"x"', b'"\\ud83d"'),
        numbered(5, "x").replace(b'"x"', b'"x","text":"y"'),
        numbered(5, "x") + b"\n" + numbered(6, "y"),
        b"",
    ],
)
def test_one_that_is_no_such_event_and_nothing_is_taken(odd: bytes) -> None:
    learner = Learner(look_numbered)
    assert learner.texts(EVENTS) is not None
    assert learner.texts([*EVENTS[:6], odd, *EVENTS[6:]]) is None
    assert learner.texts(EVENTS) is not None


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("cut", [b"\n", b"\r", b"\r\n"])
def test_a_line_end_in_the_json_of_an_event_ends_its_data(line_end: bytes, cut: bytes) -> None:
    """Of a burst nobody has looked for such: to JSON it is a blank, and to the standard the rest is no data."""
    events = [b"data: " + event.replace(b',"pad"', b"," + cut + b'"pad"') for event in EVENTS * 20]
    payloads = SsePayloads()
    assert payloads.feed_batch((b"data: 1" + line_end * 2,)) == [b"1"]
    batch = payloads.feed_batch(((line_end * 2).join([*events, b""]),))
    assert batch is not None
    assert Learner(look_numbered).texts(batch) is None
    assert {payload[-1:] for payload in batch} == {b","}


def test_something_odd_between_two_is_no_reason_to_learn_anew() -> None:
    looked: list[bytes] = []

    def look(payload: bytes) -> tuple[str, int]:
        looked.append(payload)
        return look_numbered(payload)

    learner = Learner(look)
    assert learner.texts(EVENTS) is not None
    looked.clear()
    for _ in range(20):
        assert learner.texts([*EVENTS, b'{"type":"ping"}', *EVENTS]) is None
    assert looked == []
    assert learner.texts(EVENTS) is not None


def test_a_number_that_matters_is_learned_as_it_is() -> None:
    mixed = [numbered(number, "x", part=number % 2) for number in range(24)]
    assert Learner(look_numbered).texts(mixed) is None


@pytest.mark.parametrize("count", [24, 99, 100, 101, 124, 250])
def test_many_events_say_what_each_does_and_all_of_one_thing(count: int) -> None:
    events = [numbered(number, f"w{number}") for number in range(count)]
    assert Learner(look_numbered).texts(events) == (1, [f"w{number}" for number in range(count)])
    assert Learner(look_numbered).texts([*events, *(numbered(number, "x", part=2) for number in range(count))]) is None


def test_few_events_are_not_worth_a_pattern() -> None:
    assert Learner(look_numbered).texts(EVENTS[:23]) is None

"""The elements of an array, however it is printed and cut."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tokenrill import LimitExceeded, MalformedEvent, StreamTruncated
from tokenrill.streams.json_array import JsonArrayParser

texts = st.text(st.sampled_from('ab{}[]",\\\n é🦀:'), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
printings = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 0, 2]), "separators": st.sampled_from([None, (",", ":"), (" , ", " : ")])},
    optional={"ensure_ascii": st.booleans()},
)


def parsed(chunks: list[bytes]) -> list[Any]:
    parser = JsonArrayParser()
    found = [json.loads(element) for chunk in chunks for element in parser.feed(chunk)]
    assert parser.close() == ()
    return found


def cut(text: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(values, max_size=5), printings, st.lists(st.integers(0, 500), max_size=8))
def test_any_printing_and_any_cut_give_the_elements(items: list[Any], printing: Any, places: list[int]) -> None:
    text = b" \r\n" + json.dumps(items, **printing).encode() + b"\n"
    assert parsed(cut(text, places)) == items
    assert parsed([text[at : at + 1] for at in range(len(text))]) == items


@given(st.dictionaries(texts, values, max_size=4), printings, st.lists(st.integers(0, 200), max_size=5))
def test_an_object_by_itself_is_one_element(item: dict[str, Any], printing: Any, places: list[int]) -> None:
    assert parsed(cut(json.dumps(item, **printing).encode() + b"\n", places)) == [item]


@given(st.lists(values, min_size=1, max_size=4), st.data())
def test_an_array_without_its_end_is_truncated(items: list[Any], data: st.DataObject) -> None:
    text = json.dumps(items).encode()
    parser = JsonArrayParser()
    list(parser.feed(text[: data.draw(st.integers(1, len(text) - 1))]))
    with pytest.raises(StreamTruncated):
        parser.close()


@given(st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b",", b'"', b"\\", b"1", b" ", b"\xff"]), max_size=30))
@settings(max_examples=300)
def test_any_bytes_give_elements_or_a_typed_error(pieces: list[bytes]) -> None:
    parser = JsonArrayParser()
    with suppress(MalformedEvent, StreamTruncated):
        for piece in pieces:
            list(parser.feed(piece))
        parser.close()


@pytest.mark.parametrize("text", [b"[1] 2", b'{"a":1}{"b":2}', b"[1}", b"[1]]"])
def test_what_is_no_single_array_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedEvent):
        list(JsonArrayParser().feed(text))


def test_an_element_is_bounded_in_one_chunk_and_in_many() -> None:
    for size in (1, 200):
        parser = JsonArrayParser(max_element_bytes=100)
        text = b'[{"a": "' + b"x" * 200
        chunks = [text[at : at + size] for at in range(0, len(text), size)]
        with pytest.raises(LimitExceeded) as caught:
            list(itertools.chain.from_iterable(map(parser.feed, chunks)))
        assert (caught.value.name, caught.value.limit) == ("max_element_bytes", 100)

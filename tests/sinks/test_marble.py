"""A marble diagram shows what came, in order, on which lane; and no word of it unless it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies as st
from reactivex import operators as ops

from tokenrill import (
    OPENAI_CHAT,
    CompletionRequest,
    Marbles,
    Replay,
    Retry,
    StreamPipelineBuilder,
    StreamTruncated,
    TextDelta,
)
from tokenrill.sinks.marble import MOST
from tokenrill.sinks.marble_axis import Marble, moments, places
from tokenrill.streams.call import Call

REQUEST = CompletionRequest(model="m", messages="Hello")
SAY = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n'
WIRE = SAY % b"One" + SAY % b"two" + b"data: [DONE]\n\n"


def ticking() -> Callable[[], float]:
    now = -1.0

    def clock() -> float:
        nonlocal now
        now += 1
        return now

    return clock


def test_each_lane_shows_what_passed_there() -> None:
    diagram = Marbles(words=True, clock=ticking())
    builder = StreamPipelineBuilder.source(Replay(WIRE, OPENAI_CHAT)).attach(diagram.lane("source"))
    builder.pipe(ops.filter(lambda token: isinstance(token, TextDelta))).attach(diagram.lane("text")).build().run(
        REQUEST
    )
    assert [marble.label for marble in diagram.of("source")] == ["R", "O", "t", "U", "F", ""]
    assert [marble.label for marble in diagram.of("text")] == ["O", "t", ""]
    assert diagram.of("text")[-1].kind == "completed"


def test_words_are_not_shown_unless_asked_for() -> None:
    diagram = Marbles(clock=ticking())
    StreamPipelineBuilder.source(Replay(WIRE, OPENAI_CHAT)).attach(diagram.lane("source")).build().run(REQUEST)
    assert "O" not in str(diagram).splitlines()[0]
    assert str(diagram).splitlines()[0].endswith("R••UF|")


def test_errors_decisions_and_leaving_are_shown() -> None:
    diagram, call = Marbles(clock=ticking()), Call("p", REQUEST)
    observer = diagram.lane("<source>")(call)
    observer.on_next(TextDelta("a"))
    observer.on_error(StreamTruncated())
    call.decide(Retry("before_content", attempt=2, wait=0.5, error="StreamTruncated"))
    observer.on_next(TextDelta("b"))
    observer.on_dispose()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert [marble.kind for marble in diagram.of("<source>")] == ["next", "error", "next", "left"]
    assert "attempt 2" in diagram.of("decided")[0].label
    text = str(diagram)
    assert "•-#" in text.replace(" ", "") or "•#" in text
    assert "attempt 2" in text


@pytest.mark.parametrize("at_once", [True, False])
def test_the_picture_is_xml_and_escapes_what_it_shows(at_once: bool) -> None:
    diagram, call = Marbles(words=True, clock=(lambda: 1.0) if at_once else ticking()), Call("p", REQUEST)
    observer = diagram.lane("<b>&")(call)
    for letter in "<&>\"'":
        observer.on_next(TextDelta(letter))
    observer.on_completed()
    picture = ElementTree.fromstring(diagram.svg())
    texts = [element.text for element in picture.iter() if element.tag.endswith("text")]
    assert texts[:6] == ["<b>&", *"<&>\"'"]
    circles = [float(element.attrib["cx"]) for element in picture.iter() if element.tag.endswith("circle")]
    assert all(right - left >= 20 for left, right in pairwise(circles))
    assert max(circles) < float(picture.attrib["width"])


def test_it_does_not_grow_without_end() -> None:
    diagram, call = Marbles(clock=ticking()), Call("p", REQUEST)
    observer = diagram.lane("source")(call)
    for _ in range(MOST + 5):
        observer.on_next(TextDelta("a"))
    assert (len(diagram.marbles), diagram.missed) == (MOST, 5)
    assert "5 more" in str(diagram)


def test_an_empty_diagram_can_be_shown() -> None:
    assert ElementTree.fromstring(Marbles().svg()).attrib["width"] == "900"
    assert str(Marbles())


def drawn(picture: str, kind: str) -> list[tuple[float, str]]:
    """Where each circle with a class of this kind stands, and when it came."""
    found = (element for element in ElementTree.fromstring(picture).iter() if element.tag.endswith("circle"))
    return [(float(one.attrib["cx"]), str(one[0].text)) for one in found if kind in one.attrib["class"].split()]


def diagram_at(*moments: float) -> Marbles:
    clock = iter([0.0, *moments])
    diagram = Marbles(clock=clock.__next__)
    observer = diagram.lane("source")(Call("p", REQUEST))
    for _ in moments[:-1]:
        observer.on_next(TextDelta("a"))
    observer.on_completed()
    return diagram


def test_a_long_answer_with_a_stall_fits_and_shows_the_stall() -> None:
    words = [index * 0.02 for index in range(1, 200)]
    diagram = diagram_at(*words, *(34 + at for at in words), 38.1)
    picture = diagram.svg()
    assert ElementTree.fromstring(picture).attrib["width"] == "900"
    places = [place for place, _ in drawn(picture, "marble")]
    assert max(later - earlier for earlier, later in pairwise(places)) > 900 / 3
    assert all(later - earlier >= 20 for earlier, later in pairwise(places))
    counts = [int(told.split()[0]) for _, told in drawn(picture, "many")]
    assert sum(counts) + len(places) - len(counts) == 398
    assert "-" * 20 in str(diagram)
    assert max(map(len, str(diagram).splitlines())) <= 72 + len("source  ") + 1
    assert "* several" in str(diagram)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=300).map(sorted), st.integers(40, 100))
def test_however_they_come_they_stand_in_order_and_in_the_picture(times: list[float], width: int) -> None:
    found = moments([Marble("a", at, "next", "•") for at in times], width)
    stands = places(found, width, 1)
    assert [marble.at for moment in found for marbles in moment.lanes.values() for marble in marbles] == times
    assert all(later - earlier >= 0.999 for earlier, later in pairwise(stands))
    assert stands[-1] <= width + 0.001


def test_lanes_that_saw_something_at_once_show_it_under_each_other() -> None:
    clock = iter([0.0, 0.0, 1.0, 1.000001, 1.2, 1.200001, 5.0, 5.000001])
    diagram = Marbles(clock=clock.__next__)
    call = Call("p", REQUEST)
    one, two = diagram.lane("one")(call), diagram.lane("two")(call)
    for _ in range(3):
        one.on_next(TextDelta("a"))
        two.on_next(TextDelta("a"))
    first, second, _ = str(diagram).splitlines()
    assert first.removeprefix("one") == second.removeprefix("two")


def test_what_a_model_says_commands_neither_the_terminal_nor_the_page() -> None:
    diagram, call = Marbles(words=True, clock=ticking()), Call("p", REQUEST)
    observer = diagram.lane("lane\x1b[2J")(call)
    for text in ("\x1b[2J", "\x00", "\ufffe", "\ud800", "日", "\u0301"):
        observer.on_next(TextDelta(text))
    diagram.note("said \x07")
    ElementTree.fromstring(diagram.svg())
    assert not set("\x1b\x00\x07\ud800") & set(str(diagram) + diagram.svg())
    assert str(diagram).splitlines()[0].endswith("␛␀\ufffd\ufffd••-")

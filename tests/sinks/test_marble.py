"""A marble diagram shows what came, in order, on which lane; and no word of it unless it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree

import pytest
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

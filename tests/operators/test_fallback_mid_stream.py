from __future__ import annotations

from typing import Any

import pytest
import reactivex as rx
from msgspec.structs import replace
from reactivex import operators as ops

from tests.stage import ASKED, Scripted, Stage
from tests.worlds import Actor, Shape
from tokenrill import (
    Alternative,
    ConnectionLost,
    Fallback,
    Finish,
    Overloaded,
    Raw,
    Seam,
    StreamError,
    StreamPipelineBuilder,
    StreamStalled,
    TextDelta,
    Usage,
    accumulate,
    fallback,
    race,
    resume,
    retry,
)
from tokenrill.streams.types import Operator


def full() -> Overloaded:
    return Overloaded("You asked: Hello?", status=503, code="busy", request_id="req_1")


def noted(error: Exception | None) -> str:
    return " ".join(getattr(error, "__notes__", ()))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def asking(stage: Stage, first: Scripted, *operators: Any) -> Any:
    builder: Any = StreamPipelineBuilder.source(first).attach(stage.watch)
    for operator in operators:
        builder = builder.pipe(operator)
    return builder.build()


def keep(stage: Stage) -> Operator[Any, Any]:
    def on_error(error: Exception) -> None:
        stage.error = error

    return ops.do_action(on_error=on_error)


def test_after_content_the_answer_stays(stage: Stage) -> None:
    lost = ConnectionLost("gone")
    second = Scripted("two", stage.cold("-S-ab-UF|"))
    assert stage.run(asking(stage, Scripted("one", stage.cold("-Sa#", lost)), fallback(second))) == "--(Sa)#"
    assert second.asked == []
    assert noted(lost) == "nobody else was asked: the answer had begun, and mid_stream is not allowed"


def test_going_on_with_what_another_has_begun(stage: Stage) -> None:
    first = Scripted("one", stage.cold("-Sab#", ConnectionLost("gone")))
    second = Scripted("two", stage.cold("-ScdUF|"))
    stream = asking(stage, first, fallback(Alternative(second, model="small"), mid_stream=True)).stream(ASKED)
    tokens: list[Any] = []
    stage.play(stream.pipe(ops.do_action(tokens.append)))
    assert [token for token in tokens if isinstance(token, (TextDelta, Seam))] == [
        TextDelta("a"),
        TextDelta("b"),
        Seam("two", "fallback after ConnectionLost"),
        TextDelta("c"),
        TextDelta("d"),
    ]
    (request,) = second.asked
    assert request.model == "small"
    assert [(turn.role, turn.text) for turn in request.turns] == [
        ("user", "Hello?"),
        ("assistant", "ab"),
        ("user", "Your previous response was interrupted and ended with `ab`. Continue from where you left off."),
    ]
    (usage,) = [token for token in tokens if isinstance(token, Usage)]
    assert usage.output_tokens == 4 + 1  # two characters of the first are estimated as one token
    assert tokens[-1] == Finish("stop")


def test_the_whole_answer_is_one_text(stage: Stage) -> None:
    first = Scripted("one", stage.cold("-Sab#", StreamStalled("idle", 1)))
    second = Scripted("two", stage.cold("-ScdUF|"))
    replies: list[Any] = []
    stream = asking(stage, first, fallback(second, mid_stream=True), accumulate()).stream(ASKED)
    stage.play(stream.pipe(ops.do_action(replies.append)))
    (reply,) = replies
    assert (reply.text, reply.choices[0].finish) == ("abcd", Finish("stop"))
    assert stage.calls[0].reply.text == "abcd"


def test_what_the_other_repeats_is_left_out(stage: Stage) -> None:
    first = Scripted("one", rx.concat(rx.of(TextDelta("They lived happily ")), rx.throw(ConnectionLost("gone"))))
    second = Scripted("two", rx.of(TextDelta("lived hap"), TextDelta("pily ever after."), Finish("stop")))
    replies: list[Any] = []
    stream = asking(stage, first, fallback(second, mid_stream=True), accumulate()).stream(ASKED)
    stage.play(stream.pipe(ops.do_action(replies.append)))
    assert [reply.text for reply in replies] == ["They lived happily ever after."]
    assert stage.calls[0].reply.text == "They lived happily ever after."


def test_an_error_tells_what_was_shown_not_what_was_repeated(stage: Stage) -> None:
    first = Scripted("one", rx.concat(rx.of(TextDelta("They lived happily ")), rx.throw(ConnectionLost("gone"))))
    lost = ConnectionLost("gone again")
    second = Scripted("two", rx.concat(rx.of(TextDelta("lived happily "), TextDelta("ever")), rx.throw(lost)))
    stage.play(asking(stage, first, fallback(second, mid_stream=True)).stream(ASKED))
    assert lost.partial is not None
    assert lost.partial.text == "They lived happily ever"


def test_the_other_may_have_nothing_to_add(stage: Stage) -> None:
    first = Scripted("one", stage.cold("-Sab#", ConnectionLost("gone")))
    second = Scripted("two", stage.cold("-SUF|"))
    drawn = stage.run(asking(stage, first, fallback(second, mid_stream=True)))
    assert drawn == "--(Sa)b----(<Seam><Usage>F|)"


def test_a_seam_is_told_once_when_the_other_is_resumed_too(stage: Stage) -> None:
    first = Actor("x", [Shape(((1, "t"),), "lost")])
    second = Actor("y", [Shape(((1, "S"),), "lost"), Shape(((1, "t"),), "lost"), Shape(((1, "t"),), "done")])
    builder = StreamPipelineBuilder.source(first).pipe(fallback(second, mid_stream=True)).pipe(resume())
    tokens: list[Any] = []
    stage.play(builder.build().stream(ASKED).pipe(ops.do_action(tokens.append)))
    assert [type(token).__name__ for token in tokens if not isinstance(token, Raw)] == (
        "TextDelta Seam TextDelta Seam TextDelta Usage Finish".split()
    )


def test_a_retry_at_the_other_goes_on_with_the_same_text(stage: Stage) -> None:
    busy, lost = Overloaded("full", retry_after=1), ConnectionLost("gone again")
    first = Scripted("one", stage.cold("-Sab#", ConnectionLost("gone")))
    second = Scripted("two", stage.cold("S#", busy), stage.cold("Scd#", lost))
    backup = StreamPipelineBuilder.source(second).pipe(retry()).build()
    stream = asking(stage, first, fallback(backup, mid_stream=True)).stream(ASKED).pipe(keep(stage))
    assert stage.play(stream).endswith("(<Seam>c)d#")
    assert [turn.text for turn in second.asked[1].turns][:2] == ["Hello?", "ab"]
    assert second.asked[0] == second.asked[1]
    assert lost.partial is not None
    assert lost.partial.text == "abcd"
    assert lost.usage is not None
    assert lost.usage.output_tokens == 2  # both halves, each estimated


@pytest.mark.parametrize("answers", [("-----d|", "-cUF|"), ("-cUF|", "-----d|")])
def test_whoever_wins_a_race_at_the_other_goes_on_with_the_same_text(stage: Stage, answers: tuple[str, str]) -> None:
    first = Scripted("one", stage.cold("-Sab#", ConnectionLost("gone")))
    second = Scripted("two", *(stage.cold(answer) for answer in answers))
    backup = StreamPipelineBuilder.source(second).pipe(race()).build()
    assert stage.run(asking(stage, first, fallback(backup, mid_stream=True))).endswith("(<Seam>c)-(<Usage>F)|")
    (call,) = stage.calls
    assert call.reply.text == "abc"
    assert call.usage is not None
    assert call.usage.output_tokens == 1 + 4


def test_a_block_in_the_middle_is_a_refusal(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("-SabUX|")), Scripted("two", stage.cold("-ScUF|"))
    drawn = stage.run(asking(stage, first, fallback(second, mid_stream=True)))
    assert drawn == "--(Sa)b---(<Seam>c)-(<Usage>F)|"
    assert [said.reason for said in stage.decisions if isinstance(said, Fallback)] == ["refusal"]


def test_without_permission_a_block_in_the_middle_is_the_end(stage: Stage) -> None:
    first, second = Scripted("one", stage.cold("-SabUX|")), Scripted("two", stage.cold("-ScUF|"))
    assert stage.run(asking(stage, first, fallback(second))) == "--(Sa)b-(UX)|"


def test_when_nobody_can_go_on_the_partial_answer_is_kept(stage: Stage) -> None:
    lost, last = ConnectionLost("gone"), full()
    first, second = Scripted("one", stage.cold("-Sab#", lost)), Scripted("two", stage.cold("-S#", last))
    stream = asking(stage, first, fallback(second, mid_stream=True)).stream(ASKED).pipe(keep(stage))
    assert stage.play(stream) == "--(Sa)b--#"
    assert isinstance(stage.error, StreamError)
    assert stage.error is last
    assert stage.error.partial is not None
    assert stage.error.partial.text == "ab"


def test_it_does_not_go_on_where_text_cannot_be(stage: Stage) -> None:
    lost = ConnectionLost("gone")
    first, second = Scripted("one", stage.cold("-Sa#", lost)), Scripted("two", stage.cold("a|"))
    pipeline = asking(stage, first, fallback(second, mid_stream=True))
    assert stage.play(pipeline.stream(replace(ASKED, choice_count=2))) == "--(Sa)#"
    assert noted(lost) == "nobody else was asked: several choices were asked for"


def test_resume_goes_on_with_whoever_spoke(stage: Stage) -> None:
    class Gapless:
        name, gapless = "sequence", True

        def resume(self, call: Any, error: StreamError) -> None:
            call.turn_to(call.provider, call.request, going_on=True)

    class Resumable(Scripted):
        def stream(self, call: Any, /) -> Any:
            call.continuations = (Gapless(),)
            return super().stream(call)

    first = Scripted("one", stage.cold("#", full()))
    second = Resumable("two", stage.cold("-Sa#", ConnectionLost("gone")), stage.cold("-bUF|"))
    assert stage.run(asking(stage, first, fallback(second), resume(wait=(1,)))) == "--(Sa)--b-(<Usage>F)|"
    assert len(first.asked) == 1
    assert stage.calls[0].reply.text == "ab"

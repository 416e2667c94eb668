from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from benchmarks.rounds import ContenderFailed, Result, in_own_process, interleaved, medians, ratio, run


def growth(figure: float, *, partial: bool = False) -> Result:
    return Result({"imports": {"mib": figure}}, [f"{figure} MiB"], {"all providers, MiB": figure}, partial)


def test_each_round_has_everybody_and_who_begins_takes_turns() -> None:
    asked: list[str] = []

    def measure(name: str) -> float:
        asked.append(name)
        return float(len(asked))

    runs = interleaved(["a", "b"], 3, measure)
    assert asked == ["a", "b", "b", "a", "a", "b"]
    assert runs == {"a": [1.0, 4.0, 5.0], "b": [2.0, 3.0, 6.0]}


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    runs = {"ours": [8.0, 2.0, 9.0], "theirs": [2.0, 1.0, 3.0]}
    assert medians(runs) == {"ours": 8.0, "theirs": 2.0}
    assert ratio(runs, "ours", "theirs") == 3.0


def test_a_process_that_ends_badly_tells_why() -> None:
    with pytest.raises(ContenderFailed, match="No module named"):
        in_own_process("benchmarks.nobody")


def test_a_child_prints_what_its_function_gives(capsys: pytest.CaptureFixture[str]) -> None:
    def one(*arguments: str) -> list[str]:
        return [*arguments]

    assert run("imports", None, lambda _: growth(1.0), one=one, arguments=["--one", "a", "b"]) == 0
    assert json.loads(capsys.readouterr().out) == ["a", "b"]


def test_json_is_one_object_with_what_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("imports", None, lambda _: growth(1.0), arguments=["--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["imports"] == {"mib": 1.0}
    assert told["judged"] == {"all providers, MiB": 1.0}
    assert told["table"] == ["1.0 MiB"]


def test_json_to_a_file_leaves_the_table_on_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    assert run("imports", None, lambda _: growth(1.0), arguments=["--json", str(file)]) == 0
    assert capsys.readouterr().out == "1.0 MiB\n"
    assert json.loads(file.read_text(encoding="utf-8"))["imports"] == {"mib": 1.0}


def test_only_check_fails_when_a_budget_is_passed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("imports", None, lambda _: growth(99.0, partial=True), arguments=[]) == 0
    assert run("imports", None, lambda _: growth(99.0, partial=True), arguments=["--check"]) == 1
    assert "imports: all providers, MiB: 99 is over the budget of 8" in capsys.readouterr().err
    assert run("imports", None, lambda _: growth(1.0, partial=True), arguments=["--check"]) == 0


def test_what_is_wrong_fails_without_a_budget(capsys: pytest.CaptureFixture[str]) -> None:
    sloppy = Result({"imports": {}}, [], wrong=["sloppy lost a token"])
    assert run("imports", None, lambda _: sloppy, arguments=[]) == 1
    assert capsys.readouterr().err == "sloppy lost a token\n"


def test_the_benchmark_gets_its_rounds_and_its_own_options() -> None:
    seen: list[argparse.Namespace] = []

    def measure(options: argparse.Namespace) -> Result:
        seen.append(options)
        return growth(1.0)

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=5.0)

    run("imports", None, measure, rounds=7, options=add, arguments=["--seconds", "2"])
    assert (seen[0].rounds, seen[0].seconds) == (7, 2.0)

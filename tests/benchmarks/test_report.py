from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.machine import machine
from benchmarks.pictures import Bar, bars, curve, draw, number
from benchmarks.report import PAGE, PLACE, fill

SVG = "{http://www.w3.org/2000/svg}"
PEERS: dict[str, Any] = {
    "end_to_end": {"ours": 400_000.0, "openai": 5_000.0},
    "times_end_to_end": {"openai": 80.0},
    "missing": {"llm": "make bench-peers installs it"},
    "failed": {},
    "judged": {"times openai": 79.0},
    "table": ["a table"],
}
COLLECTED: dict[str, Any] = {
    "date": "2026-11-22",
    "machine": {"processor": "A <fast> one", "cores": 2, "system": "Linux 6", "python": "CPython 3.11"},
    "versions": {"aiohttp": "3.14"},
    "benchmarks": {
        "peers": PEERS,
        "memory": {"memory": {"tokens": 100, "points": [40.0, 41.0]}, "judged": {}, "table": ["flat"]},
        "concurrency": {
            "concurrency": {"50 ms": {"ours": {"p99_ms": 6.0}, "floor": {"p99_ms": 5.0}, "by_hand": {"p99_ms": 100.0}}},
            "judged": {},
            "table": ["late"],
        },
    },
}


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


@pytest.mark.parametrize("log", [False, True])
def test_a_bar_chart_is_well_formed_and_has_its_words(log: bool) -> None:
    picture = bars(
        "A & B", "tokens a second", [Bar("<ours>", 400_000, ours=True), Bar("theirs", 5_000, note="(1/80)")], log=log
    )
    assert {"A & B", "<ours>", "400,000", "5,000  (1/80)"} <= set(texts(picture))
    assert any(text.startswith("tokens a second") for text in texts(picture))
    assert "prefers-color-scheme: dark" in picture


def test_a_bar_is_as_long_as_its_figure() -> None:
    rows = [Bar("a", 1_000.0), Bar("b", 500.0)]
    drawn = ElementTree.fromstring(bars("t", "u", rows)).findall(f"{SVG}rect[@class='bar']")
    first, second = (float(bar.attrib["width"]) for bar in drawn)
    assert second == pytest.approx(first / 2, abs=0.1)


@pytest.mark.parametrize("rows", [[], [Bar("nothing", 0.0)]])
def test_a_chart_of_nothing_is_refused(rows: list[Bar]) -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        bars("t", "u", rows, log=True)


def test_a_curve_stays_on_the_page() -> None:
    root = ElementTree.fromstring(curve("t", "MiB", [(1.0, 40.0), (2.0, 41.0)], "tokens"))
    line = root.find(f"{SVG}polyline")
    assert line is not None
    pairs = [pair.split(",") for pair in line.attrib["points"].split()]
    assert all(
        0 < float(x) < float(root.attrib["width"]) and 0 < float(y) < float(root.attrib["height"]) for x, y in pairs
    )


def test_each_comparison_that_was_measured_is_drawn(tmp_path: Path) -> None:
    drawn = draw(COLLECTED["benchmarks"], tmp_path)
    assert drawn == ["peers-openai.svg", "late.svg", "memory.svg"]
    assert all(ElementTree.parse(tmp_path / name).getroot().tag == f"{SVG}svg" for name in drawn)


@pytest.mark.parametrize(("value", "text"), [(1_234_567, "1,230,000"), (45.64, "45.6"), (0.1234, "0.123"), (0, "0")])
def test_three_digits_count(value: float, text: str) -> None:
    assert number(value) == text


def test_places_are_filled_and_filling_again_changes_nothing() -> None:
    page = "".join(
        f"<!-- measured: {name} -->\nold\n<!-- end -->\n" for name in ("machine", "peers", "memory", "judged")
    )
    filled, missing = fill(page, COLLECTED)
    assert "old" not in filled
    assert missing == []
    assert "Measured on 2026-11-22: A <fast> one, 2 cores" in filled
    assert "| tokenrill | 400,000 |  |" in filled
    assert "| openai | 5,000 | 80.0 |" in filled
    assert "llm: not measured, make bench-peers installs it." in filled
    assert "```text\nflat\n```" in filled
    assert "| peers | times openai | 79 | ≥ 80 | **no** |" in filled
    assert fill(filled, COLLECTED) == (filled, [])


def test_what_was_not_measured_stays_and_is_named() -> None:
    page = "<!-- measured: sse -->\nold\n<!-- end -->"
    assert fill(page, COLLECTED) == (page, ["sse"])


def test_the_page_has_a_place_for_every_benchmark_and_for_nothing_else() -> None:
    places = [name for _, name, _ in PLACE.findall(PAGE.read_text(encoding="utf-8"))]
    assert sorted(places) == sorted((*BENCHMARKS, "machine", "judged"))


def test_the_machine_is_told_with_its_versions() -> None:
    told = machine()
    assert told["machine"]["cores"] > 0
    assert {"aiohttp", "msgspec", "reactivex"} <= told["versions"].keys()

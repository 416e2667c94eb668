from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.__main__ import JUDGED, main
from benchmarks.peers.contend import timed
from benchmarks.peers.rows import ROWS, Row
from benchmarks.shapes import SHAPES

ROOT = Path(__file__).resolve().parents[2]


def test_the_json_has_tokens_a_second_of_each_contender() -> None:
    command = [sys.executable, "-m", "benchmarks.peers", "--only", "ours,by_hand", "--shapes", "openai"]
    done = subprocess.run(
        [*command, "--rounds", "1", "--scale", "0.001", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["end_to_end"].keys() == {"ours", "by_hand"}
    assert told["end_to_end_50_a_read"].keys() == {"ours", "by_hand"}
    assert all(rate > 0 for rate in told["end_to_end"].values())
    assert told["times_end_to_end"].keys() == {"by_hand"}
    assert told["judged"].keys() == {"times by_hand"}
    assert (told["missing"], told["failed"]) == ({}, {})


def test_a_peer_that_is_not_installed_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(ROWS, "litellm", Row("litellm", "frameworks", 2_000, "nowhere", "no_such_package.at_all"))  # pyright: ignore[reportArgumentType]
    assert main(["--only", "litellm", "--json"]) == 0
    said = capsys.readouterr()
    assert "make bench-peers" in json.loads(said.out)["missing"]["litellm"]
    assert "litellm was not measured" in said.err


def test_a_contender_that_loses_a_token_fails() -> None:
    async def loses_one(url: str) -> int:
        return int(url.split("/")[-2]) - 1

    import asyncio

    with pytest.raises(SystemExit, match="sloppy saw 99 tokens of 100"):
        asyncio.run(timed("sloppy", loses_one, "http://127.0.0.1:1/openai", 1, 1_000))


def test_every_contender_has_a_known_shape_and_a_run_of_whole_reads() -> None:
    for row in ROWS.values():
        assert set(row.shapes) <= set(SHAPES)
        assert row.tokens % 50 == 0


def test_what_is_judged_is_measured_in_a_shape_of_the_contender() -> None:
    assert all(shape in ROWS[name].shapes for name, (shape, _) in JUDGED.items())


def test_an_unknown_contender_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "opneai"])
    assert "opneai: not one of ours" in capsys.readouterr().err

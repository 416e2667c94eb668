"""Every recorded answer decodes to what the provider's own client made of it, whole and cut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.cases import Case, found_cases
from tests.conformance.corpus import chosen_reason, judge
from tests.conformance.oracles import DIALECTS

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TOKENRILL_SHARED", ROOT.parent / "shared"))
CASES = [case for case in found_cases(SHARED / "corpus") if case.record["api"] in DIALECTS]

pytestmark = pytest.mark.skipif(
    not CASES, reason="the recorded answers (../shared/corpus) are not beside this checkout"
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_recording_gives_what_the_vendors_client_made_of_it(case: Case) -> None:
    difference = judge(case)
    assert difference is None or chosen_reason(case), difference


def test_the_runner_prints_a_line_for_a_failing_case_and_the_counts(tmp_path: Path) -> None:
    good = CASES[0].path.read_text()
    (tmp_path / "good.json").write_text(good)
    (tmp_path / "bad.json").write_text(good.replace('"finish_reason": "', '"finish_reason": "not_'))
    runner = [sys.executable, str(ROOT / "tests" / "conformance" / "corpus.py"), str(tmp_path)]
    done = subprocess.run(runner, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed"
    assert "FAILED" in done.stdout
    assert "finish reason" in done.stdout

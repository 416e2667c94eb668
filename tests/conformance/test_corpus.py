"""Every recorded answer decodes to what the provider's own client made of it, whole and cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.cases import Case, found_cases, streamed
from tests.conformance.corpus import chosen_reason, judge
from tests.conformance.oracles import DIALECTS
from tokenrill import CompletionRequest, Replay, ResponseStart, StreamError, StreamToken, Usage
from tokenrill.streams.call import Call

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


def test_the_runner_fails_what_it_cannot_judge_and_goes_on(tmp_path: Path) -> None:
    record = json.loads(CASES[0].path.read_text())
    (tmp_path / "broken.json").write_text("{broken")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "lacking.json").write_text(json.dumps({**record, "expected": {}}))
    (tmp_path / "good.json").write_text(json.dumps(record))
    runner = [sys.executable, str(ROOT / "tests" / "conformance" / "corpus.py"), str(tmp_path)]
    done = subprocess.run(runner, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1] == "1 passed, 2 failed"
    assert "broken: whole: the file is not JSON" in done.stdout
    assert "lacking: whole: " in done.stdout


def test_the_chain_that_users_have_gives_the_same_tokens_as_the_machines() -> None:
    for case in CASES:
        if case.dialect is None or case.is_error:
            continue
        tokens: list[StreamToken] = []
        errors: list[Exception] = []
        call = Call("replay", CompletionRequest(model="any", messages="Hello"))
        Replay(case.body, case.dialect, cut=1400).stream(call).subscribe(tokens.append, errors.append)
        expected: list[StreamToken] = []
        failure: StreamError | None = None
        try:
            expected.extend(streamed(case.dialect, [case.body]))
        except StreamError as error:
            failure = error
        assert [(type(error), str(error)) for error in errors] == ([(type(failure), str(failure))] if failure else [])
        if failure is None:
            assert said(tokens) == said(expected), case.id


def said(tokens: list[StreamToken]) -> list[StreamToken]:
    """All but usage and the start, which a call completes."""
    return [token for token in tokens if not isinstance(token, (Usage, ResponseStart))]

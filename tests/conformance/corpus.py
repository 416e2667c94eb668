"""Decode recorded answers and compare with what the providers' own clients made of them.

    python tests/conformance/corpus.py DIR [--provider NAME] [--case ID] [--json]

DIR holds cases in the format of the corpus's README, in any folders. Each case is decoded whole, and cut at
1 byte, 7 bytes, 1,400 bytes and at random; the first difference of each failing case is printed, then the
counts. Where a recorded expectation is not what a user would want, disagreements.json says so with the
reason, for one case (by its file's name) or for all that the recorder has marked (by the mark's name under
``expected``); these are counted apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run as a script, from anywhere
from tests.conformance.cases import CUTS, Case, found_cases, outcome
from tests.conformance.oracles import DIALECTS

__all__ = ["judge", "main"]

DISAGREEMENTS: Mapping[str, Mapping[str, str]] = json.loads((Path(__file__).parent / "disagreements.json").read_text())


def judge(case: Case) -> str | None:
    """The first difference of a case over all cuts, or None."""
    for cut in CUTS:
        difference = outcome(case, cut).difference
        if difference is not None:
            return f"{cut}: {difference}"
    return None


def chosen_reason(case: Case) -> str | None:
    """Why this case's expectation is not ours, where that was decided."""
    marks = (reason for mark, reason in DISAGREEMENTS["marks"].items() if case.record["expected"].get(mark))
    return DISAGREEMENTS["cases"].get(case.path.stem) or next(marks, None)


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if not options.directory.is_dir():
        print(f"{options.directory} is not a directory of cases", file=sys.stderr)
        return 2
    passed = failed = unsupported = 0
    rows: list[dict[str, str]] = []
    for case in found_cases(options.directory, options.provider, options.case):
        if case.record["api"] not in DIALECTS and "unreadable" not in case.record:
            unsupported += 1
            continue
        difference = judge(case)
        chosen = chosen_reason(case)
        state = "passed" if difference is None else "disagreed" if chosen else "failed"
        passed, failed = passed + (state == "passed"), failed + (state == "failed")
        if state != "passed":
            rows.append({"case": case.id, "state": state, "difference": difference or "", "reason": chosen or ""})
    report(options.json, rows, passed, failed, unsupported)
    return 1 if failed or not passed else 0


def report(as_json: bool, rows: list[dict[str, str]], passed: int, failed: int, unsupported: int) -> None:
    chosen = [row for row in rows if row["state"] == "disagreed"]
    if as_json:
        counts = {"passed": passed, "failed": failed, "disagreed": len(chosen), "unsupported": unsupported}
        print(json.dumps({**counts, "cases": rows}, indent=2, ensure_ascii=False))
        return
    for row in rows:
        if row["state"] == "failed":
            print(f"FAILED {row['case']}: {row['difference']}")
    for row in chosen:
        print(f"disagrees by choice {row['case']}: {row['reason']}")
    if unsupported:
        print(f"{unsupported} cases of APIs that are not supported yet were left out")
    print(f"{len(chosen)} disagree by choice")
    print(f"{passed} passed, {failed} failed")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("directory", type=Path, metavar="DIR", help="where the cases are, in any folders")
    made.add_argument("--provider", help="only the cases of this provider")
    made.add_argument("--case", metavar="ID", help="only this case: its file's name, or provider/name")
    made.add_argument("--json", action="store_true", help="print the counts and differences as JSON")
    return made


if __name__ == "__main__":
    sys.exit(main())

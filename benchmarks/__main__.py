"""Run every benchmark, each in a process of its own.

python -m benchmarks                # print the tables
python -m benchmarks --check        # and fail when a figure is not within its budget (benchmarks/budgets.toml)
python -m benchmarks --json FILE    # and write all figures there, with the machine, the date and the versions
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine

__all__ = ["BENCHMARKS", "main"]

BENCHMARKS: Final = (
    "peers",
    "end_to_end",
    "sse",
    "operators",
    "eventstream",
    "dispatch",
    "concurrency",
    "memory",
    "imports",
    "loop_lag",
    "resume",
    "survival",
)


def names(text: str) -> list[str]:
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in chosen if name not in BENCHMARKS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(BENCHMARKS)}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail when a figure is not within its budget")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--only", type=names, metavar="NAME,…", default=list(BENCHMARKS))
    options = parser.parse_args(arguments)
    collected: dict[str, Any] = {}
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            print(f"\n== benchmarks.{name}", flush=True)
            written = Path(folder, f"{name}.json")
            command = [sys.executable, "-m", f"benchmarks.{name}"]
            command += ["--json", str(written)] if options.json else []
            command += ["--check"] if options.check else []
            if subprocess.run(command, check=False).returncode:
                failed.append(name)
            if written.exists():
                collected[name] = json.loads(written.read_text(encoding="utf-8"))
    if options.json:
        told = {**machine(), "benchmarks": collected}
        options.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if failed:
        print(f"\nnot within the budget, or failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Run every benchmark, each in a process of its own.

python -m benchmarks             # print the tables
python -m benchmarks --check     # and fail when one is under its floor
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Final

BENCHMARKS: Final = ("sse", "eventstream", "end_to_end", "memory", "imports", "loop_lag")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail when a figure is under its floor")
    options = parser.parse_args()
    failed: list[str] = []
    for name in BENCHMARKS:
        print(f"\n== benchmarks.{name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *(["--check"] if options.check else [])]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nunder the floor, or failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

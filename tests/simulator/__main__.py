"""Print what became of each quota, and draw it.

python -m tests.simulator [--seeds N] [--seconds S] [--only NAME] [--picture]
"""

from __future__ import annotations

import argparse
import time
from typing import Final

from tests.simulator.picture import FILE, picture
from tests.simulator.run import Outcome, simulate
from tests.simulator.scenarios import MOODY, SCENARIOS

DRAWN: Final = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=720.0, help="of virtual time")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    parser.add_argument("--picture", action="store_true", help=f"draw the runs of seed {DRAWN} for the documents")
    options = parser.parse_args()
    drawn: list[Outcome] = []
    for scenario in (*SCENARIOS, MOODY):
        if options.only in scenario.name:
            for seed in range(options.seeds):
                began = time.perf_counter()
                outcome = simulate(scenario, options.seconds, seed)
                print(f"seed {seed}  {outcome}  {time.perf_counter() - began:.1f} s", flush=True)
                if seed == DRAWN:
                    drawn.append(outcome)
    if options.picture:
        FILE.write_text(picture(drawn, DRAWN), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Print what became of each quota."""

from __future__ import annotations

import argparse
import time

from tests.simulator.run import simulate
from tests.simulator.scenarios import MOODY, SCENARIOS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=720.0, help="of virtual time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    options = parser.parse_args()
    for scenario in (*SCENARIOS, MOODY):
        if options.only in scenario.name:
            for seed in range(options.seeds):
                began = time.perf_counter()
                outcome = simulate(scenario, options.seconds, seed)
                print(f"{outcome}  {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()

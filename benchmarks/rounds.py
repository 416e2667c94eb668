"""What all benchmarks do alike: rounds of contenders in processes of their own, and the command line.

Contenders run one after the other in every round, so that a busy machine slows all of them; a ratio is the median of
the rounds' ratios. A benchmark gives a function that measures, and ends in :func:`run`, which knows ``--rounds``,
``--json [FILE]`` and ``--check``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.budgets import complaints

__all__ = ["ContenderFailed", "Result", "in_own_process", "interleaved", "medians", "ratio", "run"]

ROOT: Final = Path(__file__).resolve().parent.parent
ONE: Final = "--one"


class ContenderFailed(Exception):
    """A contender's process ended badly, or took too long."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured."""

    figures: Mapping[str, Any]
    """What ``--json`` prints; its keys are the benchmark's name, or the names of its parts."""

    lines: Sequence[str]
    """The same, to read."""

    judged: Mapping[str, float] = field(default_factory=dict[str, float])
    """What ``--check`` holds against the budget file, by the names that it has there."""

    partial: bool = False
    """A part of it was left out, because that was asked for."""

    wrong: Sequence[str] = ()
    """What must not be, whatever the budgets say: the benchmark fails, and tells it."""


def in_own_process(module: str, *arguments: object, python: str = sys.executable, timeout: float = 600.0) -> Any:
    """What ``python -m MODULE --one ARGUMENTS`` prints: one JSON value.

    Raises:
        ContenderFailed: When it ends badly, prints something else or takes too long; with the end of what it said.
    """
    command = [python, "-m", module, ONE, *map(str, arguments)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=True)
        return json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise ContenderFailed(f"took longer than {timeout:g} s") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines()
        raise ContenderFailed(said[-1] if said else f"ended with status {error.returncode}") from error
    except (IndexError, json.JSONDecodeError) as error:
        raise ContenderFailed("printed no figure") from error


def interleaved(names: Sequence[str], rounds: int, measure: Callable[[str], float]) -> dict[str, list[float]]:
    """One figure of each contender in every round; who begins takes turns."""
    runs: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        at = number % len(names)
        for name in (*names[at:], *names[:at]):
            runs[name].append(measure(name))
    return runs


def medians(runs: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each contender's rounds."""
    return {name: statistics.median(values) for name, values in runs.items() if values}


def ratio(runs: Mapping[str, Sequence[float]], mine: str, theirs: str) -> float:
    """The median of the rounds' ratios of one contender to another."""
    return statistics.median(one / other for one, other in zip(runs[mine], runs[theirs], strict=True))


def run(
    name: str,
    description: str | None,
    measure: Callable[[argparse.Namespace], Result],
    *,
    rounds: int = 5,
    one: Callable[..., object] | None = None,
    options: Callable[[argparse.ArgumentParser], None] | None = None,
    arguments: Sequence[str] | None = None,
) -> int:
    """A benchmark's command line: measure, print, and judge when that is asked for; gives the exit status.

    Args:
        name: The benchmark's name, which is its table in the budget file.
        description: For ``--help``; a module's ``__doc__``.
        measure: Does it; gets the options, ``rounds`` among them.
        one: What a contender's process does with the arguments of :func:`in_own_process`; what it gives back is printed
            as JSON.
        options: Adds options of the benchmark's own.
        arguments: In place of those of the process.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if one is not None and given[:1] == [ONE]:
        print(json.dumps(one(*given[1:])))
        return 0
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="print one JSON object, or write it there")
    parser.add_argument("--check", action="store_true", help="fail when a figure is not within its budget")
    if options is not None:
        options(parser)
    chosen = parser.parse_args(given)
    result = measure(chosen)
    wrong = [*result.wrong, *(complaints(name, result.judged, partial=result.partial) if chosen.check else ())]
    told = json.dumps({**result.figures, "judged": result.judged, "table": list(result.lines)}, indent=2)
    print(told if chosen.json == "-" else "\n".join(result.lines), flush=True)
    if chosen.json not in (None, "-"):
        Path(chosen.json).write_text(told + "\n", encoding="utf-8")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0

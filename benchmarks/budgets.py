"""What the figures must reach: ``budgets.toml``, read in one place.

A budget is a number that a figure must not fall under (``at_least``) or pass (``at_most``). Each benchmark has a table
of its own; what it judges and what the table lists must be the same names, so that no budget is forgotten.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["BUDGETS", "Budget", "BudgetError", "budgets", "complaints"]

BUDGETS: Final = Path(__file__).with_name("budgets.toml")


class BudgetError(ValueError):
    """The budget file and the benchmarks do not fit each other."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The least or the most that a figure may be."""

    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) is (self.at_most is None):
            raise BudgetError("a budget has either at_least or at_most")

    def complaint(self, name: str, figure: float) -> str | None:
        """What is wrong with this figure, if anything is."""
        if self.at_least is not None and not figure >= self.at_least:
            return f"{name}: {figure:,.3g} is under the budget of {self.at_least:,g}"
        if self.at_most is not None and not figure <= self.at_most:
            return f"{name}: {figure:,.3g} is over the budget of {self.at_most:,g}"
        return None

    def __str__(self) -> str:
        return f"≥ {self.at_least:,g}" if self.at_least is not None else f"≤ {self.at_most:,g}"


def _budget(benchmark: str, name: str, given: Mapping[str, float]) -> Budget:
    try:
        return Budget(**given)
    except TypeError as error:
        raise BudgetError(f"{benchmark}, {name!r}: a budget has either at_least or at_most") from error


@cache
def _read(path: Path) -> dict[str, dict[str, Budget]]:
    with path.open("rb") as file:
        tables: dict[str, dict[str, Any]] = tomllib.load(file)
    return {
        benchmark: {name: _budget(benchmark, name, given) for name, given in table.items()}
        for benchmark, table in tables.items()
    }


def budgets(benchmark: str, path: Path = BUDGETS) -> Mapping[str, Budget]:
    """The budgets of one benchmark, by the name of the figure.

    Raises:
        BudgetError: When the file has no table for it, or a budget in it cannot be read.
    """
    tables = _read(path)
    if benchmark not in tables:
        raise BudgetError(f"{path.name} has no table [{benchmark}]; it has {', '.join(sorted(tables))}")
    return tables[benchmark]


def complaints(
    benchmark: str, judged: Mapping[str, float], *, partial: bool = False, path: Path = BUDGETS
) -> list[str]:
    """One line for each figure that is under or over its budget, and for each budget that nothing was measured for.

    Args:
        partial: Not all was measured, and that was asked for: budgets without a figure are passed over.

    Raises:
        BudgetError: When a figure is judged that has no budget.
    """
    wanted = budgets(benchmark, path)
    if unknown := judged.keys() - wanted.keys():
        raise BudgetError(f"{path.name}, [{benchmark}]: no budget for {', '.join(sorted(unknown))}")
    wrong = (budget.complaint(name, judged[name]) for name, budget in wanted.items() if name in judged)
    missing = () if partial else (f"{name}: was not measured" for name in wanted if name not in judged)
    return [f"{benchmark}: {line}" for line in (*(line for line in wrong if line), *missing)]

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.budgets import BUDGETS, Budget, BudgetError, budgets, complaints

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> Path:
        path = tmp_path / "budgets.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_table_of_the_file_is_a_benchmark_and_can_be_read() -> None:
    import tomllib

    tables = tomllib.loads(BUDGETS.read_text(encoding="utf-8"))
    assert set(tables) <= set(BENCHMARKS)
    assert all(budgets(name) for name in tables)


def test_figures_within_their_budgets_are_not_complained_of(written: Written) -> None:
    path = written("[sse]\nfast = { at_least = 4 }\nsmall = { at_most = 8 }")
    assert complaints("sse", {"fast": 4.0, "small": 8.0}, path=path) == []


def test_figures_that_pass_their_budgets_are_named_with_both_numbers(written: Written) -> None:
    path = written("[sse]\nfast = { at_least = 4 }\nsmall = { at_most = 8 }")
    assert complaints("sse", {"fast": 3.9, "small": 8.5}, path=path) == [
        "sse: fast: 3.9 is under the budget of 4",
        "sse: small: 8.5 is over the budget of 8",
    ]


@pytest.mark.parametrize("limit", ["at_least", "at_most"])
def test_what_is_no_number_keeps_no_budget(written: Written, limit: str) -> None:
    assert complaints("sse", {"fast": float("nan")}, path=written(f"[sse]\nfast = {{ {limit} = 4 }}")) != []


def test_a_figure_without_a_budget_is_refused(written: Written) -> None:
    with pytest.raises(BudgetError, match="no budget for fsat"):
        complaints("sse", {"fsat": 9.0}, path=written("[sse]\nfast = { at_least = 4 }"))


def test_a_benchmark_without_a_table_is_refused(written: Written) -> None:
    with pytest.raises(BudgetError, match=r"no table \[ses\]; it has sse"):
        budgets("ses", written("[sse]\nfast = { at_least = 4 }"))


@pytest.mark.parametrize("given", ["{}", "{ at_least = 1, at_most = 2 }", "{ least = 1 }"])
def test_a_budget_is_one_limit_and_nothing_else(written: Written, given: str) -> None:
    with pytest.raises(BudgetError, match="either at_least or at_most"):
        budgets("sse", written(f"[sse]\nfast = {given}"))


def test_a_budget_that_nothing_was_measured_for_is_forgotten_only_on_purpose(written: Written) -> None:
    path = written("[sse]\nfast = { at_least = 4 }")
    assert complaints("sse", {}, path=path) == ["sse: fast: was not measured"]
    assert complaints("sse", {}, partial=True, path=path) == []


def test_a_budget_reads_as_a_sign_and_a_number() -> None:
    assert [str(Budget(at_least=80)), str(Budget(at_most=1.08))] == ["≥ 80", "≤ 1.08"]

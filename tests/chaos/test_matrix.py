"""Whatever goes wrong, wherever, with whomever: the call ends as documented, and leaves nothing behind."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.chaos.cell import run_cell
from tests.chaos.expected import COST, EXCEPTIONS, EXPECTED, GROUPS, expected
from tests.chaos.page import PAGE, page
from tests.chaos.providers import PROVIDERS
from tokenrill.runners.emulator import FAULT_KINDS, FAULT_POINTS, FaultKind, FaultPoint


@pytest.mark.parametrize("point", FAULT_POINTS)
@pytest.mark.parametrize("kind", FAULT_KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_call_ends_as_documented(provider: str, kind: FaultKind, point: FaultPoint) -> None:
    if kind in ("stall", "slow_close"):
        # Where a deadline watches, a pause of a busy machine is a silence as well: then once more, with more patience.
        with suppress(AssertionError):
            assert await run_cell(PROVIDERS[provider], kind, point, 0.08) == expected(provider, kind, point)
            return
    assert await run_cell(PROVIDERS[provider], kind, point, 2) == expected(provider, kind, point)


def test_the_table_is_whole() -> None:
    assert set(EXPECTED) == set(FAULT_KINDS)
    assert all(len(row) == len(FAULT_POINTS) for row in EXPECTED.values())
    assert set(EXCEPTIONS) == set(GROUPS)
    named = {provider for group in (*EXCEPTIONS, *COST) for provider in group}
    assert named <= set(PROVIDERS)


def test_the_page_says_what_is_proven() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: python -m tests.chaos"

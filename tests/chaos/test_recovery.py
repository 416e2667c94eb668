"""Whatever goes wrong, wherever, with whomever: through ``resilient`` the consumer gets the whole answer, once, or is
told in the same way as without it why that could not be."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.chaos.providers import PROVIDERS
from tests.chaos.recovered import recovered
from tests.chaos.recovery import recover
from tokenrill.runners.emulator import FAULT_KINDS, FAULT_POINTS, FaultKind, FaultPoint


@pytest.mark.parametrize("point", FAULT_POINTS)
@pytest.mark.parametrize("kind", FAULT_KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_can_be_recovered_is_and_nothing_repeats(provider: str, kind: FaultKind, point: FaultPoint) -> None:
    if kind in ("stall", "slow_close"):
        # Where a deadline watches, a pause of a busy machine is a silence as well: then once more, with more patience.
        with suppress(AssertionError):
            assert await recover(PROVIDERS[provider], kind, point, 0.08) == recovered(provider, kind, point)
            return
    assert await recover(PROVIDERS[provider], kind, point, 2) == recovered(provider, kind, point)

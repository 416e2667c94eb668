"""Nearly all of a hidden quota is used, and hardly a request is refused, whichever way the provider counts."""

from __future__ import annotations

import pytest

from tests.simulator.run import Scenario, simulate
from tests.simulator.scenarios import MOODY, SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_quota_is_used_and_hardly_anybody_is_refused(scenario: Scenario) -> None:
    outcome = simulate(scenario, 720.0, seed=1)
    assert outcome.share >= 0.95, outcome
    assert outcome.refusals < 0.01, outcome


def test_refusals_that_have_nothing_to_do_with_the_rate_do_not_stop_everything() -> None:
    outcome = simulate(MOODY, 120.0)
    assert outcome.share >= 0.5, outcome

"""A histogram's percentiles are near the truth, and its sums exact."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tokenrill.sinks.distribution import Distribution


@given(st.lists(st.floats(1e-4, 1e6), min_size=1, max_size=200), st.sampled_from([0, 1, 50, 90, 99, 100]))
def test_a_percentile_is_near_the_truth(values: list[float], percent: int) -> None:
    spread = Distribution()
    for value in values:
        spread.add(value)
    rank = max(1, -(-len(values) * percent // 100))
    assert spread.percentile(percent) == pytest.approx(sorted(values)[rank - 1], rel=0.023)


@given(st.lists(st.floats(0, 1e6)), st.lists(st.floats(0, 1e6)))
def test_merging_is_the_same_as_counting_together(left: list[float], right: list[float]) -> None:
    one, other, both = Distribution(), Distribution(), Distribution()
    for value in left:
        one.add(value)
        both.add(value)
    for value in right:
        other.add(value)
        both.add(value)
    one.merge(other.buckets, other.sum)
    assert (one.buckets, one.count) == (both.buckets, both.count)
    assert one.sum == pytest.approx(both.sum)


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_percentile_that_makes_no_sense_is_refused(percent: int) -> None:
    spread = Distribution()
    spread.add(1)
    with pytest.raises(ValueError, match="from 0 to 100"):
        spread.percentile(percent)
    with pytest.raises(ValueError, match="needs values"):
        Distribution().percentile(50)

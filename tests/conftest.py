"""How hypothesis searches: alike on every machine and in every run, so that one commit always gives one result.

To search for new counterexamples instead: ``pytest --hypothesis-profile=exploring``.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long one example takes says how busy the machine is, not whether the code is right.
settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A random seed, or what an earlier run left in a database, would let a commit pass here and fail there.
settings.register_profile("repeatable", settings.get_profile("exploring"), derandomize=True, database=None)
settings.load_profile("repeatable")

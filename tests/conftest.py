"""What makes a run of the tests give the same result on every machine, and every time."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# How long one example takes says how busy the machine is, not whether the code is right.
settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A random seed, or what an earlier run left in a database, would let a commit pass here and fail there. To search for
# new counterexamples instead: pytest --hypothesis-profile=exploring
settings.register_profile("repeatable", settings.get_profile("exploring"), derandomize=True, database=None)
settings.load_profile("repeatable")

# What a shell runs in the background starts with Control-C ignored, and so would each program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

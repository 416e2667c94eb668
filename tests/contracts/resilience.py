"""Who of the operators that wait, try again or switch is bound by the contracts."""

from __future__ import annotations

from typing import Final

from reactivex.scheduler import ImmediateScheduler

from tests.contracts.case import OperatorCase, tokens_case
from tokenrill import Demand, buffer

__all__ = ["RESILIENCE"]

AT_ONCE: Final = ImmediateScheduler.singleton()

RESILIENCE: Final[dict[str, OperatorCase]] = {
    "buffer": tokens_case(lambda: buffer(200_000, overflow="error", scheduler=AT_ONCE)),
    "buffer.block": tokens_case(lambda: buffer(8, scheduler=AT_ONCE, demand=Demand())),
    "buffer.drop": tokens_case(lambda: buffer(200_000, overflow="drop_oldest", scheduler=AT_ONCE)),
}

"""How many requests to send at a time where nobody says it. Pure; it holds no clock."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Gate"]

ENOUGH: Final = 16
SOFT_CUT: Final = 0.85
COMMON: Final = 0.3
RECENT: Final = 10
FILLED: Final = 140
PROOF: Final = 2


class Gate:
    """How many requests may be on their way at once; it is open until refusals say that this is what is counted.

    A provider that counts them refuses when too many are on their way, and accepts when fewer are. So a refusal with
    about as many on their way as ever of late is suspect, and two with accepted requests in between are proof. What
    we count, requests on the way out and answers on the way back, is never less than what it counts: a refusal
    beside ``n`` others bounds it by ``n``, and is no guess. After every 140 requests that fill the bound (four
    times the bound, where that is more) one more is tried. A refusal of one who was not too many means that the
    number has fallen, or that something else is counted: three of these in a row, with requests accepted in
    between, open the gate again.

    >>> gate, refusals = Gate(), []
    >>> for second in (1.0, 2.0):
    ...     for others in (0, 1, 2, 3) * 5:
    ...         gate.accepted(others)
    ...     refusals.append(gate.refused(others=4, sent=second, now=second + 0.1))
    >>> refusals, gate.bound, gate.lets(3), gate.lets(4)
    ([False, True], 4, True, False)
    """

    __slots__ = (
        "_accepted",
        "_full",
        "_heard",
        "_proven",
        "_since",
        "_soon",
        "_strikes",
        "_suspects",
        "_trying",
        "bound",
    )

    def __init__(self) -> None:
        self.bound: int | None = None
        self._proven = 0  # the least bound that a refusal has proven
        self._accepted: deque[int] = deque(maxlen=100)
        self._suspects = 0
        self._since = 0
        self._strikes = 0
        self._full = 0
        self._soon = False
        self._trying = False  # somebody is on the way who is one too many, as far as is known
        self._heard: float | None = None

    def lets(self, in_flight: int) -> bool:
        """Whether one more may go."""
        if self.bound is None:
            return True
        return in_flight < self.bound and not (self._trying and self._beyond(in_flight))

    def went(self, others: int) -> None:
        """A request was sent."""
        if self._beyond(others):
            self._trying = True

    def over(self, others: int) -> None:
        """It is over, whatever came of it."""
        if self._beyond(others):
            self._trying = False

    def _beyond(self, others: int) -> bool:
        """Whether one beside so many others tries what is not known to be allowed."""
        return self.bound is not None and self._proven <= others < self._proven + 3

    def accepted(self, others: int) -> None:
        """A request was accepted while so many others were on their way."""
        self._accepted.append(others)
        self._soon = False
        self._since += 1
        self.over(others)
        if self.bound is None or others + 1 < self.bound:
            return
        self._full += 1
        past = self.bound - self._proven
        # One too many may be accepted by luck, three hardly; further on every step is a step.
        if self._full >= (max(FILLED, 4 * self.bound) if past == 0 else 3 if 0 < past < 3 else 1):
            self.bound += 1
            self._full = 0
            self._strikes = 0

    def refused(self, others: int, sent: float, now: float) -> bool:
        """A request was refused while so many others were on their way: whether that number explains it."""
        if self._heard is not None and sent < self._heard:
            return self.bound is not None  # of the same moment as the one before
        self._heard = now
        explained = self._suspect(others) if self.bound is None else self._fits(others)
        if explained:
            self._full = 0
            self._proven = others if self.bound is None else max(1, min(self.bound, others))
            # Refused again and again: it has fallen far. What is cut too much comes back at once.
            self.bound = max(1, int(self._proven * SOFT_CUT)) if self._soon else self._proven
            self._soon = True
        return explained

    def _suspect(self, others: int) -> bool:
        seen = self._accepted
        above = sum(other > others + slack(others) for other in seen)
        as_many = sum(other >= others for other in seen)
        if others < 1 or above or as_many > COMMON * len(seen):
            self._suspects = 0
            while len(seen) > RECENT:  # what was accepted long ago says little, now that something is refused
                seen.popleft()
            return False
        if self._since >= ENOUGH:  # a rate that is far too high is refused many times over
            self._suspects += 1
            self._since = 0
        return self._suspects >= PROOF

    def _fits(self, others: int) -> bool:
        if self._soon or others >= self._proven:
            return True
        self._strikes += 1
        if self._strikes < 3:
            return True
        self.bound = None
        self._suspects = self._strikes = 0
        return False


def slack(others: int) -> float:
    return max(2.0, 0.05 * others)

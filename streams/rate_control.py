"""How fast to send where nobody says it: a rate that feels for its limit. Pure; it holds no clock."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

__all__ = ["Search"]

# A search goes from one refusal to the next in about twice as many requests.
PATIENCE: Final = 180.0
KNEE: Final = (4.0, 120.0)
DIP: Final = 0.1
HARD_CUT: Final = 0.7  # CUBIC's beta, RFC 9438 §4.6
LEAST_CUT: Final = 0.3
ENOUGH: Final = 16
MEASURED_OVER: Final = 2.0
CALM: Final = 100
MOST: Final = 0.3
JUDGED: Final = 24
SEVERAL: Final = 4


class Search:
    """A rate that feels for its limit: CUBIC's curve (RFC 9438), around a plateau that is counted, not guessed.

    What was accepted between one refusal and the next, divided by the time, *is* the provider's rate, since its
    bucket was empty at both. So a refusal sets the plateau there, drops a tenth below, and the rate climbs along
    the cubic: quickly towards the plateau, slowly past it, and fast when twice the usual time has passed without
    a refusal, which means that the limit has risen. Refusals of requests that were sent before the last cut are
    old news. Nothing grows while nobody waits for it, nor above twice what was accepted of late, as in botocore's
    adaptive mode.

    Some providers refuse a part of all requests, however slowly they come. Five refusals that came too early, each
    after several that were accepted, show that slowing down does not help, unless one in between came in good time
    (those that came after fewer say nothing): the rate goes back to where it was, and refusals count again only when
    they are more than three in ten of at least two dozen answers, or when a hundred requests have gone without one.

    >>> search = Search(start=10.0)
    >>> search.refused(sent=1.0, now=1.1)
    True
    >>> search.rate < 10.0, search.refused(sent=1.05, now=1.2)
    (True, False)
    """

    __slots__ = (
        "_accepted",
        "_after",
        "_before",
        "_busy",
        "_calm",
        "_counted",
        "_cut_at",
        "_forgiven",
        "_knee",
        "_measured",
        "_outcomes",
        "_paused",
        "_plateau",
        "_seen",
        "_strikes",
        "ceiling",
        "floor",
        "noisy",
        "rate",
    )

    def __init__(self, start: float, *, floor: float = 0.02, ceiling: float = 10_000.0) -> None:
        if not 0 < floor <= ceiling < math.inf:
            raise ValueError(f"a rate stays between its floor and its ceiling, not {floor!r} and {ceiling!r}")
        self.floor = floor
        self.ceiling = ceiling
        self.rate = self._within(start)
        self._plateau: float | None = None
        self._counted = False
        self._forgiven: float | None = None
        self._knee = KNEE[0]
        self._busy = 0.0
        self._paused = 0.0
        self._accepted = 0
        self._after = 0  # of them, sent after the last cut
        self._strikes = 0
        self._before = self.rate
        self._calm = 0
        self._outcomes: deque[bool] = deque(maxlen=40)
        self.noisy = False
        self._cut_at: float | None = None
        self._seen: float | None = None
        self._measured = 0.0

    def accepted(self, now: float, *, wanted: bool, sent: float | None = None) -> None:
        """A request was accepted; the rate may grow when somebody waits for it (``wanted``)."""
        if self._cut_at is None or sent is None or sent >= self._cut_at:
            self._after += 1
        self._outcomes.append(True)
        self._calm += 1
        if self._calm >= CALM:
            self.noisy = False
        passed = 0.0 if self._seen is None else max(0.0, now - self._seen)
        self._seen = now
        self._accepted += 1
        self._measured = self._measured * math.exp(-passed / MEASURED_OVER) + 1 / MEASURED_OVER
        if wanted:
            self._busy += min(passed, 10 / self.rate)
            self._grow(min(passed, 1.0))

    def refused(self, sent: float, now: float) -> bool:
        """A request that was ``sent`` then was refused: whether that is news, and the rate was cut."""
        since = self._cut_at
        self._outcomes.append(False)
        self._calm = 0
        if since is not None and sent < since:
            return False
        if self.noisy and self._outcomes.count(False) <= MOST * max(JUDGED, len(self._outcomes)):
            return False
        if since is not None and self._too_early():
            return False
        passed = 0.0 if since is None else now - since
        stood = self._paused > passed / 4
        counted = not (self._accepted < ENOUGH or self._busy + self._paused < 0.6 * passed or passed <= 0)
        if counted:
            plateau = self._accepted / passed
            if not stood:
                plateau = max(plateau, LEAST_CUT * self.rate)  # the limit may have risen meanwhile
            elif self._counted and self._plateau is not None:
                # What is counted by the clock does not add up while everybody stands still.
                plateau = max(plateau, min(self._plateau, self._accepted / max(passed - self._paused, 1e-3)))
            plateau = min(plateau, 0.98 * self.rate)
        else:
            plateau = self.rate * (HARD_CUT + 0.1)
        self._counted = counted
        self._plateau = self._within(plateau)
        patience = max(PATIENCE / self._plateau, passed / 2 if stood else 0.0)
        self._knee = min(max(patience, KNEE[0]), KNEE[1])
        self.rate = min(self.rate, self._within(plateau * (1 - DIP)))
        self._busy = self._paused = 0.0
        self._accepted = self._after = 0
        self._cut_at = now
        return True

    def _too_early(self) -> bool:
        """Whether this refusal shows that slowing down does not help."""
        if self._busy >= 0.9 * self._knee:
            self._strikes = 0
            return False
        if self._after < SEVERAL:
            return False
        if not self._strikes:
            self._before = self.rate
        self._strikes += 1
        if self._strikes < 5:
            return False
        self._strikes = 0
        self.noisy = True
        self._outcomes.clear()
        self._plateau = None
        self.rate = max(self.rate, self._before)
        return True

    def pause(self, seconds: float) -> None:
        """Nobody goes for so long, though everybody would."""
        self._paused += seconds

    def forgive(self) -> None:
        """The refusals so far had another reason: search anew."""
        self._forgiven = self.rate
        self._plateau = None

    def repent(self) -> None:
        """They had none: go back to where they had led."""
        if self._forgiven is not None:
            self.rate = min(self.rate, self._forgiven)
            self._forgiven = None

    def _grow(self, passed: float) -> None:
        if self._plateau is None:
            target = self.rate * 1.7**passed
        else:
            beyond = (self._busy - self._knee) / self._knee
            if beyond <= 1:
                target = self._plateau * (1 + DIP * beyond**3)
            else:
                target = self._plateau * (1 + DIP) * 4 ** min(beyond - 1, 20.0)
        # Never down: what is above the curve got there by its own right.
        self.rate = self._within(max(self.rate, min(target, 2 * self._measured)))

    def _within(self, rate: float) -> float:
        return min(max(rate, self.floor), self.ceiling)

"""One request that a fleet's breaker has let through."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ...streams.circuit import Circuit

__all__ = ["FleetAdmission", "Probe"]

Probe: TypeAlias = tuple[int, str]


class FleetAdmission:
    """One request that was let through while Redis was there, perhaps as a probe."""

    __slots__ = ("_behind", "_circuit", "_epoch", "_probe", "_told")

    def __init__(
        self,
        tell: Callable[[Probe | None, Exception | bool | None], None],
        circuit: Circuit,
        epoch: int,
        probe: Probe | None = None,
    ) -> None:
        self._behind = tell
        self._circuit = circuit
        self._epoch = epoch
        self._probe = probe
        self._told = False

    def succeeded(self) -> None:
        """The provider lives."""
        self._tell(True)

    def failed(self, error: Exception, /) -> None:
        """The provider did not do its part."""
        self._tell(error)

    def abandoned(self) -> None:
        """Nothing can be said."""
        self._tell(None)

    def _tell(self, verdict: Exception | bool | None) -> None:
        if self._told:
            return
        self._told = True
        if self._probe is None:
            self._circuit.leave(self._epoch, False, None)
        if verdict is not None or self._probe is not None:
            self._behind(self._probe, verdict)

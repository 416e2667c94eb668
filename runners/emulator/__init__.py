"""A local server that speaks providers' wires, and can be slow, broken or refusing on demand."""

from __future__ import annotations

from .answer import FRIENDLY, Answer
from .endpoint import Endpoint
from .endpoints import ENDPOINTS, environment_lines
from .fault import FAULT_KINDS, FAULT_POINTS, Fault, FaultKind, FaultPoint
from .pace import Pace
from .received import Received
from .server import Emulator, serve

__all__ = [
    "ENDPOINTS",
    "FAULT_KINDS",
    "FAULT_POINTS",
    "FRIENDLY",
    "Answer",
    "Emulator",
    "Endpoint",
    "Fault",
    "FaultKind",
    "FaultPoint",
    "Pace",
    "Received",
    "environment_lines",
    "serve",
]

"""What the traceback of an error holds."""

from __future__ import annotations

from contextlib import suppress
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from types import TracebackType
from typing import Final

__all__ = ["forget_variables"]

WAITING: Final = CO_COROUTINE | CO_ASYNC_GENERATOR


def forget_variables(trace: TracebackType | None) -> None:
    """Have the frames of an error let go of their variables, but for those of coroutines.

    These may be waiting, since one error may be raised to many who share a stream; and to clear the frame of a
    coroutine that waits is to end the coroutine (https://docs.python.org/3.12/reference/datamodel.html#frame.clear).
    """
    while trace is not None:
        if not trace.tb_frame.f_code.co_flags & WAITING:
            with suppress(RuntimeError):  # it is running
                trace.tb_frame.clear()
        trace = trace.tb_next

"""How a source may go on with a stream that broke off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reactivex import Observable

    from .call import Call
    from .errors import StreamError
    from .tokens import StreamToken

__all__ = ["Continuation"]


class Continuation(Protocol):
    """One way to go on; a source lists those that it has on ``call.continuations``, the best first.

    Whoever resumes calls :meth:`resume`, puts the continuation on ``call.resuming``, and subscribes to the source
    once more: so the request passes through all that stands between (limits, breakers, deadlines, retries) as any
    other does. As long as ``call.resuming`` holds it, each subscription sends the request for the rest; that lasts
    until the rest has begun to come.

    Attributes:
        name: What it is called in a :class:`~.decisions.Resume`, such as ``sequence`` or ``prefill``.
        gapless: Whether the rest is the very text that was cut; else the model writes on, and the rest begins
            with a :class:`~tokenrill.Seam`.
    """

    @property
    def name(self) -> str: ...

    @property
    def gapless(self) -> bool: ...

    def resume(self, call: Call, error: StreamError, /) -> Observable[StreamToken] | str | None:
        """Make ready to go on with the call's current attempt; or say why this way is not open for it.

        Where nothing has to be asked for, the rest itself; it is subscribed to in place of the source.
        """
        ...

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

    Attributes:
        name: What it is called in a :class:`~.decisions.Resume`, such as ``sequence`` or ``prefill``.
        gapless: Whether the rest is the very text that was cut; else the model writes on, and a
            :class:`~tokenrill.Seam` says where.
    """

    @property
    def name(self) -> str: ...

    @property
    def gapless(self) -> bool: ...

    def resume(self, call: Call, error: StreamError, /) -> Observable[StreamToken] | None:
        """The rest of the stream, or None when this way is not open for this call.

        Subscribing to it sends the request; it prepares the call's next attempt (``call.turn_to(…, going_on=True)``)
        or fills the current one. It must not be subscribed to more than once.
        """
        ...

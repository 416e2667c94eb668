"""An answer that was over, but for its end mark: nothing has to be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...streams.call import Call
from ...streams.errors import StreamError
from ...streams.tokens import Finish, StreamToken
from .passage import Passage

__all__ = ["Finished"]


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer whose model has said why it stopped, as a clean end of the connection would have told it.

    What it cost is what has been told of that until then, else an estimate.
    """

    name: str = "finished"
    gapless: bool = True

    def plan(self, passage: Passage, call: Call, error: StreamError, /) -> Sequence[StreamToken] | str:
        decoder = passage.decoder
        if decoder is None or getattr(decoder, "ended", False):
            return "the model had not said why it stops"
        try:
            tokens = list(decoder.close())
        except StreamError:
            return "the model had not said why it stops"
        if sum(isinstance(token, Finish) for token in tokens) < call.request.choice_count:
            return "not every choice was over"
        return tokens

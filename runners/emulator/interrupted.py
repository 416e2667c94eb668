"""Go on with a text as a model would that is asked to."""

from __future__ import annotations

from ...streams.carry_on import interrupted
from ...streams.request import CompletionRequest

__all__ = ["rest_of"]


def rest_of(text: str, request: CompletionRequest) -> str:
    """What is still to be said of ``text``, when the request holds its beginning as an answer that broke off.

    A prefill lacks the white space at its end, so the rest begins with that. Anything else is answered from the
    beginning.

    >>> from tokenrill import Message
    >>> ask = Message("user", "Count."), Message("assistant", "One, two,")
    >>> rest_of("One, two, three.", CompletionRequest(model="m", messages=ask))
    ' three.'
    """
    said = interrupted(request)
    return text[len(said) :] if said and text.startswith(said) else text

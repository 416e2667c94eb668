"""Give the model the beginning of its answer: some go on from the last letter, as if nothing had been."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ...streams.call import Call
from ...streams.carry_on import going_on, prefilled
from ...streams.codec import Json
from ...streams.errors import StreamError
from ...streams.joint import Echo, Joint, Repeat, WhiteSpace
from ...streams.request import CompletionRequest
from .message import seam
from .passage import Passage, Plan

if TYPE_CHECKING:
    from ..provider import Endpoint, Provider

__all__ = ["Prefill", "any_model", "old_claude"]

# claude-sonnet-4-5-20250929, claude-3-5-haiku-latest, claude-opus-4@20250514, us.anthropic.claude-haiku-4-5-…-v1:0
CLAUDE: Final = re.compile(
    r"claude-(?:instant|v?[12]\b|3-|(?:opus|sonnet|haiku)-4(?:[-.][015])?(?:@|-\d{8}|-latest|-v\d|:|$))"
)


def any_model(model: str) -> bool:
    """For servers whose models all take a prefill."""
    return True


def old_claude(model: str) -> bool:
    """Claude up to 4.5; later ones, and all that are not known, refuse a prefill.

    https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6

    >>> [old_claude(model) for model in ("claude-sonnet-4-5-20250929", "us.anthropic.claude-3-haiku-20240307-v1:0")]
    [True, True]
    >>> [old_claude(model) for model in ("claude-opus-4-6", "claude-haiku-5-5", "gpt-4o")]
    [False, False, False]
    """
    return CLAUDE.search(model) is not None


@dataclass(frozen=True, slots=True)
class Prefill:
    """The answer so far as the last turn.

    White space at its end is not sent, and as much is left out of what comes. With a model that is to reason this
    way is not open: vendors want the reasoning at the beginning of the turn.

    Attributes:
        takes: Whether a model, by its name, takes a prefill.
        marked: Fields for the last message, where the server wants it marked.
        endpoint: Another address, where the usual one has no prefills; from the provider's own endpoint.
        echoes: Whether the server's answer begins with the prefill.
    """

    takes: Callable[[str], bool] = any_model
    marked: Mapping[str, Any] = field(default_factory=dict[str, Any])
    endpoint: Callable[[str], str | None] | None = None
    echoes: bool = False
    name: str = "prefill"
    gapless: bool = False

    def plan(self, passage: Passage, call: Call, error: StreamError, /) -> Plan | str:
        broken = call.attempt
        request = broken.request
        if not self.takes(request.model):
            return "this model takes none"
        if request.reasoning is not None and request.reasoning.effort != "none":
            return "it was to reason, which must come first"
        provider = self._asked(passage.provider, request)
        if provider is None:
            return "there is none at this address"
        text = broken.reply.text
        said = text.rstrip()

        def repeat() -> Repeat:
            left = WhiteSpace(text[len(said) :])
            return Echo(said, left) if self.echoes else left

        return passage.asking(
            prefilled(going_on(broken), said),
            broken,
            provider,
            lambda decoder: Joint(decoder, repeat(), seam(passage, self.name, error)),
        )

    def _asked(self, provider: Provider, request: CompletionRequest) -> Provider | None:
        """The provider as it takes prefills; None when it does not at its address."""
        if self.marked:
            dialect = provider.dialect
            provider = replace(provider, dialect=replace(dialect, render=marking(dialect.render, self.marked)))
        if self.endpoint is not None:
            address = self.endpoint(provider.endpoint(request))
            if address is None:
                return None
            there: Endpoint = lambda _: address  # noqa: E731
            provider = replace(provider, endpoint=there)
        return provider


def marking(
    render: Callable[[CompletionRequest], Json], marks: Mapping[str, Any]
) -> Callable[[CompletionRequest], Json]:
    """Render requests with these fields in the last message."""

    def render_marked(request: CompletionRequest) -> Json:
        body = render(request)
        *before, last = body["messages"]
        return {**body, "messages": [*before, {**last, **marks}]}

    return render_marked

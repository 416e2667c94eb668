"""Who else may be asked: what fallback and race take as alternatives, and what they say of those that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from reactivex import Observable

from ..streams.alternative import Alternative
from ..streams.call import Account, Call
from ..streams.errors import ApiError, StreamError
from ..streams.pipeline import Pipeline
from ..streams.request import CompletionRequest
from ..streams.tokens import StreamToken
from ..streams.types import Source
from ._transduce import transduce

__all__ = ["Asked", "Given", "Plain", "asked", "close_all", "described", "observables"]

Asked: TypeAlias = "Alternative | Plain"
Given: TypeAlias = Alternative | Source | Pipeline[StreamToken] | Observable[StreamToken]


class Plain:
    """An observable where a source may stand, such as an answer that is always the same. It needs no request."""

    name = "observable"

    def __init__(self, observable: Observable[StreamToken]) -> None:
        self.observable = observable

    def request(self, request: CompletionRequest) -> CompletionRequest:
        return request

    def stream(self, call: Call, /) -> Observable[StreamToken]:
        return self.observable.pipe(transduce(lambda: Account(call)))

    async def aclose(self) -> None:
        """It holds no connection."""


def asked(given: Sequence[Any], operator: str) -> tuple[Asked, ...]:
    """Alternatives of one form.

    Raises:
        ValueError: For what is no source.
    """
    found: list[Asked] = []
    for one in given:
        match one:
            case Alternative():
                found.append(one)
            case Observable():
                found.append(Plain(cast("Observable[StreamToken]", one)))
            case _ if isinstance(one, Pipeline) or hasattr(one, "stream"):
                found.append(Alternative(cast("Source | Pipeline[StreamToken]", one)))
            case _:
                raise ValueError(f"{operator} takes sources, pipelines and observables, not a {type(one).__name__}")
    return tuple(found)


def observables(alternatives: Sequence[Asked], operator: str) -> list[Observable[StreamToken]]:
    """The alternatives for a chain without a request.

    Raises:
        ValueError: When one of them is a source, which would need it.
    """
    found: list[Observable[StreamToken]] = []
    for one in alternatives:
        if not isinstance(one, Plain):
            raise ValueError(
                f"{operator} cannot ask {one.name!r} here, where no request is known: put {operator}(…) into a "
                "StreamPipelineBuilder's pipe(), or give it an observable"
            )
        found.append(one.observable)
    return found


async def close_all(alternatives: Sequence[Asked]) -> None:
    """Let go of their connections in this loop."""
    for one in alternatives:
        await one.aclose()


def described(name: str, error: Exception | str) -> str:
    """Who failed, and how; not a word of what was said.

    >>> described("openai", ApiError("You said: …", status=503, code="busy", request_id="r1"))
    'openai: ApiError 503 busy (request r1)'
    """
    if isinstance(error, str):
        return f"{name}: {error}"
    words = [f"{name}:", type(error).__name__]
    if isinstance(error, ApiError):
        words += [str(word) for word in (error.status, error.code) if word]
    if isinstance(error, StreamError) and error.request_id:
        words.append(f"(request {error.request_id})")
    return " ".join(words)

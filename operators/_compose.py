"""Several operators as one."""

from __future__ import annotations

from functools import reduce
from typing import Any

from reactivex import Observable

from ..streams.call import Call
from ..streams.step import Bind, binder
from ..streams.types import Operator, Upstream

__all__ = ["Composed", "compose"]


def compose(*operators: Operator[Any, Any]) -> Composed:
    """Several operators as one, from the source outwards; a pipeline binds each of them to its call.

    .. marble::
        ---a--b--c---|
        [ compose(map(f), take(2)) ]
        ---A--(B|)

    RxPY's ``compose`` does the same outside pipelines; it cannot know that an operator wants the call.

    Example:
        >>> import reactivex as rx
        >>> from reactivex import operators as ops
        >>> rx.of("a", "b", "c").pipe(compose(ops.map(str.upper), ops.take(2)), ops.to_list()).run()
        ['A', 'B']

    Args:
        *operators: The first is next to the source; none at all changes nothing.

    Returns:
        An operator that does what they do one after another.
    """
    return Composed(operators)


class Composed:
    """The operator."""

    def __init__(self, operators: tuple[Operator[Any, Any], ...]) -> None:
        self.operators = operators
        self._binders = [binder(operator) for operator in operators]
        self.__qualname__ = "compose"  # what a pipeline calls this step

    def __call__(self, source: Observable[Any], /) -> Observable[Any]:
        return reduce(lambda stream, operator: operator(stream), self.operators, source)

    def for_rivals(self, call: Call, upstream: Upstream, /) -> Observable[Any]:
        for bind in self._binders:
            upstream = after(bind, upstream)
        return upstream(call)

    async def aclose(self) -> None:
        """Let go of the connections that its operators hold."""
        for operator in self.operators:
            if (close := getattr(operator, "aclose", None)) is not None:
                await close()


def after(bind: Bind, upstream: Upstream) -> Upstream:
    return lambda call: bind(call, upstream)

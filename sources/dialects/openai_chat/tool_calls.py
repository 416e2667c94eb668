"""Tell tool calls apart, as servers really send them.

The documented shape is a fragment with ``index``, the first one with ``id`` and ``function.name``. Seen in
recorded answers too: no ``index`` at all, two ids on one ``index``, ``id: ""``, a name that comes after the
arguments or is repeated with each fragment, ``arguments: null`` or an object instead of its text. And from servers'
issues: another id with each fragment of one call (https://github.com/poolsideai/pool/issues/9).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded
from ....streams.tokens import Raw, StreamToken, ToolCallDelta, ToolCallEnd, ToolCallStart
from ...shape import object_of, text_of
from .plain import Fragment

__all__ = ["ToolCallTracker"]

MAX_TOOL_CALLS: Final = 1024
ToolToken = ToolCallStart | ToolCallDelta | ToolCallEnd | Raw


class OpenCall:
    """A call whose fragments are coming in; it is announced once its name is known."""

    __slots__ = ("ended", "held", "id", "index", "name", "started")

    def __init__(self, index: int, id: str) -> None:
        self.index = index
        self.id = id
        self.name = ""
        self.held = ""
        self.started = self.ended = False


class ToolCallTracker:
    """The calls of one choice, numbered in the order in which they appear."""

    __slots__ = ("_answer_id", "_calls", "_choice", "_current")

    def __init__(self, choice: int, answer_id: str) -> None:
        self._choice = choice
        self._answer_id = answer_id
        self._calls: list[OpenCall] = []
        self._current: dict[int, OpenCall] = {}

    def feed(self, fragment: Json) -> Iterator[ToolToken]:
        details = object_of(fragment.get("function"))
        call_id, name = text_of(fragment.get("id")), text_of(details.get("name"))
        call = self._find(fragment.get("index"), call_id, name)
        if call.ended:
            yield Raw("delta.tool_calls", fragment, self._choice)
            return
        call.id = call.id or call_id
        call.name = call.name or name
        arguments = details.get("arguments")
        if arguments is not None and not isinstance(arguments, str):
            arguments = codec.dumps(arguments).decode()
        yield from self._tell(call, arguments or "")

    def go_on(self, fragments: Sequence[Fragment], tokens: list[StreamToken]) -> bool:
        """Put more arguments of calls to the tokens; False when a fragment is, or may be, anything else."""
        for fragment in fragments:
            call, details = self._current.get(fragment.index), fragment.function
            if call is None or not call.started or call.ended:
                return False
            if (fragment.id and fragment.id != call.id) or (details.name and not call.name):
                return False
            if details.arguments:
                tokens.append(ToolCallDelta(details.arguments, call.index, self._choice))
        return True

    def end(self) -> Iterator[ToolToken]:
        """Announce what was held back, then end every call that has not ended."""
        for call in self._calls:
            if call.ended:
                continue
            if not call.started:
                yield from self._start(call)
            call.ended = True
            yield ToolCallEnd(call.index, self._choice)

    def _tell(self, call: OpenCall, arguments: str) -> Iterator[ToolToken]:
        if not call.started:
            call.held += arguments
            if call.name and (call.id or call.held):
                yield from self._start(call)
        elif arguments:
            yield ToolCallDelta(arguments, call.index, self._choice)

    def _start(self, call: OpenCall) -> Iterator[ToolToken]:
        call.started = True
        # A call without an id could not be answered. With the answer's own in it, it is no other turn's.
        place = f"{call.index}" if self._choice == 0 else f"{self._choice}_{call.index}"
        yield ToolCallStart(call.id or f"call_{self._answer_id}_{place}", call.name, call.index, self._choice)
        if call.held:
            yield ToolCallDelta(call.held, call.index, self._choice)
            call.held = ""

    def _find(self, index: Any, call_id: str, name: str) -> OpenCall:
        if isinstance(index, int) and not isinstance(index, bool):
            call = self._current.get(index)
            if call is None:
                call = self._new(call_id)
            elif call_id and call.id and call_id != call.id:
                # A call begins with its name; without one it is the same call, of a server that invents ids.
                call = self._known(call_id) or (call if call.name and not name else self._new(call_id))
            self._current[index] = call
            return call
        if call_id:
            return self._known(call_id) or self._new(call_id)
        if self._calls and not (name and self._calls[-1].name):
            return self._calls[-1]
        return self._new(call_id)

    def _known(self, call_id: str) -> OpenCall | None:
        return next((call for call in self._calls if call.id == call_id), None)

    def _new(self, call_id: str) -> OpenCall:
        if len(self._calls) >= MAX_TOOL_CALLS:
            raise LimitExceeded("max_tool_calls", MAX_TOOL_CALLS)
        call = OpenCall(len(self._calls), call_id)
        self._calls.append(call)
        return call

"""Arguments of a call that come as values at JSON paths, written as the JSON text they make.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
"""

from __future__ import annotations

import itertools
import re
from typing import Any, Final, TypeAlias

from ....streams import codec
from ....streams.codec import Json
from ....streams.errors import LimitExceeded, MalformedEvent
from ...shape import text_of

__all__ = ["ArgumentsWriter", "parse_path"]

Step: TypeAlias = str | int
MAX_DEPTH: Final = 64
STEP: Final = re.compile(r"""\.(?P<name>[^.\[\]]+)|\[(?P<index>\d{1,9})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*"|'[^']*')\]""")


class ArgumentsWriter:
    """Write values as they come; what has been written is always the beginning of the final text.

    >>> writer = ArgumentsWriter()
    >>> writer.feed({"jsonPath": "$.city", "stringValue": "Par", "willContinue": True})
    '{"city":"Par'
    >>> writer.feed({"jsonPath": "$.city", "stringValue": "is"}) + writer.close()
    'is"}'
    """

    def __init__(self) -> None:
        self._path: list[Step] = []  # of the value written last
        self._used: list[set[Step]] = []  # the keys of each object or array that is open
        self._in_text = False

    def feed(self, argument: Json) -> str:
        """One value, or a piece of a text."""
        path = parse_path(text_of(argument.get("jsonPath")))
        if self._in_text and path == self._path:
            return self._text(argument)
        written = self._leave(path) + self._enter(path)
        if "stringValue" in argument or argument.get("willContinue"):
            self._in_text = True
            return written + '"' + self._text(argument)
        return written + codec.dumps(value_of(argument)).decode()

    def close(self) -> str:
        """What closes all that is open."""
        written = '"' if self._in_text else ""
        written += "".join(bracket(step)[1] for step in reversed(self._path))
        self._in_text, self._path, self._used = False, [], []
        return written

    def _text(self, argument: Json) -> str:
        piece = codec.dumps(text_of(argument.get("stringValue"))).decode()[1:-1]
        self._in_text = argument.get("willContinue") is True
        return piece if self._in_text else piece + '"'

    def _leave(self, path: list[Step]) -> str:
        """Close what does not hold the next value."""
        written = '"' if self._in_text else ""
        self._in_text = False
        shared = sum(
            1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(self._path, path, strict=False))
        )
        keep = min(shared + 1, len(self._path))
        written += "".join(bracket(step)[1] for step in reversed(self._path[keep:]))
        del self._path[keep:], self._used[keep:]
        return written

    def _enter(self, path: list[Step]) -> str:
        """Open all that holds the next value, and write its name."""
        written = ""
        begin = max(len(self._used) - 1, 0)
        for depth, step in enumerate(path[begin:], begin):
            if depth == len(self._used):
                self._used.append(set())
                written += bracket(step)[0]
            elif step in self._used[depth] or isinstance(step, int) != isinstance(self._path[depth], int):
                raise MalformedEvent("the arguments of a call came out of order")
            else:
                written += ","
            self._used[depth].add(step)
            written += "" if isinstance(step, int) else codec.dumps(step).decode() + ":"
        self._path = path
        return written


def bracket(step: Step) -> str:
    return "[]" if isinstance(step, int) else "{}"


def value_of(argument: Json) -> Any:
    return next((argument[name] for name in ("numberValue", "boolValue") if name in argument), None)


def parse_path(path: str) -> list[Step]:
    """The steps of a path such as ``$.days[0].name`` (RFC 9535, names and indexes alone).

    Raises:
        MalformedEvent: For any other path.
        LimitExceeded: For more than 64 steps.
    """
    steps: list[Step] = []
    position = 1
    while position < len(path) and len(steps) <= MAX_DEPTH:
        found = STEP.match(path, position)
        if found is None:
            break
        position = found.end()
        name, index, quoted = found.group("name", "index", "quoted")
        steps.append(int(index) if index else name or unquoted(quoted))
    if len(steps) > MAX_DEPTH:
        raise LimitExceeded("max_json_depth", MAX_DEPTH)
    if not path.startswith("$") or position != len(path) or not steps or isinstance(steps[0], int):
        raise MalformedEvent("an argument of a call came at a path that cannot be read")
    return steps


def unquoted(text: str) -> str:
    return text[1:-1] if text.startswith("'") else text_of(codec.loads(text))

"""Text of others, made safe to show."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["printable"]

# C0 but tab and line feed, DEL, C1, lone surrogates, what is no character, and the overrides that turn the direction
# of what follows.
UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    r"""A text that cannot command the terminal: control characters become visible, carriage returns go.

    What a model says may come from a web page that it was given: escape sequences in it could retitle the
    window, fill the clipboard, or hide what was said.

    >>> printable("plain"), printable("\x1b]0;owned\x07\x1b[2J"), printable("a\r\nb\tc")
    ('plain', '␛]0;owned␇␛[2J', 'a\nb\tc')
    """
    return UNSAFE.sub(visible, text)


def visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 0x0D:
        return ""
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"

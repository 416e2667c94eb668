"""Whole inputs for the contracts, in which every rule shows, and ways to cut them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from msgspec.structs import replace

from tokenrill import (
    Citation,
    Finish,
    Logprobs,
    Raw,
    ReasoningDelta,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    Usage,
)

__all__ = ["CHAT", "PAYLOADS", "SAY", "SSE", "TOKENS", "cut_bytes", "cut_texts", "settled", "uncut"]

TOKENS: Final = (
    ResponseStart("r1", "m"),
    ReasoningDelta("secret thought, se"),
    TextDelta("This is a Sec"),
    TextDelta("ret: se"),
    Raw("ping", {}),
    TextDelta("cre"),
    Logprobs(()),
    TextDelta("cy and secret secrets se", choice=1),
    Citation("https://example.com/"),
    TextDelta("ts. S", 0),
    TextDelta("eCr", 1),
    TextDelta("et", 1),
    ToolCallStart("c1", "look", 0),
    ToolCallDelta('{"for":"secret"}', 0),
    ToolCallEnd(0),
    TextDelta("sec"),
    Usage(3, 4),
    Finish("tool_calls", "tool_calls"),
    Finish("stop", "stop", 1),
)
PAYLOADS: Final = (
    b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"caf\xc3\xa9 \\ud83d\\ude00"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"\xe2\x80\xa8 two"}}]}',
    b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":""}}]}}]}',
    b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\":1}"}}]}}]}',
    b'{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}',
    b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}',
    b"[DONE]",
)
CHAT: Final = b"".join(b"data: " + payload + b"\n\n" for payload in PAYLOADS)
SAY: Final = b'{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}'
# Every rule shows: a byte order mark before data, three line ends, comments, an id, no space, several data lines.
SSE: Final = (
    b"\xef\xbb\xbfdata: first\r\n\r\n: hi\r\nid: 1\r\nevent: a\r\ndata: caf\xc3\xa9\r\ndata: two\r\n\r\n"
    b"\r\rdata:x\r\revent: b\ndata:  two spaces\n\ndata\n\nretry: 5\ndata: \xff\xe2\x80\xa8\x0b\x0c\n\n"
    b"data: [DONE]\n\ncut"
)


def cut_bytes(whole: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut bytes anywhere."""
    edges = [0, *sorted(place for place in places if place < len(whole)), len(whole)]
    return [whole[start:end] for start, end in pairwise(edges)]


def cut_texts(whole: Sequence[Any], places: Iterable[int]) -> list[Any]:
    """Cut the deltas among tokens, at places counted over all their characters."""
    tokens: list[Any] = []
    wanted, start = sorted(places), 0
    for token in whole:
        text = getattr(token, "text", None) if isinstance(token, (TextDelta, ReasoningDelta)) else None
        if text is None:
            tokens.append(token)
            continue
        inside = [place - start for place in wanted if start < place < start + len(text)]
        edges = [0, *inside, len(text)]
        tokens.extend(replace(token, text=text[a:b]) for a, b in pairwise(edges))
        start += len(text)
    return tokens


def uncut(whole: Sequence[Any], _: Iterable[int]) -> list[Any]:
    """For input whose items are whole by nature."""
    return list(whole)


def settled(tokens: list[Any]) -> list[Any]:
    """Tokens with the deltas of one text joined, where nothing stands between them."""
    joined: list[Any] = []
    for token in tokens:
        last = joined[-1] if joined else None
        if isinstance(token, (TextDelta, ReasoningDelta)) and last == replace(token, text=getattr(last, "text", "")):
            joined[-1] = replace(token, text=getattr(last, "text", "") + token.text)
        else:
            joined.append(token)
    return joined

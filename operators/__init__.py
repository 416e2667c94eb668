"""Operators for ``Observable.pipe``; import them from here."""

from ._accumulate import accumulate
from ._buffer import buffer
from ._deadline import deadline
from ._decode import decode
from ._filter_content import filter_content
from ._parse_eventstream import parse_eventstream
from ._parse_sse import parse_sse
from ._transduce import transduce

__all__ = ["accumulate", "buffer", "deadline", "decode", "filter_content", "parse_eventstream", "parse_sse", "transduce"]

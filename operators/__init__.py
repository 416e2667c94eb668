"""Operators for ``Observable.pipe``; import them from here."""

from ._accumulate import accumulate
from ._decode import decode
from ._parse_sse import parse_sse
from ._transduce import transduce

__all__ = ["accumulate", "decode", "parse_sse", "transduce"]

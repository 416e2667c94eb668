"""Amazon Bedrock's Converse: one dialect for all the models it hosts, in the frames of an AWS event stream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

The body names no model, so ``parse`` wants it put in from the address: ``parse({**body, "model": model})``.
"""

from __future__ import annotations

from typing import Final

from ....streams.eventstream import EventStreamParser
from ...dialect import Dialect
from .decode import ConverseDecoder
from .encode import ConverseEncoder
from .errors import encode_error, refuse
from .parse import parse
from .render import render

__all__ = ["BEDROCK_CONVERSE", "CONTENT_TYPE"]

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"

BEDROCK_CONVERSE: Final = Dialect(
    name="bedrock_converse",
    render=render,
    framer=EventStreamParser,
    decoder=ConverseDecoder,
    refuse=refuse,
    parse=parse,
    encode=ConverseEncoder,
    encode_error=encode_error,
    content_types=(CONTENT_TYPE,),
    request_id_headers=("x-amzn-requestid",),
)

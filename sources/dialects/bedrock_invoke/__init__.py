"""Amazon Bedrock's InvokeModelWithResponseStream: each model in its own shape, in the frames of an AWS event stream.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-invoke.html

Claude is asked as Anthropic asks it (Messages, or the retired prompt of the models before them), OpenAI's and many
others' models as chat completions, Nova almost as in Converse, the rest as a text. The body names no model, so
``parse`` wants it put in from the address: ``parse({**body, "model": model})``.
"""

from __future__ import annotations

from typing import Final

from ....streams.eventstream import EventStreamParser
from ...dialect import Dialect
from ..bedrock_converse import CONTENT_TYPE
from ..bedrock_converse.errors import encode_error, refuse
from .decode import InvokeDecoder
from .encode import InvokeEncoder
from .shapes import parse, render, render_as

__all__ = ["BEDROCK_INVOKE", "render_as"]

BEDROCK_INVOKE: Final = Dialect(
    name="bedrock_invoke",
    render=render,
    framer=EventStreamParser,
    decoder=InvokeDecoder,
    refuse=refuse,
    parse=parse,
    encode=InvokeEncoder,
    encode_error=encode_error,
    content_types=(CONTENT_TYPE,),
    request_id_headers=("x-amzn-requestid",),
)

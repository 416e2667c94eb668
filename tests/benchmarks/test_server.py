"""What the benchmarks' server sends is what the providers would: our own decoders read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.peers.contend import Client
from benchmarks.peers.ours import CLIENTS, PROVIDERS, REQUEST
from benchmarks.peers.plain import by_hand
from benchmarks.prose import piece
from benchmarks.server import SLICE, serving
from benchmarks.shapes import SHAPES
from tokenrill import Finish, StreamPipelineBuilder, TextDelta, accumulate

TOKENS = 4_120  # more than the server renders at once, and no multiple of what goes in a chunk


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.mark.parametrize("a_chunk", [1, 50])
@pytest.mark.parametrize("shape", SHAPES)
async def test_an_answer_has_every_token_and_ends_whole(server: str, shape: str, a_chunk: int) -> None:
    provider = PROVIDERS[shape](f"{server}/{shape}/{TOKENS}/{a_chunk}")
    pipeline = StreamPipelineBuilder.source(provider).build()
    texts: list[str] = []
    async with pipeline.open(REQUEST) as tokens:
        ends = [token async for token in tokens if isinstance(token, Finish) or texts_of(token, texts)]
    await pipeline.aclose()
    assert texts == [piece(number % SLICE) for number in range(TOKENS)]
    assert [end.reason for end in ends if isinstance(end, Finish)] == ["stop"]


def texts_of(token: object, texts: list[str]) -> bool:
    if isinstance(token, TextDelta) and token.text:
        texts.append(token.text)
    return False


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_usage_is_that_of_the_answer(server: str, shape: str) -> None:
    provider = PROVIDERS[shape](f"{server}/{shape}/150/1")
    pipeline = StreamPipelineBuilder.source(provider).pipe(accumulate()).build()
    reply = await pipeline.stream(REQUEST)
    await pipeline.aclose()
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 150)


@pytest.mark.parametrize("client", [*CLIENTS.values(), by_hand], ids=[*CLIENTS, "by_hand"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_the_contenders_that_are_always_there_count_exactly(server: str, shape: str, client: Client) -> None:
    assert await client(shape)(f"{server}/{shape}/{TOKENS}/50") == TOKENS


async def test_without_a_shape_it_is_openais(server: str) -> None:
    assert await by_hand("openai")(f"{server}/120/50") == 120

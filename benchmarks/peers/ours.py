"""tokenrill: a pipeline of five operators, one token an item at its subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.end_to_end import five_operators
from benchmarks.peers.contend import Client, Run
from tokenrill import CompletionRequest, Provider, StreamPipelineBuilder, TextDelta, anthropic, gemini, openai

__all__ = ["CLIENTS"]

PROVIDERS: Final[Mapping[str, Callable[[str], Provider]]] = {
    "openai": lambda url: openai(api_key="bench-key", base_url=f"{url}/v1"),
    "anthropic": lambda url: anthropic(api_key="bench-key", base_url=url),
    "gemini": lambda url: gemini(api_key="bench-key", base_url=url),
}
REQUEST: Final = CompletionRequest(model="m", messages="Hi")


def ours(shape: str) -> Run:
    async def run(url: str) -> int:
        count = 0

        def see(token: object) -> None:
            nonlocal count
            if type(token) is TextDelta:
                count += 1

        provider = PROVIDERS[shape](url)
        pipeline = five_operators(StreamPipelineBuilder.source(provider)).build()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pipeline.stream(REQUEST).subscribe(see, done.set_exception, lambda: done.set_result(None))
        await done
        await provider.aclose()
        return count

    return run


CLIENTS: Final[Mapping[str, Client]] = {"ours": ours}

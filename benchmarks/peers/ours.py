"""tokenrill: pipelines of five operators, one token an item at their subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from benchmarks.end_to_end import five_operators
from benchmarks.peers.contend import Client, Run
from tokenrill import (
    CompletionRequest,
    Provider,
    StreamMetrics,
    StreamPipelineBuilder,
    StreamToken,
    TextDelta,
    anthropic,
    deadline,
    filter_content,
    gemini,
    openai,
    resume,
    retry,
)

__all__ = ["CLIENTS"]

PROVIDERS: Final[Mapping[str, Callable[[str], Provider]]] = {
    "openai": lambda url: openai(api_key="bench-key", base_url=f"{url}/v1"),
    "anthropic": lambda url: anthropic(api_key="bench-key", base_url=url),
    "gemini": lambda url: gemini(api_key="bench-key", base_url=url),
}
REQUEST: Final = CompletionRequest(model="m", messages="Hi")
Builder: TypeAlias = StreamPipelineBuilder[StreamToken]


def built_in(builder: Builder) -> Builder:
    """Five that come with the library: what a service would attach."""
    return (
        builder.pipe(filter_content(["forbidden"]))
        .pipe(deadline(first_token=60, idle=60))
        .pipe(resume())
        .pipe(retry())
        .attach(StreamMetrics())
    )


def ours(shape: str, attach: Callable[[Builder], Builder]) -> Run:
    async def run(url: str) -> int:
        count = 0

        def see(token: object) -> None:
            nonlocal count
            if type(token) is TextDelta:
                count += 1

        provider = PROVIDERS[shape](url)
        pipeline = attach(StreamPipelineBuilder.source(provider)).build()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pipeline.stream(REQUEST).subscribe(see, done.set_exception, lambda: done.set_result(None))
        await done
        await provider.aclose()
        return count

    return run


CLIENTS: Final[Mapping[str, Client]] = {
    "ours": partial(ours, attach=five_operators),
    "ours_built_in": partial(ours, attach=built_in),
}

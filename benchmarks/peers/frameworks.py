"""The libraries that speak to many providers, as their documentation streams."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from benchmarks.peers.contend import Client, Run
from benchmarks.peers.vendors import MESSAGES

__all__ = ["CLIENTS"]


def litellm(shape: str) -> Run:
    logging.disable(logging.CRITICAL)
    module: Any = import_module("litellm")
    module.telemetry = False
    module.suppress_debug_info = True
    model, path = {
        "openai": ("openai/gpt-4o", "/v1"),
        "anthropic": ("anthropic/claude-sonnet-4-5", "/v1/messages"),
        "gemini": ("gemini/gemini-2.5-flash", ""),
    }[shape]

    async def run(url: str) -> int:
        count = 0
        chunks = await module.acompletion(
            model=model, api_base=url + path, api_key="k", messages=MESSAGES, stream=True, num_retries=0, timeout=600
        )
        async for chunk in chunks:
            if chunk.choices[0].delta.content:
                count += 1
        return count

    return run


def langchain_openai(_: str) -> Run:
    chat: Any = import_module("langchain_openai").ChatOpenAI

    async def run(url: str) -> int:
        count = 0
        model = chat(model="gpt-4o", api_key="k", base_url=f"{url}/v1", max_retries=0, timeout=600, stream_usage=False)
        async for chunk in model.astream("Hi"):
            if chunk.content:
                count += 1
        return count

    return run


def pydantic_ai(_: str) -> Run:
    agent: Any = import_module("pydantic_ai").Agent
    model: Any = import_module("pydantic_ai.models.openai").OpenAIChatModel
    provider: Any = import_module("pydantic_ai.providers.openai").OpenAIProvider

    async def run(url: str) -> int:
        count = 0
        asked = agent(model("gpt-4o", provider=provider(base_url=f"{url}/v1", api_key="k")))
        async with asked.run_stream("Hi") as result:
            async for _text in result.stream_text(delta=True, debounce_by=None):
                count += 1
        return count

    return run


def llm(_: str) -> Run:
    chat: Any = import_module("llm.default_plugins.openai_models").AsyncChat

    async def run(url: str) -> int:
        count = 0
        model = chat(model_id="m", model_name="gpt-4o", api_base=f"{url}/v1")
        async for text in model.prompt("Hi", stream=True, key="k"):
            if text:
                count += 1
        return count

    return run


CLIENTS: Final[Mapping[str, Client]] = {
    "litellm": litellm,
    "langchain-openai": langchain_openai,
    "pydantic-ai": pydantic_ai,
    "llm": llm,
}

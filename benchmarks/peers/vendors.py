"""The vendors' own clients, as their documentation streams."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from benchmarks.peers.contend import Client, Run

__all__ = ["CLIENTS", "MESSAGES"]

MESSAGES: Final = [{"role": "user", "content": "Hi"}]


def openai(_: str) -> Run:
    client: Any = import_module("openai").AsyncOpenAI(api_key="k", base_url="http://127.0.0.1:1", max_retries=0)

    async def run(url: str) -> int:
        client.base_url = f"{url}/v1"
        count = 0
        async for chunk in await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                count += 1
        return count

    return run


def anthropic(_: str) -> Run:
    client: Any = import_module("anthropic").AsyncAnthropic(api_key="k", base_url="http://127.0.0.1:1", max_retries=0)

    async def run(url: str) -> int:
        client.base_url = url
        count = 0
        events = await client.messages.create(
            model="claude-sonnet-4-5", max_tokens=1024, messages=MESSAGES, stream=True
        )
        async for event in events:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                count += 1
        return count

    return run


def google_genai(_: str) -> Run:
    genai: Any = import_module("google.genai")

    async def run(url: str) -> int:
        client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url))
        count = 0
        async for chunk in await client.aio.models.generate_content_stream(model="gemini-2.5-flash", contents="Hi"):
            if chunk.text:
                count += 1
        await client.aio.aclose()
        return count

    return run


CLIENTS: Final[Mapping[str, Client]] = {"openai": openai, "anthropic": anthropic, "google-genai": google_genai}

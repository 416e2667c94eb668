"""Who appears in the demo, each in its own dialect, frames and signature, and what each says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ...sources.http import Http
from ...sources.registry import ProviderRegistry
from ...streams.request import CompletionRequest
from ...streams.types import Source
from ..emulator import Answer, Pace

__all__ = ["CAST", "QUESTION", "Part", "answer_for"]

QUESTION: Final = "How do your words travel?"
KEY: Final = "emulator"


async def google_token() -> str:
    """In place of google-auth: any function that gives a token will do."""
    return KEY


@dataclass(frozen=True, slots=True)
class Part:
    """One provider's part: how it is made for the emulator's address, and what the emulator says for it.

    Attributes:
        name: Its name in the registry.
        model: What is asked, by which the emulator knows whom to play.
        wire: Its dialect, frames and signature, in three words.
        options: The factory's options, given the emulator's address.
        text, reasoning: What it says, and what it thinks before.
        pace: How fast.
    """

    name: str
    model: str
    wire: str
    options: Callable[[str], dict[str, Any]]
    text: str
    pace: Pace
    reasoning: str = ""

    @property
    def title(self) -> str:
        """The provider's name as people write it."""
        return ProviderRegistry().find(self.name).title

    def source(self, url: str, http: Http) -> Source:
        """The provider, asking the emulator."""
        return ProviderRegistry().find(self.name).make(self.model, http=http, **self.options(url))


def answer_for(request: CompletionRequest) -> Answer:
    """What the emulator says to this request."""
    part = next(part for part in CAST if part.model == request.model)
    return Answer.text(part.text, reasoning=part.reasoning, pace=part.pace)


CAST: Final = (
    Part(
        "openai",
        "gpt-6-luna",
        "responses · SSE · bearer",
        lambda url: {"api": "responses", "api_key": KEY, "base_url": f"{url}/v1"},
        "As named events: response.created, then a response.output_text.delta for each of these words, and "
        "response.completed with the bill. They are numbered, and every one of them is read as it comes, never later.",
        Pace(0.5, 0.14, 0.6, seed=1),
    ),
    Part(
        "anthropic",
        "claude-haiku-5-5",
        "messages · SSE · x-api-key",
        lambda url: {"api_key": KEY, "base_url": url},
        "In blocks. Each one starts, grows by deltas, and stops, so that thoughts, tools and text never mix. Why I "
        "stop, and what it cost, comes in message_delta, just before the message_stop that proves I was not cut off.",
        Pace(0.8, 0.12, 0.7, seed=2),
    ),
    Part(
        "gemini",
        "gemini-3.8-flash",
        "gemini · array · x-goog-api-key",
        lambda url: {"api_key": KEY, "base_url": url, "sse": False},
        "As one long JSON array, this time, with a small answer in each of its elements. The network may cut it where "
        "it likes, in the middle of « déjà vu », 日本語 or 🦜: the words are the same for every cut.",
        Pace(0.3, 0.13, 0.3, seed=3),
    ),
    Part(
        "xai",
        "grok-4.3",
        "chat · SSE · bearer",
        lambda url: {"api_key": KEY, "base_url": f"{url}/v1"},
        "What you saw first, dimmed, was reasoning: it travels beside the text, in a field and with a count of its "
        "own. The rest is chat completions, and ends with [DONE].",
        Pace(0.4, 0.13, 0.5, seed=4),
        "They ask how I speak. Reasoning first, then the words, and keep it short.",
    ),
    Part(
        "bedrock",
        "eu.amazon.nova-lite-v1:0",
        "converse · AWS frames · SigV4",
        lambda url: {"credentials": ("AKIDEXAMPLE", KEY), "region": "eu-west-1", "endpoint_url": url},
        "In binary frames: lengths, headers, JSON, and two checksums, all verified before one word is shown. The "
        "question was signed with SigV4, and the server computed that signature anew to check it. No botocore needed.",
        Pace(1.1, 0.11, 0.9, seed=5),
    ),
    Part(
        "vertex",
        "gemini-3.1-pro-preview",
        "gemini · SSE · OAuth token",
        lambda url: {"project": "demo", "location": "europe-west1", "credentials": google_token, "base_url": url},
        "As Gemini's, but at another address, with a project and a location in its path, and a token in place of a "
        "key. A provider is a dialect, frames, a signature and an address: the next one is one short file.",
        Pace(0.6, 0.13, 0.4, seed=6),
    ),
    Part(
        "azure",
        "my-deployment",
        "azure chat · SSE · api-key",
        lambda url: {"api_key": KEY, "endpoint": url},
        "As chat completions, with the verdicts of a content filter beside them. A verdict may come late, when the "
        "words are on the screen already: then you are told which words to take back.",
        Pace(0.7, 0.16, 0.5, seed=7),
    ),
)

"""What the caller puts into a request in the provider's own words."""

from __future__ import annotations

import json

from tokenrill import CompletionRequest, gemini, openai


async def test_an_object_in_extra_is_merged_and_anything_else_replaces() -> None:
    request = CompletionRequest(
        model="m",
        messages="Hi",
        temperature=0.5,
        extra={"generationConfig": {"responseModalities": ["TEXT"]}, "contents": []},
    )
    sent = json.loads((await gemini(api_key="example-key").prepare(request)).body)
    assert sent["generationConfig"] == {"temperature": 0.5, "responseModalities": ["TEXT"]}
    assert sent["contents"] == []


async def test_extra_wins() -> None:
    request = CompletionRequest(
        model="m", messages="Hi", extra={"model": "n", "stream_options": {"include_usage": False}}
    )
    sent = json.loads((await openai(api_key="example-key").prepare(request)).body)
    assert (sent["model"], sent["stream_options"]) == ("n", {"include_usage": False})

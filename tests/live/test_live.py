"""One short question to each real provider whose key is set. It costs money, so it has to be asked for: `make live`."""

from __future__ import annotations

import os

import pytest

from tests.live.asking import ask
from tokenrill import ProviderRegistry, Registration

if not os.environ.get("TOKENRILL_LIVE"):
    pytest.skip("real providers are asked by `make live` (TOKENRILL_LIVE=1), with their keys", allow_module_level=True)

# Models for providers that have no usual one. TOKENRILL_LIVE_MODELS="azure=my-deployment groq=…" chooses others.
MODELS = {
    "groq": "llama-3.1-8b-instant",
    "deepseek": "deepseek-chat",
    "mistral": "mistral-small-latest",
    "openrouter": "openai/gpt-6-luna",
    "together": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "fireworks": "accounts/fireworks/models/gpt-oss-20b",
    "cerebras": "llama3.1-8b",
    **dict(pair.split("=", 1) for pair in os.environ.get("TOKENRILL_LIVE_MODELS", "").split()),
}
ROWS = [row for row in ProviderRegistry() if row.variables]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_provider_answers_and_says_what_it_cost(row: Registration) -> None:
    if not row.key_found:
        pytest.skip(f"{row.title}: {' or '.join(row.variables[:2])} is not set")
    model = MODELS.get(row.name) or row.model
    if not model:
        pytest.skip(f"{row.title}: name a model: TOKENRILL_LIVE_MODELS={row.name}=MODEL")
    await ask(row.make(model), model)

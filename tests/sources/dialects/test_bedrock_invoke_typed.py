"""The models' own shapes on the typed path; that it says what the general one says is the machines' contract."""

from __future__ import annotations

import pytest

from tests.contracts.invoke import INVOKED
from tokenrill import TextDelta
from tokenrill.sources.dialects.bedrock_invoke.decode import InvokeDecoder


@pytest.mark.parametrize("name", ["nova", "llama", "titan", "openai", "claude 2"])
def test_text_in_a_model_s_own_shape_takes_the_typed_path(name: str) -> None:
    decoder = InvokeDecoder()
    first, text, *_ = INVOKED[name]
    list(decoder.feed(first))
    tokens = decoder.feed_batch([text, text])
    assert tokens is not None
    assert len(tokens) == 2
    assert all(isinstance(token, TextDelta) for token in tokens)

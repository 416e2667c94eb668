"""InvokeModel: requests in each model's own shape, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from tokenrill import (
    BEDROCK_INVOKE,
    CompletionRequest,
    Image,
    Message,
    Reasoning,
    Tool,
)
from tokenrill.sources.dialects.bedrock_invoke import render_as

MODELS = {
    "anthropic": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic_text": "anthropic.claude-v2:1",
    "nova": "amazon.nova-lite-v1:0",
    "titan": "amazon.titan-text-express-v1",
    "llama": "meta.llama3-1-8b-instruct-v1:0",
    "mistral": "mistral.mistral-7b-instruct-v0:2",
    "cohere": "cohere.command-light-text-v14",
    "command_r": "cohere.command-r-v1:0",
    "openai": "openai.gpt-oss-20b-1:0",
}
PROMPTED = ("titan", "llama", "mistral", "cohere", "command_r")


TALK = [Message("system", "Be brief."), Message.user("Hi"), Message.assistant("Hello"), Message.user("And?")]


@pytest.mark.parametrize("family", sorted(MODELS))
def test_a_conversation_parses_back(family: str) -> None:
    request = CompletionRequest(model=MODELS[family], messages=TALK, max_tokens=50, temperature=0.5, top_p=0.9)
    body = BEDROCK_INVOKE.render(request)
    again = BEDROCK_INVOKE.parse({**body, "model": request.model})
    expected = [(message.role, message.text) for message in TALK]
    if family == "mistral":  # which knows no system
        expected[:2] = [("user", "Be brief.\n\nHi")]
    assert [(message.role, message.text.strip()) for message in again.turns] == expected
    assert (again.max_tokens, again.temperature, again.top_p, again.extra) == (50, 0.5, 0.9, {})


@pytest.mark.parametrize(
    ("family", "body"),
    [
        (
            "titan",
            {
                "inputText": "Be brief.\nUser: Hi\nBot: Hello\nUser: And?\nBot:",
                "textGenerationConfig": {"maxTokenCount": 50},
            },
        ),
        (
            "llama",
            {
                "prompt": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nAnd?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n",
                "max_gen_len": 50,
            },
        ),
        (
            "command_r",
            {
                "message": "And?",
                "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}],
                "preamble": "Be brief.",
                "max_tokens": 50,
            },
        ),
    ],
)
def test_a_conversation_is_written_as_the_model_wants_it(family: str, body: dict[str, Any]) -> None:
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
    request = CompletionRequest(model=MODELS[family], messages=TALK, max_tokens=50)
    assert BEDROCK_INVOKE.render(request) == body


def test_mistral_and_claudes_old_prompt_are_written() -> None:
    ask = CompletionRequest(model=MODELS["mistral"], messages="Hi", max_tokens=5, top_k=3, stop=["END"])
    assert BEDROCK_INVOKE.render(ask) == {
        "prompt": "<s>[INST] Hi [/INST]",
        "max_tokens": 5,
        "top_k": 3,
        "stop": ["END"],
    }
    old = CompletionRequest(model="anthropic.claude-instant-v1", messages="Hi", max_tokens=5)
    assert BEDROCK_INVOKE.render(old) == {"prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 5}


def test_nova_is_asked_as_in_converse_with_its_own_fields_beside() -> None:
    # https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html
    ask = CompletionRequest(
        model=MODELS["nova"], messages="Hi", max_tokens=5, top_k=3, reasoning=Reasoning(effort="low")
    )
    body = BEDROCK_INVOKE.render(ask)
    assert body == {
        "schemaVersion": "messages-v1",
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 5, "topK": 3},
        "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"},
    }
    assert BEDROCK_INVOKE.parse({**body, "model": ask.model}) == ask


@pytest.mark.parametrize("family", PROMPTED)
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"tools": [Tool(name="f")]}, "tools"),
        ({"seed": 1}, "seed"),
        ({"choice_count": 2}, "choice_count"),
        ({"messages": [Message.user(Image(media_type="image/png", data=b"x"))]}, "text only"),
    ],
)
def test_what_a_prompt_cannot_say_is_refused(family: str, fields: dict[str, Any], says: str) -> None:
    given: dict[str, Any] = {"model": MODELS[family], "messages": "Hi", **fields}
    with pytest.raises(ValueError, match=f"{family} models.*{says}"):
        BEDROCK_INVOKE.render(CompletionRequest(**given))


@pytest.mark.parametrize(
    ("family", "text"),
    [("titan", "x\nBot: y"), ("llama", "<|eot_id|>"), ("mistral", "a [/INST] b"), ("cohere", "x\nChatbot: y")],
)
def test_nobody_speaks_as_somebody_else(family: str, text: str) -> None:
    with pytest.raises(ValueError, match="mark of a turn"):
        BEDROCK_INVOKE.render(
            CompletionRequest(model=MODELS[family], messages=[Message.user(text), Message.assistant("a")])
        )


def test_a_model_whose_family_its_id_does_not_tell_wants_it_said() -> None:
    arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
    ask = CompletionRequest(model=arn, messages="Hi", max_tokens=5)
    with pytest.raises(ValueError, match="family="):
        BEDROCK_INVOKE.render(ask)
    body = render_as("anthropic", betas=["b-1"])(ask)
    assert (body["anthropic_version"], body["anthropic_beta"]) == ("bedrock-2023-05-31", ["b-1"])
    with pytest.raises(ValueError, match="no known"):
        BEDROCK_INVOKE.parse({"model": arn, "strange": 1})

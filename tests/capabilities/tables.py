"""The tables, as Markdown: each cell is what the provider's own code did when it was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec.structs import replace

from tests.capabilities.answers import ANSWERS, whole
from tests.capabilities.requests import ASK, FEATURES
from tokenrill import CompletionRequest, Provider, ProviderRegistry, StreamError, StreamToken, Usage
from tokenrill.sources.compatible import SERVERS
from tokenrill.sources.dialect import Dialect
from tokenrill.sources.dialects.bedrock_models import FAMILIES

__all__ = ["page"]

REGISTRY: Final = ProviderRegistry()
HEAD: Final = (
    "# Capabilities\n\n"
    "What each provider takes in a request, and what comes through in an answer. This page is written by "
    "`python -m tests.capabilities --write`, which asks the code; a test holds the page to it.\n\n"
    "In the tables of requests **yes** means that it reaches the wire, **no** that it is refused before anything is "
    "sent: the `ValueError` says why and what to do (those of the first table are below it), **-** that nothing has "
    "to be sent for it. That a dialect can say something does not mean that every model behind it obeys. What is not "
    "here goes into `extra`, in the provider's own words.\n"
)
ANSWER_HEAD: Final = (
    "## Answers\n\n"
    "**yes**: `decode(encode(tokens))` gives these tokens back, so the client reads them and the emulator writes "
    "them. **no**: the format has no place for it, or only one of the two directions has it. xAI speaks as OpenAI "
    "does, and Vertex AI as Gemini and Anthropic do.\n"
)


def made(name: str, model: str = "model", **options: Any) -> Provider:
    given = {"api_key": "none", **options}
    provider = REGISTRY.find(name).make(model, **{key: value for key, value in given.items() if value is not None})
    assert isinstance(provider, Provider)
    return provider


def vendors() -> dict[str, tuple[str, Provider]]:
    """Column: the model that is asked, and the provider."""
    azure = {"endpoint": "https://example.openai.azure.com", "api_version": "v1"}
    vertex: dict[str, Any] = {"project": "p", "location": "eu", "api_key": None}
    return {
        "OpenAI chat": ("model", made("openai")),
        "OpenAI responses": ("model", made("openai", api="responses")),
        "Anthropic": ("claude-opus-4-6", made("anthropic")),
        "Gemini": ("gemini-3-pro", made("gemini")),
        "Gemini interactions": ("gemini-3-pro", made("gemini", api="interactions")),
        "xAI chat": ("model", made("xai")),
        "xAI responses": ("model", made("xai", api="responses")),
        "Bedrock Converse": ("anthropic.claude-opus-4-6-v1", made("bedrock", region="eu-west-1")),
        "Vertex Gemini": ("gemini-3-pro", made("vertex", "gemini-3-pro", **vertex)),
        "Vertex Claude": ("claude-opus-4-6", made("vertex", "claude-opus-4-6", **vertex)),
        "Azure chat": ("model", made("azure", **azure)),
        "Azure responses": ("model", made("azure", api="responses", **azure)),
    }


def families() -> dict[str, tuple[str, Provider]]:
    return {family: ("model", made("bedrock", region="eu-west-1", api="invoke", family=family)) for family in FAMILIES}


def servers() -> dict[str, tuple[str, Provider]]:
    return {REGISTRY.find(name).title: ("model", made(name)) for name in SERVERS}


def taken(provider: Provider, model: str, feature: str) -> str | None:
    """None when the feature reaches the wire, "" when nothing has to be sent for it, else why it is refused."""
    asked, without = FEATURES[feature]
    try:
        body = provider.dialect.render(replace(asked, model=model))
    except ValueError as error:
        return str(error)
    try:
        return "" if body == provider.dialect.render(replace(without, model=model)) else None
    except ValueError:
        return None


def request_table(
    title: str, columns: Mapping[str, tuple[str, Provider]], *, with_reasons: bool = False
) -> Iterator[str]:
    yield f"## {title}\n"
    found = {feature: [taken(provider, model, feature) for model, provider in columns.values()] for feature in FEATURES}
    marks = {feature: [mark(cell) for cell in cells] for feature, cells in found.items()}
    yield from markdown(list(columns), marks)
    yield ""
    if not with_reasons:
        return
    reasons: dict[tuple[str, str], list[str]] = {}
    for feature, cells in found.items():
        for column, cell in zip(columns, cells, strict=True):
            if cell:
                reasons.setdefault((feature, " ".join(cell.split())), []).append(column)
    for (feature, reason), who in reasons.items():
        yield f"- *{feature}*, {', '.join(who)}: {reason}"
    yield ""


def mark(cell: str | None) -> str:
    return "yes" if cell is None else "no" if cell else "-"


def markdown(columns: list[str], rows: Mapping[str, list[str]]) -> Iterator[str]:
    yield f"| | {' | '.join(columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for name, cells in rows.items():
        yield f"| {name} | {' | '.join(cells)} |"


def dialects() -> dict[str, tuple[Dialect, CompletionRequest]]:
    chosen = {**vendors(), "Ollama": servers()["Ollama"]}
    kept = {name: it for name, it in chosen.items() if not name.startswith(("xAI", "Vertex"))}
    return {name: (provider.dialect, replace(ASK, model=model)) for name, (model, provider) in kept.items()}


def comes_through(dialect: Dialect, request: CompletionRequest, part: list[StreamToken]) -> bool:
    try:
        encoder = dialect.encode(dialect.render(request))
        wire = [piece for token in whole(part) for piece in encoder.feed(token)]
        decoded = dialect.decode([*wire, *encoder.close()])
    except (ValueError, StreamError):
        return False
    return all(any(same(wanted, got) for got in decoded) for wanted in part)


def same(wanted: StreamToken, got: StreamToken) -> bool:
    """Equal, but for the place that the format gives it and the provider's own record."""
    if type(wanted) is not type(got):
        return False
    plain = {"index": 0, "raw": None}
    fields = {name: value for name, value in plain.items() if hasattr(wanted, name)}
    if isinstance(wanted, Usage):
        fields["raw"] = None
    return replace(wanted, **fields) == replace(got, **fields)


def answer_table() -> Iterator[str]:
    columns = dialects()
    rows = {
        feature: ["yes" if comes_through(*it, list(part)) else "no" for it in columns.values()]
        for feature, part in ANSWERS.items()
    }
    yield ANSWER_HEAD
    yield from markdown(list(columns), rows)


def page() -> str:
    """The whole page."""
    lines = [
        HEAD,
        *request_table("Requests", vendors(), with_reasons=True),
        *request_table("Requests by Bedrock's InvokeModel, by family", families()),
        *request_table("Requests to compatible servers", servers()),
        *answer_table(),
    ]
    return "\n".join(lines).rstrip() + "\n"

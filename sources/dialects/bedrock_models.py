"""Who made a model, as its id on Amazon Bedrock says: each maker has words of its own for what is not common to all.

https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, get_args

__all__ = ["FAMILIES", "Family", "family_of", "known_family"]

Family: TypeAlias = Literal[
    "anthropic", "anthropic_text", "nova", "titan", "llama", "mistral", "cohere", "command_r", "openai"
]
FAMILIES: Final[tuple[Family, ...]] = get_args(Family)

# The first that the id holds; an id may begin with regions (``us.``) or the parts of an ARN.
MARKS: Final[tuple[tuple[str, Family], ...]] = (
    ("anthropic.claude-v1", "anthropic_text"),
    ("anthropic.claude-v2", "anthropic_text"),
    ("anthropic.claude-instant", "anthropic_text"),
    ("anthropic.", "anthropic"),
    ("amazon.nova", "nova"),
    ("amazon.titan-text", "titan"),
    ("amazon.titan-tg1", "titan"),
    ("meta.llama", "llama"),
    ("mistral.", "mistral"),
    ("cohere.command-r", "command_r"),
    ("cohere.command", "cohere"),
    # These speak chat completions, whoever made them.
    ("openai.", "openai"),
    ("deepseek.v", "openai"),
    ("qwen.", "openai"),
    ("ai21.jamba", "openai"),
    ("moonshot.", "openai"),
    ("minimax.", "openai"),
    ("google.gemma", "openai"),
    ("nvidia.", "openai"),
    ("zai.", "openai"),
)


def family_of(model: str) -> Family | None:
    """The family of a model by its id; None when the id does not say, as the ARNs of profiles do not.

    >>> family_of("us.anthropic.claude-opus-4-6-v1"), family_of("amazon.nova-lite-v1:0"), family_of("my-import")
    ('anthropic', 'nova', None)
    """
    return next((family for mark, family in MARKS if mark in model), None)


def known_family(family: Any) -> Family:
    """The family, if it is one.

    Raises:
        ValueError: When it is none.
    """
    if family not in FAMILIES:
        raise ValueError(f"family is one of {', '.join(FAMILIES)}, not {family!r}")
    return family

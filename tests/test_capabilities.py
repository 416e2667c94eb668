"""docs/capabilities.md says what the code does, and asks it about everything that a request can hold."""

from __future__ import annotations

from msgspec.structs import fields

from tests.capabilities.__main__ import PAGE
from tests.capabilities.requests import FEATURES
from tests.capabilities.tables import page
from tokenrill import CompletionRequest

ALWAYS = {"model", "messages", "max_tokens"}
AS_IT_IS = {"extra"}


def test_the_page_is_what_the_code_does() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: python -m tests.capabilities --write"


def test_every_field_of_a_request_has_its_feature() -> None:
    names = {field.name for field in fields(CompletionRequest)} - ALWAYS - AS_IT_IS
    asked = {name for name in names for with_it, without in FEATURES.values() if differs(name, with_it, without)}
    assert asked == names


def differs(name: str, one: CompletionRequest, other: CompletionRequest) -> bool:
    return getattr(one, name) != getattr(other, name)

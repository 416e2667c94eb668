"""Keys: where they come from, where they go, and where they never show."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import pytest

from tokenrill import MissingCredential
from tokenrill.sources.auth import Secret, bearer, from_environment, header
from tokenrill.sources.http import Headers, HttpRequest

CANARY = "sk-canary-1234567890"


def request() -> HttpRequest:
    return HttpRequest("POST", "https://a.example", Headers({"accept": "x"}), b"the prompt")


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(CANARY)
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert CANARY not in shown
        assert "***" in shown


def test_a_secret_has_no_attributes_to_list_and_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY)
    assert not hasattr(secret, "__dict__")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%s %r %s", secret, secret, {"key": secret})
    assert CANARY not in caplog.text


def test_a_secret_is_not_serialised() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps({"key": Secret(CANARY)})


def test_a_secret_can_be_copied_along_with_what_holds_it() -> None:
    held = {"key": Secret(CANARY)}
    assert copy.deepcopy(held)["key"].reveal() == copy.copy(held["key"]).reveal() == CANARY


def test_space_around_a_key_is_dropped() -> None:
    assert Secret(f"  {CANARY}\n").reveal() == CANARY


@pytest.mark.parametrize("value", ["", "  \n", "sk\r\nx: y", "sk\0", "sk-\u201cquoted\u201d"])
def test_a_key_that_cannot_be_sent_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(ValueError, match="Some key") as caught:
        Secret(value, "Some key")
    assert "sk" not in str(caught.value)


def test_a_given_key_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_KEY", "from-first")
    monkeypatch.setenv("SECOND_KEY", "from-second")
    assert from_environment("given", "FIRST_KEY", provider="Some").reveal() == "given"
    assert from_environment(None, "FIRST_KEY", "SECOND_KEY", provider="Some").reveal() == "from-first"
    monkeypatch.setenv("FIRST_KEY", " ")
    assert from_environment(None, "FIRST_KEY", "SECOND_KEY", provider="Some").reveal() == "from-second"


def test_without_a_key_the_message_names_the_variables_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRST_KEY", raising=False)
    monkeypatch.delenv("SECOND_KEY", raising=False)
    with pytest.raises(MissingCredential, match=r"no key for Some: set .*FIRST_KEY or SECOND_KEY, or pass api_key="):
        from_environment(None, "FIRST_KEY", "SECOND_KEY", provider="Some")


async def test_signing_adds_one_header_and_leaves_the_request_as_it_was() -> None:
    before = request()
    signed = await bearer(Secret(CANARY))(before)
    assert signed.headers == {"accept": "x", "authorization": f"Bearer {CANARY}"}
    assert before.headers == {"accept": "x"}
    assert (await header("x-api-key", Secret(CANARY))(before)).headers["x-api-key"] == CANARY


async def test_a_signed_request_shows_neither_key_nor_prompt() -> None:
    signed = await bearer(Secret(CANARY))(request())
    assert CANARY not in repr(signed)
    assert CANARY not in str(signed.headers)
    assert "the prompt" not in repr(signed)
    assert signed.secrets() == (CANARY,)

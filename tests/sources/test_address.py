"""Where a request may go: what the guards let through and what they stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tokenrill import Provider, anthropic, azure, bedrock, compatible, gemini, openai, vertex, xai
from tokenrill.sources.address import (
    checked_base_url,
    checked_header,
    checked_url,
    is_forbidden_address,
    path_segment,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1///", "https://api.openai.com/v1"),
        ("https://EXAMPLE.com:8443", "https://EXAMPLE.com:8443"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://localhost:11434/v1", "http://localhost:11434/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://10.0.0.7/v1", "https://10.0.0.7/v1"),
    ],
)
def test_an_address_is_kept_without_its_last_slash(given: str, expected: str) -> None:
    assert checked_base_url(given) == expected


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://api.openai.com/v1", "in the clear"),
        ("http://10.0.0.7/v1", "in the clear"),
        ("http://127.0.0.1.example.com", "in the clear"),
        ("http://evil.localhost", "in the clear"),
        ("api.openai.com/v1", "must begin with https://"),
        ("ftp://api.openai.com", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("https:///v1", "must begin with https://"),
        ("", "is empty"),
        ("https://user:secret@api.openai.com", "user or password"),
        ("https://sk-key@api.openai.com", "user or password"),
        ("https://@api.openai.com", "user or password"),
        ("https://api.openai.com/v1?key=x", "query"),
        ("https://api.openai.com/v1?", "query"),
        ("https://api.openai.com/v1#x", "fragment"),
        ("https://api.openai.com/v1#", "fragment"),
        ("https://api.openai.com/\r\nx-evil: 1", "CR and LF"),
        ("https://api.openai.com/\tv1", "control characters"),
        (" https://api.openai.com", "spaces"),
        ("https://good.example\\@evil.example", "backslashes"),
        ("https://good.example\\.evil.example", "backslashes"),
        ("https://api.openai.com:0/v1", "port"),
        ("https://api.openai.com:99999/v1", "[Pp]ort"),
        ("https://api.openai.com:x/v1", "[Pp]ort"),
        ("https://169.254.169.254/latest", "metadata"),
        ("https://[::ffff:169.254.169.254]/latest", "metadata"),
        ("https://[fd00:ec2::254]/latest", "metadata"),
    ],
)
def test_what_is_no_address_of_a_provider_is_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        checked_base_url(url)
    assert "secret" not in str(caught.value)
    assert "sk-key" not in str(caught.value)


def test_plain_http_can_be_allowed_but_not_a_metadata_service() -> None:
    assert checked_base_url("http://models.internal:8000/v1/", allow_http=True) == "http://models.internal:8000/v1"
    with pytest.raises(ValueError, match="metadata"):
        checked_base_url("http://169.254.169.254", allow_http=True)


EMPTY: list[Callable[[], Provider]] = [
    lambda: anthropic(api_key="sk-key", base_url=""),
    lambda: azure(endpoint="", api_key="sk-key"),
    lambda: bedrock(api_key="sk-key", region="us-east-1", endpoint_url=""),
    lambda: compatible("groq", api_key="sk-key", base_url=""),
    lambda: gemini(api_key="sk-key", base_url=""),
    lambda: openai(api_key="sk-key", base_url=""),
    lambda: vertex(project="example", base_url=""),
    lambda: xai(api_key="sk-key", base_url=""),
]


@pytest.mark.parametrize("make", EMPTY)
def test_an_empty_address_is_refused_rather_than_the_vendor_asked(make: Callable[[], Provider]) -> None:
    """It is what a setting holds that somebody forgot to set; the key and the prompts are for another place."""
    with pytest.raises(ValueError, match=r"(base_url|endpoint|endpoint_url) is empty"):
        make()


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",  # AWS, Azure, GCP, OpenStack
        "169.254.170.2",  # ECS
        "169.254.170.23",  # EKS
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # EKS
        "fd20:ce::254",  # GCP
        "fe80::a9fe:a9fe",  # OpenStack
        "fe80::a9fe:a9fe%eth0",
        "::ffff:169.254.169.254",  # mapped
        "::ffff:a9fe:a9fe",
        "::ffff:0:169.254.169.254",  # translated
        "::169.254.169.254",  # compatible
        "64:ff9b::169.254.169.254",  # NAT64
        "64:ff9b:1::169.254.169.254",  # NAT64, local
        "2002:a9fe:a9fe::",  # 6to4
        "2001:0:4136:e378:8000:63bf:5601:5601",  # Teredo to 169.254.169.254
    ],
)
def test_a_metadata_service_is_known_in_every_spelling(host: str) -> None:
    assert is_forbidden_address(host)


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "127.0.0.1",
        "::1",
        "::",
        "8.8.8.8",
        "fd00::1",
        "fe80::1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "a.b",
        "",
    ],
)
def test_other_hosts_are_not_metadata_services(host: str) -> None:
    assert not is_forbidden_address(host)


@pytest.mark.parametrize(
    "value", ["sk\r\nx-evil: 1", "sk\n", "sk\0", "sk\x1b[0m", "sk\x7f", "sk\u2026", "sk\xa0", "sk\u212a"]
)
def test_a_header_cannot_smuggle_in_another_and_is_not_quoted(value: str) -> None:
    with pytest.raises(ValueError, match="x-some") as caught:
        checked_header("x-some", value)
    assert "sk" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["", "x y", "x:", "x\r\ny", "x\0", "ä"])
def test_a_headers_name_cannot_either(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        checked_header(name, "value")


def test_a_good_header_is_kept() -> None:
    assert checked_header("x-some", "Bearer a.b-c_d~e+f/g==\t") == "Bearer a.b-c_d~e+f/g==\t"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpt-x.1_2~3", "gpt-x.1_2~3"),
        ("anthropic.claude:0", "anthropic.claude%3A0"),
        ("arn:aws:bedrock:eu:1:model/x", "arn%3Aaws%3Abedrock%3Aeu%3A1%3Amodel%2Fx"),
        ("a/../../b", "a%2F..%2F..%2Fb"),
        ("x@evil.example", "x%40evil.example"),
        ("x?key=1#y", "x%3Fkey%3D1%23y"),
        ("%2e%2e", "%252e%252e"),
        ("\\evil", "%5Cevil"),
        ("é", "%C3%A9"),
        ("...", "..."),
    ],
)
def test_a_part_of_a_path_stays_one_part(text: str, expected: str) -> None:
    assert path_segment(text) == expected


@pytest.mark.parametrize("text", ["", ".", "..", "a\rb", "a\nb", "a\0b"])
def test_what_cannot_be_part_of_a_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the deployment cannot"):
        path_segment(text, "deployment")


@pytest.mark.parametrize("url", ["http://h/a b", "http://h/a\r\nb", "http://h/\xe9", "http://h\\x", "http://h/\x7f"])
def test_a_requests_address_is_quoted_or_refused(url: str) -> None:
    with pytest.raises(ValueError, match="quote its parts"):
        checked_url(url)
    assert checked_url("http://h/a%20b?x=%C3%A9") == "http://h/a%20b?x=%C3%A9"

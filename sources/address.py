"""Where a request may go, and what may stand in its headers and path."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

__all__ = [
    "checked_base_url",
    "checked_header",
    "checked_name",
    "checked_url",
    "checked_value",
    "given_or",
    "is_forbidden_address",
    "is_loopback",
    "path_segment",
]

# Control characters split headers and lines, and parsers disagree on backslashes and spaces in addresses.
CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
NOT_IN_URL: Final = re.compile(r"[\x00-\x20\x7f\\]")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# Instance-metadata services hand credentials to whoever can reach them: no provider lives there.
METADATA: Final = tuple(
    ipaddress.ip_network(net)
    for net in (
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd20:ce::/32",
        "fe80::a9fe:a9fe/128",
    )
)
# IPv6 prefixes whose last 32 bits are an IPv4 address: mapped, translated, compatible, and both of NAT64's.
WRAPPED: Final = tuple(
    ipaddress.IPv6Network(net)
    for net in ("::ffff:0:0/96", "::ffff:0:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48")
)


def given_or(given: str | None, *others: str | None) -> str:
    """The address that was given, were it an empty one, which is refused, else the first of the others.

    Nobody who passes what a setting of theirs holds wants the key and the prompts to go to another place.

    >>> given_or(None, "", "https://api.openai.com/v1"), given_or("", "https://api.openai.com/v1")
    ('https://api.openai.com/v1', '')
    """
    return next((other for other in others if other), "") if given is None else given


def checked_base_url(url: str, *, allow_http: bool = False, name: str = "base_url") -> str:
    """The address of a provider, without a slash at its end.

    >>> checked_base_url("https://api.openai.com/v1/")
    'https://api.openai.com/v1'
    >>> checked_base_url("http://127.0.0.1:8080")
    'http://127.0.0.1:8080'

    Raises:
        ValueError: For nothing at all, for anything but https (plain http is for loopback, or with ``allow_http``),
            for a user or password in it, for a query, a fragment, a space, a backslash or a control character, and
            for the address of a metadata service. It says which argument, by its ``name``.
    """
    if not isinstance(cast(Any, url), str):
        raise ValueError(f"{name} is a text, not {type(url).__name__}")
    if not url:
        raise ValueError(f"{name} is empty: leave it out for the default")
    if NOT_IN_URL.search(url):
        raise ValueError(f"{name} must not hold spaces, backslashes or control characters such as CR and LF")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        given = parts.scheme or "no scheme"
        raise ValueError(
            f"{name} must begin with https:// and name a host, such as https://api.openai.com/v1; got {given!r}"
        )
    if "@" in parts.netloc:
        raise ValueError(f"{name} must not hold a user or password: keys belong in api_key")
    if "?" in url or "#" in url:
        raise ValueError(f"{name} must not hold a query or a fragment")
    if parts.port == 0:  # an impossible port raises a ValueError of its own
        raise ValueError(f"{name} must not name port 0")
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ValueError(
            f"http://{parts.hostname} would send the key and the prompts in the clear: "
            "use https, or pass allow_http=True"
        )
    if is_forbidden_address(parts.hostname):
        raise ValueError(f"{parts.hostname} is a metadata service, not a provider")
    return url.rstrip("/")


def checked_url(url: str) -> str:
    """The full address of a request, fit to be sent as it is.

    Raises:
        ValueError: For a space, a backslash, a control character, or anything outside ASCII.
    """
    if NOT_IN_URL.search(url) or not url.isascii():
        raise ValueError("the request's address holds characters that no address can: quote its parts first")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host, by its name or address, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_forbidden_address(host: str) -> bool:
    """Whether this is the IP address of a metadata service, in IPv4, IPv6 or IPv4 wrapped in IPv6.

    >>> [is_forbidden_address(host) for host in ("169.254.169.254", "::ffff:169.254.169.254", "10.0.0.1", "a.example")]
    [True, True, False, False]
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any(one.version == net.version and one in net for one in (address, *inside(address)) for net in METADATA)


def inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) for net in WRAPPED if address in net]
    return [*found, *(one for one in (address.sixtofour, *(address.teredo or ())) if one is not None)]


def checked_header(name: str, value: str) -> str:
    """A header's value, if neither it nor the name can smuggle in another header.

    Raises:
        ValueError: For a name that is none, and for what :func:`checked_value` refuses.
    """
    return checked_value(f"header {checked_name(name)}", value)


def checked_name(name: str) -> str:
    """The name of a header: a token, as RFC 9110 has it.

    Raises:
        ValueError: For anything else.
    """
    if HEADER_NAME.fullmatch(name) is None:
        raise ValueError("the name of a header holds characters that no name can")
    return name


def checked_value(what: str, value: str) -> str:
    """A text that can be a header's value.

    Raises:
        ValueError: For CR, LF, NUL and other control characters, and for anything outside ASCII; it never quotes
            the value.
    """
    if value.isascii() and value.isprintable():  # nearly all are; printable ASCII holds no control character
        return value
    if CONTROL.search(value):
        raise ValueError(f"the {what} must not hold CR, LF, NUL or other control characters")
    if not value.isascii():
        raise ValueError(f"the {what} holds characters outside ASCII; was something else pasted with it?")
    return value


def path_segment(text: str, what: str = "model") -> str:
    """One part of a path, quoted so that it cannot become two, nor change the host.

    >>> path_segment("us.anthropic.claude:0"), path_segment("a/../b")
    ('us.anthropic.claude%3A0', 'a%2F..%2Fb')

    Raises:
        ValueError: For control characters such as CR, LF and NUL, nothing at all, ``.`` and ``..``.
    """
    if CONTROL.search(text) or text in ("", ".", ".."):
        raise ValueError(f"the {what} cannot be part of an address")
    return quote(text, safe="")

"""Where a request may go, and what may stand in its headers and path."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import quote, urlsplit

__all__ = ["checked_base_url", "checked_header", "is_forbidden_address", "path_segment"]

FORBIDDEN: Final = frozenset("\r\n\0")
# Instance-metadata services hand credentials to whoever can reach them: no provider lives there.
METADATA: Final = tuple(
    ipaddress.ip_network(net)
    for net in ("169.254.0.0/16", "fd00:ec2::/32", "fd20:ce::/32", "100.100.100.200/32", "168.63.129.16/32")
)


def checked_base_url(url: str, *, allow_http: bool = False) -> str:
    """The address of a provider, without a slash at its end.

    >>> checked_base_url("https://api.openai.com/v1/")
    'https://api.openai.com/v1'
    >>> checked_base_url("http://127.0.0.1:8080")
    'http://127.0.0.1:8080'

    Raises:
        ValueError: For anything but https (plain http is for loopback, or with ``allow_http``), for a user or
            password in it, and for a query, fragment, CR, LF or NUL.
    """
    if FORBIDDEN & set(url):
        raise ValueError("base_url must not hold CR, LF or NUL")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            f"base_url must begin with https:// and name a host, such as https://api.openai.com/v1; got {parts.scheme or 'no scheme'!r}"
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError("base_url must not hold a user or password: keys belong in api_key")
    if parts.query or parts.fragment:
        raise ValueError("base_url must not hold a query or a fragment")
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ValueError(
            f"http://{parts.hostname} would send the key and the prompt in the clear: use https, or pass allow_http=True"
        )
    if is_forbidden_address(parts.hostname):
        raise ValueError(f"{parts.hostname} is a metadata service, not a provider")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_forbidden_address(host: str) -> bool:
    """Whether this is the IP address of a metadata service, in IPv4, IPv6 or IPv4 wrapped in IPv6.

    >>> is_forbidden_address("169.254.169.254"), is_forbidden_address("::ffff:169.254.169.254"), is_forbidden_address("10.0.0.1")
    (True, True, False)
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address
        nat64 = ipaddress.ip_network("64:ff9b::/96")
        if isinstance(address, ipaddress.IPv6Address) and address in nat64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return any(address.version == net.version and address in net for net in METADATA)


def checked_header(name: str, value: str) -> str:
    """A header's value, if it cannot smuggle in another header.

    Raises:
        ValueError: For CR, LF, NUL, or characters that no header can hold; it never quotes the value.
    """
    if FORBIDDEN & set(value) or FORBIDDEN & set(name):
        raise ValueError(f"the header {name.split()[0] if name.split() else ''} must not hold CR, LF or NUL")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(
            f"the header {name} holds characters outside Latin-1; was something else pasted with it?"
        ) from None
    return value


def path_segment(text: str, what: str = "model") -> str:
    """One part of a path, quoted so that it cannot become two, nor change the host.

    >>> path_segment("us.anthropic.claude:0"), path_segment("a/../b")
    ('us.anthropic.claude%3A0', 'a%2F..%2Fb')

    Raises:
        ValueError: For CR, LF, NUL, nothing at all, ``.`` and ``..``.
    """
    if FORBIDDEN & set(text) or text in ("", ".", ".."):
        raise ValueError(f"the {what} cannot be part of an address")
    return quote(text, safe="")

"""Whether a provider can be reached: connect, accept its certificate, hang up. Nothing is asked, no key is sent."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...sinks.call_record import duration_text
from ...sources.provider import Provider
from ...sources.registry import Registration
from ...streams.errors import MissingCredential
from ...streams.request import CompletionRequest

__all__ = ["Finding", "reach_all"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of reaching a provider; ``tried`` is False when there was no address to try."""

    reached: bool
    text: str
    tried: bool = True


def reach_all(rows: Sequence[Registration], limit: float) -> dict[str, Finding]:
    """Try all at the same time; nobody is waited for longer than ``limit`` seconds."""
    findings: dict[str, Finding] = {}
    until = time.monotonic() + limit
    context = ssl.create_default_context()
    threads: list[threading.Thread] = []
    for row in rows:
        try:
            host, port, secure = endpoint_of(row)
        except ValueError as error:
            findings[row.name] = Finding(False, str(error), tried=False)
            continue

        def probe(name: str = row.name, host: str = host, port: int = port, secure: bool = secure) -> None:
            findings[name] = reach(host, port, context if secure else None, limit)

        # Daemons, because a look-up of a name cannot be called off: it must not keep us.
        threads.append(threading.Thread(target=probe, daemon=True))
        findings[row.name] = Finding(False, f"{host}:{port} does not answer within {limit:g} s")
        threads[-1].start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(findings)


def endpoint_of(row: Registration) -> tuple[str, int, bool]:
    """Host, port, and whether it speaks TLS, from the provider itself: it knows regions and the environment.

    Raises:
        ValueError: When there is no address, or none that can be used.
    """
    model = row.model or "model"
    try:
        try:
            provider = row.make(model)
        except MissingCredential:
            provider = row.make(model, api_key="none")
        assert isinstance(provider, Provider)
        parts = urlsplit(provider.endpoint(CompletionRequest(model=model, messages="Hi")))
    except ValueError as error:
        told = next((name for name in row.address_variables if os.environ.get(name, "").strip()), None)
        # Not chained and not quoted: what stands there by mistake may be a key.
        raise ValueError(f"{told} holds no address that can be used" if told else str(error)) from None
    secure = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if secure else 80), secure


def reach(host: str, port: int, context: ssl.SSLContext | None, limit: float) -> Finding:
    """Connect, with TLS where there is a context, and hang up."""
    started = time.perf_counter()
    try:
        with socket.create_connection((host, port), timeout=limit) as plain:
            if context is None:
                version = ""
            else:
                with context.wrap_socket(plain, server_hostname=host) as tls:
                    version = f" ({tls.version()})"
    except TimeoutError:
        return Finding(False, f"{host}:{port} does not answer within {limit:g} s")
    except ssl.SSLError as error:
        return Finding(False, f"{host}:{port} answers, but TLS fails: {error.reason or type(error).__name__}")
    except OSError as error:
        return Finding(False, f"{host}:{port} cannot be reached: {error.strerror or type(error).__name__}")
    return Finding(True, f"{host}:{port} reached in {duration_text(time.perf_counter() - started)}{version}")

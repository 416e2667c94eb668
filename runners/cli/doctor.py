"""``tokenrill doctor``: what is installed, which keys are set, what can be reached."""

from __future__ import annotations

import asyncio
import platform
import re
import ssl
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from importlib import metadata
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...sinks.call_record import duration_text
from .exits import FAILED, NO_KEY, OK
from .providers import PROVIDERS, ProviderRow

__all__ = ["doctor"]

REQUIREMENT: Final = re.compile(r"""(?P<name>[\w.-]+).*?(?:extra\s*==\s*["'](?P<extra>[\w-]+)["'])?$""")
GOOD: Final = "green"
BAD: Final = "red"
QUIET: Final = "dim"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of reaching a provider."""

    reached: bool
    text: str


@click.command()
@click.option("--offline", is_flag=True, help="Do not try to reach anybody.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(0.1), default=5.0, show_default=True)
def doctor(offline: bool, timeout: float) -> None:
    """Say what is installed, which keys are set, and whether each provider can be reached.

    Of a key it says only whether it is set. To reach a provider means to connect, and to accept its
    certificate: nothing is asked, no key is sent.

    \b
    Exit codes:
      0  at least one provider has a key and can be reached (with --offline: has a key)
      1  no provider that has a key can be reached
      3  no key is set
    """
    terminal = Console()
    findings = {} if offline else asyncio.run(reach_all(timeout))
    terminal.print(installed())
    terminal.print()
    terminal.print(providers(findings))
    terminal.print()
    with_key = [name for name, row in PROVIDERS.items() if row.has_key]
    usable = [name for name in with_key if offline or findings[name].reached]
    if usable:
        terminal.print(f'Ready: tokenrill chat --provider {usable[0]} "Hello"', highlight=False, markup=False)
        sys.exit(OK)
    if with_key:
        terminal.print("No provider that has a key can be reached.", highlight=False)
        sys.exit(FAILED)
    names = " or ".join(name for row in PROVIDERS.values() for name in row.key_variables)
    terminal.print(f"No key is set: set {names}. `tokenrill demo` needs none.", highlight=False, markup=False)
    sys.exit(NO_KEY)


def installed() -> Table:
    """Python, what we need, and the extras."""
    table = section("installed")
    table.add_row("Python", platform.python_version(), Text(platform.platform(), QUIET))
    table.add_row("tokenrill", metadata.version("tokenrill"), "")
    for extra, names in requirements().items():
        for name in names:
            version = installed_version(name)
            missing = f"pip install 'tokenrill[{extra}]'" if extra else "pip install tokenrill"
            table.add_row(
                name,
                Text(version) if version else Text("missing", BAD),
                Text(f"extra {extra}" if extra else "", QUIET) if version else Text(missing),
            )
    return table


def requirements() -> dict[str, list[str]]:
    """The packages we need, by extra; "" is for those that are always needed."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in metadata.requires("tokenrill") or ():
        match = REQUIREMENT.match(line)
        if match and match["name"] != "tokenrill":
            found[match["extra"] or ""].append(match["name"])
    return found


def installed_version(name: str) -> str | None:
    """The version of a package; None when it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def providers(findings: dict[str, Finding]) -> Table:
    """Keys, by the name of their variable, and what can be reached."""
    table = section("providers")
    for name, row in PROVIDERS.items():
        finding = findings.get(name)
        keys = Text(", ").join(
            Text(f"{variable} is set", GOOD) if row.holds(variable) else Text(f"{variable} is not set", BAD)
            for variable in row.key_variables
        )
        told = Text(finding.text, GOOD if finding.reached else BAD) if finding else Text("not tried", QUIET)
        table.add_row(row.title, keys, told)
    return table


def section(title: str) -> Table:
    """A plain table under a title."""
    return Table(title=title, title_style="bold", title_justify="left", show_header=False, box=None, pad_edge=False)


async def reach_all(limit: float) -> dict[str, Finding]:
    """Try all providers at the same time."""
    found = await asyncio.gather(*(reach(row, limit) for row in PROVIDERS.values()))
    return dict(zip(PROVIDERS, found, strict=True))


async def reach(row: ProviderRow, limit: float) -> Finding:
    """Connect to a provider, with TLS where it has it, and hang up."""
    try:
        host, port, secure = row.endpoint
    except ValueError as error:
        return Finding(False, str(error))
    started = time.perf_counter()
    try:
        async with asyncio.timeout(limit):
            context = ssl.create_default_context() if secure else None
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except TimeoutError:
        return Finding(False, f"{host}:{port} does not answer within {limit:g} s")
    except ssl.SSLError as error:
        return Finding(False, f"{host}:{port} answers, but TLS fails: {error.reason or type(error).__name__}")
    except OSError as error:
        return Finding(False, f"{host}:{port} cannot be reached: {error.strerror or type(error).__name__}")
    took = duration_text(time.perf_counter() - started)
    tls = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    return Finding(True, f"{host}:{port} reached in {took}{f' ({tls.version()})' if tls else ''}")

"""``tokenrill doctor``: what is installed, which keys are set, what can be reached."""

from __future__ import annotations

import platform
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...sources.built_in import ANY, OWN
from ...sources.registry import ProviderRegistry, Registration
from .exits import FAILED, NO_KEY, OK
from .reach import Finding, reach_all
from .seconds import Seconds

__all__ = ["doctor"]

REQUIREMENT: Final = re.compile(r"""(?P<name>[\w.-]+).*?(?:extra\s*==\s*["'](?P<extra>[\w-]+)["'])?$""")
GOOD: Final = "green"
BAD: Final = "red"
QUIET: Final = "dim"


@click.command()
@click.argument("names", metavar="[PROVIDER]...", nargs=-1)
@click.option("--offline", is_flag=True, help="Do not try to reach anybody.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=Seconds(0.1, 600),
    default=5.0,
    show_default=True,
    help="For all of them together.",
)
def doctor(names: tuple[str, ...], offline: bool, timeout: float) -> None:
    """Say what is installed, which keys are set, and whether each provider can be reached.

    Without PROVIDER it looks at the seven of the vendors, at those whose key is set, and at servers on this
    machine. Of a key it says only whether it is set. To reach a provider means to connect, and to accept its
    certificate: nothing is asked, no key is sent.

    \b
    Exit codes:
      0  a provider has a key and can be reached, or is a server here (with --offline: has a key)
      1  no provider that has a key can be reached
      2  there is no such provider
      3  no key is set
    """
    terminal = Console()
    rows = chosen(names)
    asked = [row for row in rows if names or row in OWN or row.has_key]
    findings = {} if offline else reach_all(asked, timeout)
    local = [row for row in rows if not row.variables and row.name in findings and findings[row.name].reached]
    shown = [row for row in rows if names or row in OWN or row.key_found or row in local]
    terminal.print(installed())
    terminal.print()
    terminal.print(providers(shown, findings))
    if others := ", ".join(row.name for row in rows if row not in shown):
        terminal.print(f"Also known: {others}.", style=QUIET, highlight=False, markup=False)
    terminal.print()
    code, verdict = judged(rows, local, None if offline else findings)
    terminal.print(verdict, highlight=False, markup=False)
    sys.exit(code)


def chosen(names: Sequence[str]) -> list[Registration]:
    """The providers to look at: those that are named, or all."""
    registry = ProviderRegistry()
    try:
        return [registry.find(name) for name in names] or list(registry)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None


def judged(
    rows: Sequence[Registration], local: Sequence[Registration], findings: Mapping[str, Finding] | None
) -> tuple[int, str]:
    """The exit code, and what to do next."""
    with_key = [row for row in rows if row.key_found]
    if [row.name for row in rows] == [ANY.name]:
        return FAILED, f'It has no usual address: tokenrill chat --provider {ANY.name}:MODEL --base-url URL "Hello"'
    keyless = [row for row in rows if not row.variables]
    usable = [*(row for row in with_key if findings is None or findings[row.name].reached), *local]
    if findings is None and len(keyless) == len(rows):
        usable = keyless
    if usable:
        row = usable[0]
        specification = row.name if row.model else f"{row.name}:MODEL"
        return OK, f'Ready: tokenrill chat --provider {specification} "Hello"'
    if with_key:
        return FAILED, "No provider that has a key can be reached."
    if len(keyless) == len(rows):
        return FAILED, f"It needs no key, but cannot be reached. Is {keyless[0].title} running?"
    return NO_KEY, f"No key is set: set {' or '.join(wanted(rows))}. `tokenrill demo` needs none."


def wanted(rows: Sequence[Registration]) -> list[str]:
    """Some variables, any one of which would do."""
    return [row.variables[0] for row in rows if row.variables][:3]


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


def providers(rows: Sequence[Registration], findings: Mapping[str, Finding]) -> Table:
    """Keys, by where they were found or are looked for, and what can be reached."""
    table = section("providers")
    for row in rows:
        finding = findings.get(row.name)
        told = (
            Text(finding.text, GOOD if finding.reached else BAD if finding.tried or row.key_found else QUIET)
            if finding
            else Text("not tried", QUIET)
        )
        table.add_row(row.title, key_text(row), told)
    return table


def key_text(row: Registration) -> Text:
    """Where the key is, or where it would be; never what it is."""
    found = row.key_found
    if found is not None:
        return Text(f"{found} is {'there' if found in row.files else 'set'}", GOOD)
    if not row.variables:
        return Text("needs no key", QUIET)
    return Text(f"{' or '.join(row.variables[:2])} is not set", BAD)


def section(title: str) -> Table:
    """A plain table under a title."""
    return Table(title=title, title_style="bold", title_justify="left", show_header=False, box=None, pad_edge=False)

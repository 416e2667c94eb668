"""``--list-providers``: the words that choose a provider."""

from __future__ import annotations

import click

from ...sources.registry import ProviderRegistry, Registration

__all__ = ["list_providers", "specification"]


def list_providers(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    """List the providers, a line each, and leave. A callback of click's."""
    if not wanted or context.resilient_parsing:
        return
    rows = [("SPEC", "key", "usual model")]
    for row in ProviderRegistry():
        rows.append((specification(row), row.variables[0] if row.variables else "none needed", row.model or "-"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        click.echo(line.rstrip())
    context.exit()


def specification(row: Registration) -> str:
    """How a provider is chosen; what stands in brackets may be left out.

    >>> specification(ProviderRegistry().find("bedrock")), specification(ProviderRegistry().find("groq"))
    ('bedrock[:[REGION/]MODEL]', 'groq:MODEL')
    """
    places = "".join(f"{place.upper()}/" for place in row.places)
    model = f":[{places}]MODEL" if places else ":MODEL"
    return f"{row.name}[{model}]" if row.model else f"{row.name}{model}"

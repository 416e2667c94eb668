"""Times that are given on the command line."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["SECONDS", "Seconds"]


class Seconds(click.FloatRange):
    """Seconds, of which there is an end: neither ``inf`` nor ``nan``."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is no time in seconds", param, ctx)
        return seconds


SECONDS = Seconds(0)

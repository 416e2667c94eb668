"""Who is measured, and where each one is installed. A contender is one row here and one function in a module."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = ["ROWS", "Row"]

PEERS: Final = Path(__file__).resolve().parents[2] / ".venv" / "peers"


@dataclass(frozen=True)
class Row:
    """One contender."""

    label: str
    module: str
    """Where its function is."""

    tokens: int
    """A run's length, so that each takes about as long: the slow ones stream fewer."""

    group: str | None = None
    """The environment it is installed in, under ``.venv/peers``; none: that of the benchmarks."""

    package: str = "tokenrill"
    """What is imported, to see whether it is installed."""

    shapes: tuple[str, ...] = ("openai",)

    @cached_property
    def python(self) -> str | None:
        """The interpreter that has it: of its own group, else of the benchmarks; none when it is not installed."""
        if self.group is not None:
            if (PEERS / self.group / "installed.stamp").exists():
                return str(PEERS / self.group / "bin" / "python")
            if find_spec(self.package.partition(".")[0]) is None or not importable(self.package):
                return None
        return sys.executable


def importable(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


ALL: Final = ("openai", "anthropic", "gemini")
ROWS: Final[Mapping[str, Row]] = {
    "ours": Row("tokenrill", "ours", 600_000, shapes=ALL),
    "ours_built_in": Row("tokenrill, built-ins only", "ours", 600_000, shapes=ALL),
    "by_hand": Row("aiohttp + json, by hand", "plain", 80_000, package="aiohttp", shapes=ALL),
    "pyreqwest": Row("pyreqwest + orjson, by hand", "plain", 300_000, "vendors", "pyreqwest", ALL),
    "openai": Row("openai", "vendors", 8_000, "vendors", "openai"),
    "anthropic": Row("anthropic", "vendors", 20_000, "vendors", "anthropic", ("anthropic",)),
    "google-genai": Row("google-genai", "vendors", 5_000, "vendors", "google.genai", ("gemini",)),
    "llm": Row("llm", "frameworks", 5_000, "vendors", "llm"),
    "litellm": Row("litellm", "frameworks", 2_000, "litellm", "litellm", ALL),
    "langchain-openai": Row("langchain-openai", "frameworks", 1_500, "langchain", "langchain_openai"),
    "pydantic-ai": Row("pydantic-ai", "frameworks", 1_500, "pydantic-ai", "pydantic_ai"),
}

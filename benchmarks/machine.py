"""Where and when something was measured, and with what."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

__all__ = ["machine", "peer_versions"]

OURS: Final = ("aiohttp", "msgspec", "reactivex", "ujson", "uvloop")
PEERS: Final = Path(__file__).resolve().parent.parent / ".venv" / "peers"
MEASURED: Final[Mapping[str, tuple[str, ...]]] = {
    "vendors": ("anthropic", "google-genai", "llm", "openai", "orjson", "pyreqwest"),
    "litellm": ("litellm",),
    "langchain": ("langchain-openai",),
    "pydantic-ai": ("pydantic-ai-slim",),
}


def machine() -> dict[str, Any]:
    """The machine, the date and the versions, as JSON has them."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}",
            "python": f"{platform.python_implementation()} {platform.python_version()}",
        },
        "versions": {**found(OURS), **peer_versions()},
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def found(names: tuple[str, ...], path: Sequence[str] = sys.path) -> dict[str, str]:
    """The versions of those that are installed."""
    every = {name: next(iter(metadata.distributions(name=name, path=list(path))), None) for name in names}
    return {name: one.version for name, one in every.items() if one is not None}


def peer_versions() -> dict[str, str]:
    """Those of the peers, from their own environments."""
    versions: dict[str, str] = {}
    for group, names in MEASURED.items():
        versions |= found(names, [str(path) for path in (PEERS / group).glob("lib/python*/site-packages")])
    return dict(sorted(versions.items()))

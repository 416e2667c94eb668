"""Where the pictures are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["PICTURES"]

PICTURES: Final = Path(__file__).parent.parent.parent / "docs" / "resilience"

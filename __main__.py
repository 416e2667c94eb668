"""``python -m tokenrill`` and the command ``tokenrill``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from .runners.cli import tokenrill

        tokenrill(prog_name="tokenrill")
    except KeyboardInterrupt:  # while it was being imported
        sys.exit(130)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("click", "rich"):
            raise
        sys.exit(f"tokenrill: the command line needs {missing}: pip install 'tokenrill[cli]'")


if __name__ == "__main__":
    main()

"""Write docs/capabilities.md, or say whether it is what the code does.

python -m tests.capabilities            # compare
python -m tests.capabilities --write    # write
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.capabilities.tables import page

PAGE = Path(__file__).parents[2] / "docs" / "capabilities.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the page")
    written = page()
    if parser.parse_args().write:
        PAGE.write_text(written, "utf-8")
    elif PAGE.read_text("utf-8") != written:
        print("docs/capabilities.md is not what the code does: python -m tests.capabilities --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

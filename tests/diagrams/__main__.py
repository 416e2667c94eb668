"""Draw the documents' marble diagrams anew: python -m tests.diagrams [NAME …]"""

from __future__ import annotations

import sys

from tests.diagrams.page import PICTURES
from tests.diagrams.scenes import SCENES, draw

if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SCENES:
        diagram = draw(name)
        (PICTURES / f"{name}.svg").write_text(diagram.svg() + "\n", "utf-8")
        print(f"{name}\n{diagram}\n")

"""The pictures in the documents are what really happens."""

from __future__ import annotations

import pytest

from tests.diagrams.page import PICTURES
from tests.diagrams.scenes import SCENES, draw


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_shows_what_happens(name: str) -> None:
    drawn = (PICTURES / f"{name}.svg").read_text("utf-8")
    assert drawn == draw(name).svg() + "\n", "draw it anew: python -m tests.diagrams"


@pytest.mark.parametrize("name", SCENES)
def test_the_documents_show_each_picture(name: str) -> None:
    assert f"(resilience/{name}.svg)" in (PICTURES.parent / "resilience.md").read_text("utf-8")

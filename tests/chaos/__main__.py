"""``python -m tests.chaos`` writes the page anew."""

from tests.chaos.page import PAGE, page

PAGE.write_text(page(), "utf-8")

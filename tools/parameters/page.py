"""The table as a page of the documentation."""

from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "parameters.md"


def page() -> str:
    """Return the page."""
    return ""

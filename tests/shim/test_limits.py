"""The table of limits is documented as it is."""

from tools.limits_table import FILE, page


def test_the_page_is_made_from_the_code() -> None:
    """`docs/limits.md` names every limit with its default: `python -m tools.limits_table`."""
    assert FILE.read_text() == page()

"""The documentation of the limits is up to date."""

from tools.limits_table import FILE, page


def test_the_page_is_made_from_the_code() -> None:
    """`docs/limits.md` is the output of `python -m tools.limits_table`."""
    assert FILE.read_text() == page()

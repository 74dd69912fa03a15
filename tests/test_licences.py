"""The licences of what is installed are documented as they are."""

from tools.licences import FILE, page


def test_the_table_is_made_from_the_packages() -> None:
    """`docs/licences.md` names every package of the image: `python -m tools.licences`."""
    text = FILE.read_text()

    assert text == page(text)

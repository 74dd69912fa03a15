"""Languages by code and by name."""

import pytest

from shim.api.transcription.languages import NAMES, code, name


@pytest.mark.parametrize("language", ["de", "DE", " de ", "german", "German"])
def test_codes(language: str) -> None:
    """A code, or the full name of a language, in any case, gives the code."""
    assert code(language) == "de"


def test_every_language() -> None:
    """Each of Whisper's languages goes from code to name and back."""
    assert len(NAMES) == 100
    for short, long in NAMES.items():
        assert (code(long), name(short)) == (short, long)


def test_the_unknown() -> None:
    """An unknown language stays as it is, for the engine to refuse."""
    assert (code("Klingon"), name("tlh")) == ("klingon", "tlh")

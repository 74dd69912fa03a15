"""Manifests: equal manifests have one hash, and the hash finds the manifest for some time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim import __version__
from shim.errors import UnknownManifest
from shim.serving.manifests import Manifests

ONE = {"engine": "e", "options": {"beam_size": 5, "temperature": [0.0, 0.2]}}


@pytest.fixture
def manifests() -> Manifests:
    """Return an empty store."""
    return Manifests()


def test_the_same_inputs(manifests: Manifests) -> None:
    """The same manifest has the same hash, in any order and in another process."""
    reordered = {"options": {"temperature": [0.0, 0.2], "beam_size": 5}, "engine": "e"}

    first = manifests.keep(ONE)

    assert first == manifests.keep(reordered) == Manifests().keep(ONE)
    assert len(first) == 12
    assert int(first, 16) >= 0


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"engine": "f", "options": ONE["options"]},
        {"engine": "e", "options": {"beam_size": 5, "temperature": [0.2, 0.0]}},
        {"engine": "e", "options": {"beam_size": 5, "temperature": [0.0, 0.2], "prefix": None}},
    ],
)
def test_other_inputs(manifests: Manifests, other: dict[str, object]) -> None:
    """If anything differs, the hash differs."""
    assert manifests.keep(other) != manifests.keep(ONE)


def test_a_hash_finds_its_manifest(manifests: Manifests) -> None:
    """A hash finds all that it was computed from, and this program's version."""
    short = manifests.keep(ONE)

    assert manifests.find(short) == {"hash": short, "shim": __version__, **ONE}


def test_an_unknown_hash(manifests: Manifests) -> None:
    """An unknown hash is refused, and the message names it."""
    with pytest.raises(UnknownManifest, match="'0123456789ab'"):
        manifests.find("0123456789ab")


def test_the_least_recently_used_are_dropped(manifests: Manifests) -> None:
    """Sixteen mebibytes are kept; using one keeps it longer."""
    large = "x" * (1 << 20)
    first, second = manifests.keep({"at": 0, "x": large}), manifests.keep({"at": 1, "x": large})
    rest = [manifests.keep({"at": at, "x": large}) for at in range(2, 15)]

    manifests.keep({"at": 0, "x": large})
    last = manifests.keep({"at": 15, "x": large})

    with pytest.raises(UnknownManifest):
        manifests.find(second)
    assert [manifests.find(short)["at"] for short in (first, rest[0], last)] == [0, 2, 15]


@given(st.dictionaries(st.text(max_size=5), st.floats() | st.text(max_size=5) | st.none()))
def test_any_values(manifest: dict[str, object]) -> None:
    """NaN and infinity, which JSON lacks, have a hash too, always the same."""
    assert Manifests().keep(manifest) == Manifests().keep(dict(reversed(manifest.items())))

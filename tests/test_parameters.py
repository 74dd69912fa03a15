"""The table of parameters is complete, and is the one in the documentation."""

import importlib.util

import pytest

from shim.parameters.decisions import COMMON, DECISIONS
from shim.parameters.documented import documented, place_of
from tools.parameters.collect import collected, installed
from tools.parameters.page import PAGE, page
from tools.parameters.places import routes
from tools.parameters.sources import SOURCES

PLACES = {place_of(place.kind): place for _, places in routes() for place in places}


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_vllm_is_read_where_it_is_installed() -> None:
    """The types compared below are all packages', vLLM's included."""
    assert set(installed()) == {"faster-whisper", "openai", "vllm"}


def test_nothing_that_is_documented_is_missing() -> None:
    """Every name in the installed packages' types is known: else `python -m tools.parameters`."""
    known = documented().places

    missing = {
        f"{place}: {name}"
        for place, names in collected().places.items()
        for name, found in names.items()
        if name not in known.get(place, {}) or not set(found.by) <= set(known[place][name].by)
    }

    assert not missing


@pytest.mark.parametrize("place", documented().places)
def test_something_becomes_of_every_name(place: str) -> None:
    """Every documented name is honoured, or has a rule, where its Struct is read."""
    read = PLACES[place]

    left = documented().places[place].keys() - read.honoured - read.rules.keys()

    assert not left


def test_the_page_is_made_from_the_table() -> None:
    """`docs/parameters.md` is what `python -m tools.parameters --page` writes."""
    assert PAGE.read_text() == page()


def test_nothing_is_decided_of_what_nobody_documents() -> None:
    """A decision is of a name that exists, at a place that is read."""
    names = {name for names in documented().places.values() for name in names}

    assert set(DECISIONS) <= set(PLACES)
    assert set(COMMON) <= names
    for place, decided in DECISIONS.items():
        assert decided.keys() <= PLACES[place].rules.keys()


def test_every_source_is_read_by_a_struct() -> None:
    """No list of types is read for a Struct that is no more."""
    assert set(SOURCES) <= set(PLACES)

"""Which models are served without a configuration, and the catalogue itself."""

from pathlib import Path

import pytest

from backends.catalogue.cache import Cache, Record
from backends.catalogue.entries import Entry, UnknownName, catalogue, selected
from backends.catalogue.served import named, pulled
from backends.config import BUILTIN


def keep(cache: Cache, *entries: Entry) -> None:
    """Make *entries* count as pulled, in all their forms."""
    for entry in entries:
        for form in (None, *entry.forms):
            cache.path(entry, form).mkdir(parents=True, exist_ok=True)
        digests = {file.path: file.sha256 for file in entry.files}
        cache.keep(entry, Record(name=entry.name, source="", licence="", sha256=digests))


def test_an_empty_cache(tmp_path: Path) -> None:
    """Where nothing was pulled, there is nothing to serve but the toys."""
    assert pulled(Cache(tmp_path)) == ()
    assert named(("toys",), Cache(tmp_path)) == BUILTIN


def test_aliases(tmp_path: Path) -> None:
    """The first model of each kind has the name of OpenAI's; recordings are not a model."""
    cache = Cache(tmp_path)
    keep(cache, *selected(("whisper-base", "smollm2-135m-instruct", "recordings")))
    alone = pulled(cache)
    keep(cache, *selected(("whisper-tiny.en",)))

    assert [(model.id, model.aliases) for model in alone] == [
        ("whisper-base", ("whisper-1",)),
        ("smollm2-135m-instruct", ("gpt-4o-mini",)),
    ]
    assert [(model.id, model.aliases) for model in pulled(cache)] == [
        ("whisper-tiny.en", ("whisper-1",)),
        ("whisper-base", ()),
        ("smollm2-135m-instruct", ("gpt-4o-mini",)),
    ]


def test_an_interrupted_conversion(tmp_path: Path) -> None:
    """A model whose weights are not converted yet is not served."""
    cache = Cache(tmp_path)
    (entry,) = selected(("smollm2-135m-instruct",))
    keep(cache, entry)
    cache.path(entry, "ct2-float32").rmdir()

    assert pulled(cache) == ()


def test_an_unknown_name(tmp_path: Path) -> None:
    """A name that is not in the catalogue is refused with those that are."""
    with pytest.raises(UnknownName, match="'large' cannot be pulled; what can be is small, whis"):
        named(("large",), Cache(tmp_path))


@pytest.mark.parametrize("entry", catalogue().entries, ids=lambda entry: entry.name)
def test_the_catalogue(entry: Entry) -> None:
    """Each entry has a card, and every part of its files is in one of its packages."""
    packages = {package.name for package in entry.packages}

    assert entry.card.startswith(f"# {entry.name}\n")
    assert {part.partition(":")[0] for file in entry.files for part in file.members} == packages

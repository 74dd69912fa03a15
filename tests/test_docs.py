"""The documentation: its links lead somewhere, and the files that it names exist."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shim.serving.metrics import Metrics
from tests.live import ROOT

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "tools/*.md", "backends/**/*.md", "evals/**/*.md")
    for page in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
FILE = re.compile(r"`((?:shim|backends|evals|tests|tools|docs|container)/[\w./-]*\w\.\w+)`")

ABOUT = 0.25
"""Largest difference of a stated length and the real one, as a share."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    """Every relative link is to a file here, and its fragment to a heading of that file."""
    broken = [
        match.group()
        for match in LINK.finditer(page.read_text())
        if not _exists(page.parent / match[1] if match[1] else page, match[2])
    ]

    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    """Every path of a file that a page names in backticks is one of the repository."""
    missing = [path for path in FILE.findall(page.read_text()) if not (ROOT / path).exists()]

    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_merge_is_left_open(page: Path) -> None:
    """A page has no line by which Git marks the two sides of a conflict."""
    assert not re.search(r"(?m)^(<{7}|={7}|>{7})( |$)", page.read_text())


def _exists(target: Path, fragment: str | None) -> bool:
    if not fragment or target.suffix != ".md":
        return target.exists()
    return target.exists() and fragment in _anchors(target.read_text())


def _anchors(text: str) -> set[str]:
    """Return the fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_reading_list_is_true() -> None:
    """The files to begin with are about as long as `docs/architecture.md` says, and add up."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"(?m)^\| `([\w/.]+\.py)` \| ([\d,]+) \|", page)
    (total,) = re.findall(r"(?m)^\| sum \| ([\d,]+) \|", page)
    stated = {file: int(lines) for file, lines in rows}

    lengths = {file: len((ROOT / file).read_text().splitlines()) for file in stated}
    wrong = [file for file in stated if abs(stated[file] / lengths[file] - 1) > ABOUT]

    assert not wrong
    assert sum(stated.values()) == int(total.replace(",", ""))


def test_every_metric_is_documented() -> None:
    """Before the first request every metric is there, as the page lists it, without models."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    families = list(text_string_to_metric_families(Metrics().text().decode()))

    names = {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in families
        if not family.name.endswith("_created")
    }
    assert {*names} == {*re.findall(r"^\| `(\w+)`", page, re.MULTILINE)}
    assert not any(sample.labels.get("model") for family in families for sample in family.samples)

"""The page of vLLM's internals names all that is imported from vLLM, and tests that exist."""

import ast
import re
from collections.abc import Iterator

from tests.live import ROOT

PAGE = (ROOT / "docs" / "vllm-internals.md").read_text()


def imports() -> Iterator[str]:
    """Yield the names that `backends` imports from vLLM."""
    for file in sorted((ROOT / "backends").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vllm":
                yield from (alias.name for alias in node.names)


def test_every_import_is_on_the_page() -> None:
    """A name that we use of vLLM has a row: who raises vLLM's version reads the page."""
    assert [name for name in sorted({*imports()}) if not re.search(rf"\b{name}\b", PAGE)] == []


def test_its_tests_exist() -> None:
    """A test that the page names can be run."""
    places = re.findall(r"`(v|tests)/([\w/]*test_\w+\.py)(?:::(test_\w+))?`", PAGE)
    assert len(places) > 30

    for folder, file, test in places:
        path = ROOT / ("tests/backends/vllm" if folder == "v" else "tests") / file
        assert f"def {test}" in path.read_text(), f"{path} has no {test}"

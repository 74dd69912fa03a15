"""The pinned lists: all of them but torch's have hashes, and none names a package index."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.live import ROOT

REQUIREMENTS = ROOT / "requirements"
RECIPES = ROOT / "evals" / "recipes"
LISTS = sorted([*REQUIREMENTS.glob("*.txt"), *RECIPES.glob("*/requirements.txt")])
LOCKS = sorted([*RECIPES.glob("*/package-lock.json"), *ROOT.glob("tools/*/package-lock.json")])
PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; [^-]+?)?"
    r"(?P<hashes>(?: +--hash=sha256:[0-9a-f]{64})*)"
)


def place(file: Path) -> str:
    """Return where *file* is, from the root."""
    return str(file.relative_to(ROOT))


def pins(file: Path) -> dict[str, re.Match[str]]:
    """Return the entries of the list *file* by package; fail on an entry of another form."""
    whole = file.read_text().replace("\\\n", "")
    lines = [line for line in whole.splitlines() if line and not line.startswith("#")]
    found = {line: PIN.fullmatch(line) for line in lines}
    assert not [line for line, match in found.items() if match is None]
    return {match["name"]: match for match in found.values() if match}


@pytest.mark.parametrize("file", LISTS, ids=place)
def test_pins_have_hashes(file: Path) -> None:
    """A list is of versions with hashes; torch's alone has none, as its file differs by place."""
    bare = [name for name, match in pins(file).items() if not match["hashes"]]

    assert bare == (["torch"] if file.stem == "torch" else [])


@pytest.mark.parametrize("file", LOCKS, ids=place)
def test_node_packages_have_hashes(file: Path) -> None:
    """Each of Node's packages has its hash, and none the address of a registry."""
    packages = json.loads(file.read_text())["packages"]
    installed = {name: of for name, of in packages.items() if name}

    assert installed
    assert not [name for name, of in installed.items() if "integrity" not in of]
    assert not [name for name, of in installed.items() if "resolved" in of]


@pytest.mark.parametrize("name", ["base", "test", "ray", "vllm-cpu", "vllm-cuda"])
def test_dependencies_are_pinned(name: str) -> None:
    """A new dependency in `pyproject.toml` needs `make pins`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[^a-z0-9-]", line)[0] for line in project["dependencies"]}

    assert wanted <= pins(REQUIREMENTS / f"{name}.txt").keys()


@pytest.mark.parametrize("name", ["installer", "base", "test", "ray"])
def test_lists_agree(name: str) -> None:
    """One environment takes several lists, so that a package has one version in all of them."""
    whole = pins(REQUIREMENTS / "vllm-cpu.txt")
    listed = pins(REQUIREMENTS / f"{name}.txt")
    both = {package: match for package, match in listed.items() if package in whole}

    assert {p: match["version"] for p, match in both.items()} == {
        p: whole[p]["version"] for p in both
    }

"""`python -m tools.licences`: writes the table of `docs/licences.md` from the packages' metadata.

It reads the environment it runs in, whose versions are those of `requirements/base.txt`.
"""

import re
from collections import defaultdict
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "licences.md"
PINS = ROOT / "requirements" / "base.txt"

HEAD = "| licence | packages |\n|---|---|\n"
TABLE = re.compile(re.escape(HEAD) + r"(\|.*\n)*")

# What the packages of the list write instead of SPDX's identifiers.
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}
LONGEST = 40
"""Characters; a longer field is the text of a licence, not its name."""


def table() -> str:
    """Return the table of the packages in the CPU image, by licence."""
    packages = defaultdict(list)
    for name in re.findall(r"(?m)^([a-z0-9-]+)==", PINS.read_text()):
        # Pins for other systems are not installed on this one. Of some a second one is found, once
        # setuptools is imported: a copy of its own.
        if (found := next(iter(metadata.distributions(name=name)), None)) is not None:
            packages[licence(found.metadata)].append(name)
    rows = sorted(packages.items(), key=lambda row: (-len(row[1]), row[0]))
    return HEAD + "".join(f"| {of} | {', '.join(names)} |\n" for of, names in rows)


def licence(package: metadata.PackageMetadata) -> str:
    """Return the licence that a package states, by SPDX's name where that is known."""
    first_line = (package.get("License") or "").split("\n")[0]
    classified = [
        name.rpartition(" :: ")[2]
        for name in package.get_all("Classifier", [])
        if name.startswith("License :: OSI Approved :: ")
    ]
    for stated in (package.get("License-Expression"), first_line, *classified):
        if stated and len(stated) <= LONGEST:
            return SPDX.get(stated, stated)
    raise ValueError(f"{package['Name']} states no licence")


def page(text: str) -> str:
    """Return the page *text* with the table of this environment."""
    whole, count = TABLE.subn(table(), text)
    if count != 1:
        raise ValueError(f"{FILE} has {count} tables of packages")
    return whole


if __name__ == "__main__":
    FILE.write_text(page(FILE.read_text()))

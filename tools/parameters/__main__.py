"""Writes `shim/parameters/documented.json` from what is installed, and `docs/parameters.md`.

    python -m tools.parameters           # both
    python -m tools.parameters --page    # the page alone: for decisions that were changed

A package that is not installed adds nothing, and takes nothing away.
"""

import argparse
import subprocess
import sys

import msgspec

from shim.parameters.documented import FILE, Documented, documented
from tools.parameters.collect import collected, installed, merged
from tools.parameters.page import PAGE, page


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(prog="python -m tools.parameters")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    if parser.parse_args().page:
        PAGE.write_text(page())
        return
    new: Documented = merged(documented(), collected())
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(new), indent=1) + b"\n")
    print("read:", ", ".join(f"{name} {number}" for name, number in installed().items()))
    # In a process of its own: the rules are made of the file when they are imported.
    subprocess.run([sys.executable, "-m", "tools.parameters", "--page"], check=True)


if __name__ == "__main__":
    main()

"""Clients of other languages against a running server: Java's HttpClient, curl, OpenAI's for Node.

    make clients

Exit status 1 if one of them did not get what it should, or, where `CI` is true, is missing.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.attack.target import started
from tools.attack.wire import KEY

HERE = Path(__file__).parent
NODE_MODULES = Path(os.environ.get("NODE_PATH", HERE / "node_modules"))

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
[[models]]
id = "echo"
backend = "fake"
source = "chat"
[[models]]
id = "lines"
backend = "fake"
source = "speech"
"""
EXPECTED = {
    "whole": "one two three",
    "stream": "one two three",
    "unknown model": "404 model_not_found",
    "recording": "turn on the light",
    "twenty at once": "one two three",
    "large": "400",
}
_HAS = {
    "java": {"whole", "stream", "unknown model", "recording", "twenty at once"},
    "curl": {"whole", "stream", "unknown model", "recording", "large"},
    "node": {"whole", "stream", "unknown model", "recording", "twenty at once"},
}
COMMANDS = {
    "java": ["java", str(HERE / "Ask.java")],
    "curl": [str(HERE / "curl.sh")],
    "node": ["node", str(HERE / "ask.cjs")],
}


def missing(name: str) -> str | None:
    """Return what there is to install before the client can ask."""
    program = COMMANDS[name][0] if name != "curl" else "curl"
    if shutil.which(program) is None:
        return program
    if name == "node" and not (NODE_MODULES / "openai").is_dir():
        return "openai for Node"
    return None


def ask(name: str, url: str) -> list[str]:
    """Run the client; return what is not as it should be."""
    done = subprocess.run(  # noqa: S603
        [*COMMANDS[name], url, KEY],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        check=False,
    )
    got = dict(line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    wrong = [
        f"{check}: {got.get(check)!r}, not {EXPECTED[check]!r}"
        for check in sorted(_HAS[name])
        if got.get(check) != EXPECTED[check]
    ]
    return wrong + ([done.stderr[-400:]] if wrong or done.returncode else [])


async def main() -> int:
    """Return 0 if every client that is there got what it should."""
    wrong = False
    with started(CONFIG, limit=None) as target:
        await target.listen(30)
        for name in COMMANDS:
            if (lacking := missing(name)) is not None:
                print(f"{name}: NOT TRIED, {lacking.upper()} IS NOT INSTALLED")
                wrong |= os.environ.get("CI") == "true"
                continue
            faults = await asyncio.to_thread(ask, name, f"http://127.0.0.1:{target.port}")
            print(f"{name}: {'; '.join(faults) or 'right'}")
            wrong |= bool(faults)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Measures real speech and chat on real weights, against other engines, on this machine, in turns.

    python -m tools.bench.real
    python -m tools.bench.real --quick

The weights and the recordings have to be pulled before. Prints tables and, unless it is quick,
writes them to `docs/benchmarks.md`.
"""

import argparse
import shlex
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from backends.catalogue.cache import Cache
from backends.catalogue.entries import selected
from tools.bench import match, tables
from tools.bench.child import PEERS_PYTHON
from tools.bench.real import chat, report, speech

TINY, BASE = "whisper-tiny.en", "whisper-base"
SPEECH = {
    (TINY, "int8"): (4, 13, 65),
    (BASE, "float32"): (2, 13, 0),
}
"""Models and weights, and how many requests a round has with 1, 8 and 64 in flight."""
FURTHER = {
    (TINY, "float32"): (4, 13, 65),
    (BASE, "int8"): (4, 13, 65),
}
"""With `--all`, which takes three times as long."""
QUICK = (2, 4, 8)
CHAT = "smollm2-135m-instruct"
RECORDINGS = "recordings"


def say(line: str) -> None:
    """Print progress to stderr; the tables go to stdout."""
    print(line, file=sys.stderr, flush=True)


def pulled(*names: str) -> list[Path]:
    """Return the folders of entries of the catalogue; end the program if one is missing."""
    cache = Cache.default()
    folders = [cache.path(entry) for entry in selected(names)]
    if missing := [folder.name for folder in folders if not folder.is_dir()]:
        sys.exit(f"not here yet: shim pull {' '.join(missing)}")
    return folders


def main() -> None:
    """Read the command line, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one small round, nothing written")
    parser.add_argument("--all", action="store_true", help="both models with both weights")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if find_spec("vllm") is None:
        sys.exit("vLLM is not installed here: make setup")
    if not PEERS_PYTHON.exists():
        sys.exit("whisper.cpp and llama.cpp are not installed here: make bench-real")
    rounds = 1 if given.quick else given.rounds
    recordings, chat_model, tiny, base = pulled(RECORDINGS, CHAT, TINY, BASE)
    folders = {TINY: tiny, BASE: base}
    heard = []
    for (model, weights), requests in (SPEECH | (FURTHER if given.all else {})).items():
        counts = QUICK if given.quick else requests
        scenario = speech.scenario(folders[model], weights, recordings, counts)
        with tempfile.TemporaryDirectory() as folder:
            heard.append(match.compete(scenario, rounds=rounds, folder=Path(folder), say=say))
    with tempfile.TemporaryDirectory() as folder:
        chats = chat.compete(chat_model, rounds=rounds, folder=Path(folder), say=say)
    command = shlex.join(["python", "-m", "tools.bench.real", *sys.argv[1:]])
    text = report.document(heard, chats, command)
    print(text)
    if not given.quick:
        tables.write(tables.DOCUMENT, "real", tables=text, results=report.results(heard, chats))


if __name__ == "__main__":
    main()

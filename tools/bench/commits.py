"""`python -m tools.bench.commits OLD`: this checkout against another commit, in turns.

Two servers of the old commit and one of this checkout are up at once and get the same loads in
turns. What two servers of one commit differ by is the noise; a change that is larger is a change.
"""

import argparse
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tools.bench.chat.load import exchange
from tools.bench.chat.load import request as chat_request
from tools.bench.child import cpu_clock
from tools.bench.load import request as speech_request
from tools.bench.server import Server, starting

ROOT = Path(__file__).parent.parent.parent
CLIPS = sorted((ROOT / "evals" / "data" / "clips").glob("en-*"))

WORDS = 100
"""Words of a streamed answer: each is an event."""

CONFIG = f"""
[[models]]
id = "echo"
backend = "fake"
source = "chat"
max_running = 256
[[models]]
id = "whisper-1"
backend = "whisper"
source = "{ROOT / "backends" / "builtin" / "speech"}"
[models.options]
device = "cpu"
compute_type = "int8"
cpu_threads = 1
num_workers = 2
"""

Load = tuple[str, list[bytes], int, bool]
"""A name, whole requests, how many are in flight, and whether the answers are streams."""


def loads() -> Iterator[Load]:
    """Yield the loads that every server gets in a round."""
    host = "127.0.0.1"
    fields = {"model": "echo", "stream": True}
    for in_flight in (1, 64):
        streams = [chat_request(host, fields, "word " * WORDS)] * (4 * in_flight + 60)
        yield f"stream, {in_flight} in flight", streams, in_flight, True
    whole = [chat_request(host, {"model": "echo"}, "one two")] * 1000
    yield "whole answer of two words, 16 in flight", whole, 16, False
    speech = {"model": "whisper-1", "language": "en", "temperature": 0}
    clips = [speech_request(host, speech, clip) for clip in CLIPS]
    yield "transcription, 8 in flight", clips, 8, False


def measure(server: Server, load: Load) -> tuple[float, float]:
    """Return the seconds of CPU and of the clock that *server* takes for a request of *load*."""
    _, requests, in_flight, streamed = load
    at = urlsplit(server.url)
    before = cpu_clock(server.pid)
    run, answers = exchange(
        (at.hostname or "", at.port or 0), requests, in_flight, streamed=streamed
    )
    if wrong := [answer for answer in answers if b" 200 " not in answer[:16]]:
        raise RuntimeError(f"{len(wrong)} were refused, as {wrong[0][:200]!r}")
    return (cpu_clock(server.pid) - before) / len(requests), run.seconds / len(requests)


@contextmanager
def servers(old: str, folder: Path) -> Iterator[list[Server]]:
    """Yield two servers of the commit *old* and one of this checkout."""
    checkout = folder / "old"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", "--quiet", str(checkout), old], check=True)  # noqa: S603
    config = folder / "bench.toml"
    config.write_text(CONFIG)
    try:
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    starting(
                        folder / f"{at}.log", "shim", "serve", "--config", str(config), folder=place
                    )
                )
                for at, place in enumerate((checkout, checkout, ROOT))
            ]
            for server in started:
                server.wait()
            yield started
    finally:
        subprocess.run([*git, "remove", "--force", str(checkout)], check=True)  # noqa: S603


def compare(old: str, rounds: int) -> None:
    """Print, for each load, the medians of the ratios to the first server of *old*."""
    with tempfile.TemporaryDirectory() as folder, servers(old, Path(folder)) as contestants:
        print(f"{'':42} {'CPU a request':^23} {'seconds a request':^23}")
        print(
            f"{'medians of ' + str(rounds) + ' rounds, of the old':42}" + " old again     new" * 2
        )
        for load in loads():
            for server in contestants:
                measure(server, load)  # caches are warm from here on
            taken = [[measure(server, load) for server in contestants] for _ in range(rounds)]
            ratios = [
                statistics.median(each[at][figure] / each[0][figure] for each in taken)
                for figure in (0, 1)
                for at in (1, 2)
            ]
            print(f"{load[0]:42}" + "".join(f"{ratio:10.3f}" for ratio in ratios), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", help="a commit")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    compare(given.old, given.rounds)

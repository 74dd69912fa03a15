"""The folder of cached answers: its bound, and several servers at once."""

import io
import os
from pathlib import Path

from shim.exchanges.answer import Answer
from shim.exchanges.cache_folder import CacheFolder

BODY = b"x" * 1000
ANSWER = Answer(status=200, headers=[("a", "b")], head_ms=1, pieces=[(2.0, 1000)])


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    """An answer is found by another server on the same folder too; of an unknown key is none."""
    one, other = (CacheFolder(tmp_path, most_bytes=10_000) for _ in range(2))

    one.keep("k", ANSWER, io.BytesIO(BODY))

    assert other.find("k") == (ANSWER, BODY)
    assert other.find("none") is None


def test_the_bound(tmp_path: Path) -> None:
    """Above the bound the longest unused answers are removed, another server's too."""
    folder = CacheFolder(tmp_path, most_bytes=10_000)
    for number in range(8):
        CacheFolder(tmp_path, most_bytes=10_000).keep(str(number), ANSWER, io.BytesIO(BODY))
        os.utime(tmp_path / f"{number}.answer", (number, number))
    assert folder.find("0")  # so it is used last

    for number in range(8, 10):
        folder.keep(str(number), ANSWER, io.BytesIO(BODY))

    kept = {file.stem for file in tmp_path.iterdir()}
    assert {"0", "8", "9"} <= kept
    assert "1" not in kept
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10_000


def test_an_answer_that_is_too_large(tmp_path: Path) -> None:
    """An answer larger than the folder may be is not kept."""
    folder = CacheFolder(tmp_path, most_bytes=1024)

    folder.keep("k", ANSWER, io.BytesIO(BODY))

    assert folder.find("k") is None


def test_damaged_answers(tmp_path: Path) -> None:
    """A file that is shorter than its answer, or of another version, is not an answer."""
    folder = CacheFolder(tmp_path, most_bytes=10_000)
    folder.keep("short", ANSWER, io.BytesIO(BODY[1:]))
    (tmp_path / "other.answer").write_bytes(b"{}\n")

    assert folder.find("short") is None
    assert folder.find("other") is None


def test_abandoned_files(tmp_path: Path) -> None:
    """What a killed server has not renamed is removed after an hour."""
    (tmp_path / ".old").touch()
    (tmp_path / ".new").touch()
    os.utime(tmp_path / ".old", (0, 0))

    CacheFolder(tmp_path, most_bytes=10_000)

    assert [file.name for file in tmp_path.iterdir()] == [".new"]

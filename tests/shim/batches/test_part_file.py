"""Files of results that grow: lines are whole or absent, whatever happens."""

import asyncio
import os
from pathlib import Path

import pytest

from shim.batches.part_file import PartFile


async def test_a_torn_line_is_cut(tmp_path: Path) -> None:
    """What a killed process has written of a line is removed before the next one is added."""
    path = tmp_path / "part"
    path.write_bytes(b"one\n" + b"x" * (3 << 20))

    part = PartFile(path)
    await part.append(b"two\n")
    await part.close()

    assert path.read_bytes() == b"one\ntwo\n"


async def test_lines_at_once_are_all_written(tmp_path: Path) -> None:
    """Lines that come together are each there, once, when their `append` has ended."""
    part = PartFile(tmp_path / "part")

    await asyncio.gather(*(part.append(b"%d\n" % number) for number in range(500)))

    found = [line for _, line in part.lines()]
    assert sorted(map(int, found)) == list(range(500))
    await part.close()


async def test_a_full_disk_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails in the middle of a line leaves nothing of it, and later ones work."""
    part = PartFile(tmp_path / "part")
    await part.append(b"one\n")
    write = os.write

    def full(file: int, text: bytes) -> int:
        if len(text) < 4:
            raise OSError(28, "No space left on device")
        return write(file, bytes(text)[:2])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            await part.append(b"two\n")
    await part.append(b"three\n")

    assert (tmp_path / "part").read_bytes() == b"one\nthree\n"
    await part.close()


async def test_an_abandoned_line_does_not_harm_others(tmp_path: Path) -> None:
    """A line whose `append` is cancelled is there or not; those beside it are there."""
    part = PartFile(tmp_path / "part")
    first, second = (asyncio.create_task(part.append(b"%d\n" % n)) for n in (1, 2))
    await asyncio.sleep(0)

    first.cancel()
    await second
    await part.close()

    assert (tmp_path / "part").read_bytes().endswith(b"2\n")

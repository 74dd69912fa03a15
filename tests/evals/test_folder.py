"""Folders of runs: their names, and that no two runs share one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evals.failures import CannotWrite
from evals.folder import create, safe
from evals.threshold import allowed, valid

NOW = datetime(2026, 11, 27, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("whisper-1", "whisper-1"),
        ("Qwen/Qwen3-0.6B", "Qwen_Qwen3-0.6B"),
        ("../../etc/passwd", "etc_passwd"),
        ("..", "_"),
        ("", "_"),
        ("/", "_"),
        ("-rf", "rf"),
        ("a b\tc\0d\ne", "a_b_c_d_e"),
        ("C:\\models\\x?*", "C_models_x"),
        ("模型", "模型"),
        ("ü" * 200, "ü" * 40),
        ("a\ud800b", "a_b"),
    ],
)
def test_safe_names(name: str, part: str) -> None:
    """Characters that a file name cannot hold, or that mean something to a shell, are removed."""
    assert safe(name) == part


def test_a_folder_says_what_ran_and_when(tmp_path: Path) -> None:
    """Its name has task, model and time; the first run of a project makes the folders above too."""
    found = create(tmp_path / "new" / "reports", task="speech", model="org/m", at=NOW)

    assert found.path == tmp_path / "new" / "reports" / "speech-org_m-20261127T163000Z"
    assert found.path.is_dir()


def test_runs_of_one_second(tmp_path: Path) -> None:
    """However many runs start at once, each has a folder of its own."""
    with ThreadPoolExecutor(8) as threads:
        runs = [
            threads.submit(create, tmp_path, task="t", model=model, at=NOW)
            for model in ("a/b", "a_b", "a:b", "a b") * 5
        ]
    found = {run.result().path for run in runs}

    assert len(found) == 20
    assert tmp_path / "t-a_b-20261127T163000Z-20" in found


@pytest.mark.parametrize("place", ["file", "file/below", "dangling/below", "x" * 300])
def test_places_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    """They are refused with the path that is in the way, and nothing is created."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(CannotWrite, match=r"cannot write to .* --out"):
        create(tmp_path / place, task="t", model="m", at=NOW)

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("threshold", "samples", "number"),
    [
        ("0", 100, 0),
        ("84", 100, 84),
        ("0%", 100, 0),
        ("29%", 100, 29),
        ("7%", 100, 7),
        ("5%", 10, 0),
        ("0.5 %", 1000, 5),
        ("100%", 3, 3),
        (" 3 ", 2, 3),
    ],
)
def test_thresholds(threshold: str, samples: int, number: int) -> None:
    """A share is that of all samples, rounded down, without a float's error."""
    assert valid(threshold)
    assert allowed(threshold, samples) == number


@pytest.mark.parametrize("threshold", ["", "%", "-1", "1.5", "101%", "100.1%", "1e2", "5 per cent"])
def test_no_thresholds(threshold: str) -> None:
    """A text that is neither a number of samples nor a share of them is refused."""
    assert not valid(threshold)

"""Scorers of the user's own: how they are found, what they get, what they may return."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from evals.dataset import Clip, Dialogue
from evals.failures import ScorerFailed
from evals.result import Answer, ToolCall
from evals.score.own import line, load_scorer
from evals.score.scorers import judge

FILE = '''
"""Scorers."""
import numpy as np
calls = []
def seen(target, answer, sample):
    calls.append((target, answer, sample))
    return True
def right(target, answer, sample): return answer == target
def share(target, answer, sample): return np.float64(0.25)
def test(target, answer, sample): return np.bool_(True)
def pair(target, answer, sample): return 3, 4
def empty(target, answer, sample): return 0, 0
def nothing(target, answer, sample): ...
def text(target, answer, sample): return "1"
def two(target, answer, sample): return 2
def negative(target, answer, sample): return -1, 4
def nan(target, answer, sample): return float("nan")
def three(target, answer, sample): return 1, 2, 3
def crash(target, answer, sample): return sample["gone"]
value = 3
'''


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "my_scorers.py").write_text(FILE)
    (tmp_path / "my_broken.py").write_text("import nothing_of_this_name")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    load_scorer.cache_clear()
    yield
    load_scorer.cache_clear()


@pytest.mark.parametrize(
    ("name", "fraction"),
    [
        ("right", (1, 1)),
        ("share", (0.25, 1)),
        ("test", (1, 1)),
        ("pair", (3, 4)),
        ("empty", (0, 0)),
    ],
)
def test_scores(name: str, fraction: tuple[float, float], dialogue: Dialogue) -> None:
    """Right or wrong, a share from 0 to 1, or a numerator and a denominator."""
    tally = judge(f"my_scorers:{name}", str)(dialogue, Answer(text="4"))

    assert (tally.numerator, tally.denominator) == fraction
    assert (tally.target, tally.answer) == ("4", "4")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("nothing", "returned None; expected True, False, a number from 0 to 1, or a pair"),
        ("text", "returned '1'"),
        ("two", "returned 2"),
        ("negative", r"returned \(-1, 4\)"),
        ("nan", "returned nan"),
        ("three", r"returned \(1, 2, 3\)"),
        ("crash", "KeyError: 'gone'"),
    ],
)
def test_what_is_not_a_score(name: str, fault: str, dialogue: Dialogue) -> None:
    """It is refused with the names of the scorer and of the sample."""
    expected = rf"the scorer my_scorers:{name}, at the sample sum: {fault}"

    with pytest.raises(ScorerFailed, match=expected):
        judge(f"my_scorers:{name}", str)(dialogue, Answer(text="4"))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("gone_scorers:score", "No module named 'gone_scorers'"),
        ("my_broken:score", "No module named 'nothing_of_this_name'"),
        ("my_scorers:gone", "my_scorers has no function 'gone' in a file"),
        ("my_scorers:value", "my_scorers has no function 'value' in a file"),
        ("sys:exit", "sys has no function 'exit' in a file"),
        (":score", "ValueError: Empty module name"),
    ],
)
def test_what_cannot_be_loaded(name: str, fault: str) -> None:
    """The message says what is missing."""
    with pytest.raises(ScorerFailed, match=fault):
        load_scorer(name)


def test_the_file_is_known_by_its_hash() -> None:
    """The hash is of the file's bytes."""
    digest = hashlib.sha256(FILE.encode()).hexdigest()

    assert load_scorer("my_scorers:right").sha256 == digest


def test_the_sample_is_its_line(dialogue: Dialogue, clip: Clip) -> None:
    """The scorer gets all keys of the line, with the path of a clip as a text."""
    levelled = msgspec.structs.replace(dialogue, metadata={"level": 1}, fields={"max_tokens": 5})

    assert line(levelled) == {
        "index": 0,
        "id": "sum",
        "target": "4",
        "level": 1,
        "messages": dialogue.messages,
        "max_tokens": 5,
    }
    assert line(clip)["audio"] == str(clip.audio)


def test_calls_without_a_text(dialogue: Dialogue) -> None:
    """The answer is then the calls, as JSON."""
    answer = Answer(text="", tool_calls=[ToolCall(name="f", arguments="{}")])

    tally = judge("my_scorers:right", str)(dialogue, answer)

    assert tally.answer == '[{"name":"f","arguments":"{}"}]'

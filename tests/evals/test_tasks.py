"""`evals run` on what is not a manifest, and by other scorers, as its user sees it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from evals.cli import main
from tests.evals.scripted_server import (
    Reply,
    Request,
    ScriptedServer,
    completion,
    error,
    transcription,
)

QUESTION = {"messages": [{"role": "user", "content": "2+2="}]}
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


@pytest.fixture
def evaluate(tmp_path: Path, server: ScriptedServer) -> Callable[..., Result]:
    """Return a function that runs the command, with flags."""

    def run(data: Path | str, *flags: str) -> Result:
        places = ["--base-url", server.base_url, "--out", str(tmp_path / "out")]
        return CliRunner().invoke(main, ["run", str(data), "--model", "m", *places, *flags])

    return run


def summary(tmp_path: Path) -> Any:
    """Return the summary of the only run."""
    [found] = (tmp_path / "out").glob("*/summary.json")
    return msgspec.json.decode(found.read_bytes())


def test_a_folder_of_clips(
    evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path, wav: Path
) -> None:
    """Its clips are transcribed; the score has the edits by kind, and the run has its name."""
    speech = tmp_path / "speech"
    speech.mkdir()
    for name, text in (("a", "turn on the light"), ("b", "stop")):
        (speech / f"{name}.wav").write_bytes(wav.read_bytes())
        (speech / f"{name}.txt").write_text(text)
    server.otherwise = lambda _: transcription("turn the light up")

    done = evaluate(speech)

    assert done.exit_code == 0, done.output
    assert "WER 120.00% (6/5): 1 sub, 1 del, 4 ins" in done.output
    found = summary(tmp_path)
    assert (found["task"], found["kind"], found["manifest"]) == ("speech", "audio", str(speech))
    score = found["score"]
    assert [score[name] for name in ("substitutions", "deletions", "insertions")] == [1, 1, 4]


def test_a_table_of_questions(
    evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """The numbers at the ends of the answers count."""
    path = tmp_path / "sums.csv"
    path.write_text("question,result\n2+2=,4\n1+4=,5\n")
    server.otherwise = lambda _: completion("2 + 2 = 4.0")

    done = evaluate(path, "--text-column", "result", "--scorer", "number")

    assert done.exit_code == 0, done.output
    assert "accuracy 50.00% (1/2)" in done.output


def test_a_table_is_read_again(
    evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """A run that goes on reads the columns that it began with."""
    path = tmp_path / "sums.csv"
    path.write_text("question,answer,result\n2+2=,x,4\n1+4=,x,5\n")
    server.script.extend([completion("4"), error(400)])
    begun = evaluate(path, "--text-column", "result", "--concurrency", "1")

    [folder] = (tmp_path / "out").iterdir()
    server.otherwise = lambda _: completion("5")
    done = CliRunner().invoke(main, ["resume", str(folder)])

    assert begun.exit_code == 1
    assert done.exit_code == 0, done.output
    assert "accuracy 100.00% (2/2)" in done.output


def test_calls_of_tools(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """A call with the right name and arguments is right, a text in its place is wrong."""
    target = {"name": "add", "arguments": {"a": 2}}
    path = manifest(*[QUESTION | {"target": target, "tools": TOOLS, "tool_choice": "auto"}] * 2)

    def answer(request: Request) -> Reply:
        assert (request.json["tools"], request.json["tool_choice"]) == (TOOLS, "auto")
        whole = json.loads(completion(None, reason="tool_calls").body)
        function = {"name": "add", "arguments": '{ "a": 2 }'}
        whole["choices"][0]["message"]["tool_calls"] = [{"type": "function", "function": function}]
        return Reply(body=json.dumps(whole).encode())

    server.script.append(completion("4"))
    server.otherwise = answer

    done = evaluate(path)

    assert done.exit_code == 0, done.output
    assert "accuracy 50.00% (1/2)" in done.output
    assert (summary(tmp_path)["kind"], summary(tmp_path)["score"]["scorer"]) == ("tools", "tool")


def test_a_scorer_of_ones_own(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is found in the working directory, and the summary has the hash of its file."""
    code = "def score(target, answer, sample): return sample['weight'] if answer == target else 0"
    (tmp_path / "weighted.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    path = manifest(*[QUESTION | {"target": "4", "weight": weight} for weight in (0.5, 0.25)])

    done = evaluate(path, "--scorer", "weighted:score")

    assert done.exit_code == 0, done.output
    assert "score 37.50% (0.75/2)" in done.output
    assert len(summary(tmp_path)["score"]["scorer_sha256"]) == 64


@pytest.mark.parametrize(
    ("flags", "status", "fault"),
    [
        (["--scorer", "regex"], 1, "task.jsonl:1: not a regular expression"),
        (["--scorer", "gone:score"], 2, "the scorer gone:score: ModuleNotFoundError"),
        (["--scorer", "good"], 2, "'good' is not one of wer, cer, exact"),
        (["--scorer", "tool"], 1, "the scorer tool is not for samples without calls"),
        (["--audio-column", "x"], 1, "--audio-column and --text-column are for tables"),
    ],
)
def test_it_is_refused_first(  # noqa: PLR0917
    flags: list[str],
    status: int,
    fault: str,
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
) -> None:
    """What cannot be scored is refused before anything is sent."""
    done = evaluate(manifest(QUESTION | {"target": "(4"}), *flags)

    assert done.exit_code == status
    assert fault in " ".join(done.output.split())
    assert server.requests == []

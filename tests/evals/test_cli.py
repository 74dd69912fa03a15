"""`evals run` as its user sees it: its output, its files and its exit status."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from evals.cli import main
from tests.evals.scripted_server import ScriptedServer, completion, error

SUMS = [
    {"id": name, "messages": [{"role": "user", "content": "2+2="}], "target": "4", "level": 1}
    for name in "abc"
]


@pytest.fixture
def evaluate(tmp_path: Path, server: ScriptedServer) -> Callable[..., Result]:
    """Return a function that runs the command on a manifest, with flags."""

    def run(manifest: Path, *flags: str, model: str = "m") -> Result:
        places = ["--base-url", server.base_url, "--out", str(tmp_path / "out"), "--no-report"]
        return CliRunner().invoke(main, ["run", str(manifest), "--model", model, *places, *flags])

    return run


def folder(tmp_path: Path) -> Path:
    """Return the folder of the only run."""
    [found] = (tmp_path / "out").iterdir()
    return found


def summary(tmp_path: Path) -> Any:
    """Return the summary that was written."""
    return msgspec.json.decode((folder(tmp_path) / "summary.json").read_bytes())


def rows(tmp_path: Path) -> list[Any]:
    """Return the results that were written."""
    lines = (folder(tmp_path) / "results.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line) for line in lines]


def test_a_run(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """A run prints a table and writes results and a summary, with all that is needed to rerun."""
    path = manifest(*SUMS)

    done = evaluate(path, "--api-key", "sk-secret", "--concurrency", "2")

    found = summary(tmp_path)
    assert done.exit_code == 0
    assert "accuracy 100.00% (3/3)" in done.output
    assert (found["score"]["numerator"], found["score"]["denominator"]) == (3, 3)
    assert found["manifest_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found["model"], found["models_answering"]) == ("m", ["served"])
    assert (found["options"]["timeout"], found["options"]["max_retries"]) == (300.0, 3)
    assert found["options"]["concurrency"] == 2
    assert found["versions"]["openai"]
    assert [row["metadata"] for row in rows(tmp_path)] == [{"level": 1}] * 3
    assert "sk-secret" not in done.output + msgspec.json.encode(found).decode()


def test_the_page_of_a_run(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """A run writes a page of itself, as HTML and as Markdown, and says where, unless it may not."""
    path = manifest(*SUMS)

    silent, done = evaluate(path), evaluate(path, "--report", "--folder", str(tmp_path / "run"))

    assert (silent.exit_code, done.exit_code) == (0, 0)
    assert sorted(file.suffix for file in folder(tmp_path).iterdir()) == [
        "",
        ".json",
        ".json",
        ".jsonl",
    ]
    assert f"\npage        {tmp_path / 'run' / 'report.html'}\n" in done.stdout
    assert "accuracy" in (tmp_path / "run" / "report.md").read_text()


def test_failures_stand_beside_the_score(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """A failed sample is counted and named, and is not part of the score, which is shown."""
    server.script.extend([error(400), completion("5"), completion("4", reason="length")])

    done = evaluate(manifest(*SUMS), "--concurrency", "1")

    assert done.exit_code == 1
    assert "accuracy 50.00% (1/2)" in done.output
    assert "Error: task: 1 of 3 samples failed; --max-failures 0 allows 0" in done.output
    assert summary(tmp_path)["complete"] is False
    assert "1 of 3 failed, not scored" in done.output
    # The rest differs between versions of the client.
    assert "1 BadRequestError 400: Error code: 400 - " in done.output
    assert "1 answers were cut at the token limit" in done.output
    assert [row["status"] for row in rows(tmp_path)] == ["failed", "ok", "ok"]


def test_retries_are_shown(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """Retries and the wait for the server are shown."""
    server.unready = 1
    server.script.append(error(429))

    done = evaluate(manifest(*SUMS))

    assert "1 requests and 0 cut streams were sent again" in done.output
    assert "the server was ready after 1 failed probes" in done.output


def test_a_failure_as_an_empty_answer(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """Only `--on-error empty` scores a failure as an empty answer, and says so."""
    server.script.append(error(400))

    done = evaluate(manifest(*SUMS), "--on-error", "empty", "--max-failures", "1")

    assert done.exit_code == 0
    assert "accuracy 66.67% (2/3)" in done.output
    assert "1 of 3 failed, scored as empty answers" in done.output


def test_stop_saves_what_was_done(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """`--on-error stop` ends the run at the first failure, with an exit code that says so."""
    server.script.extend([completion("4"), error(400)])

    done = evaluate(manifest(*SUMS), "--on-error", "stop", "--concurrency", "1")

    assert done.exit_code == 1
    assert "stopped by a failure; 1 samples were not asked" in done.output
    assert [row["id"] for row in rows(tmp_path)] == ["a", "b"]
    assert not summary(tmp_path)["complete"]
    assert summary(tmp_path)["ended"] == "stopped"


def test_no_score_is_no_success(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """A run whose samples all failed has no score, which is not 0, and exits 1."""
    server.otherwise = lambda _: error(400)

    done = evaluate(manifest(*SUMS))

    assert done.exit_code == 1
    assert "no accuracy" in done.output
    assert summary(tmp_path)["score"]["value"] is None
    assert not summary(tmp_path)["complete"]


def test_failures_alone_are_no_score(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """Where nothing was answered, empty answers in its place are not scored as 0 %."""
    server.otherwise = lambda _: error(400)

    done = evaluate(manifest(*SUMS), "--on-error", "empty", "--max-failures", "100%")

    assert done.exit_code == 1
    assert "no accuracy" in done.output
    assert "0.00%" not in done.output
    assert "Error: task: no score" in done.output


@pytest.mark.parametrize(
    ("threshold", "status"), [("0", 1), ("1", 1), ("2", 0), ("66%", 1), ("66.7 %", 0), ("3", 0)]
)
def test_a_threshold_of_failures(  # noqa: PLR0917
    threshold: str,
    status: int,
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """Two failures of three are a success only where so many, or such a share, are allowed."""
    server.script.extend([completion("4"), error(400), error(400)])

    done = evaluate(manifest(*SUMS), "--concurrency", "1", "--max-failures", threshold)

    assert done.exit_code == status
    assert "accuracy 100.00% (1/1)" in done.output
    assert (summary(tmp_path)["complete"], summary(tmp_path)["ended"]) == (False, "finished")
    assert summary(tmp_path)["options"]["max_failures"] == threshold


def test_a_bad_manifest_is_refused_first(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """Nothing is sent for a manifest with a bad line; the message says where it is."""
    done = evaluate(manifest(SUMS[0], {"target": 4}))

    assert done.exit_code == 1
    assert "task.jsonl:2: Expected `str | object`, got `int` - at `$.target`" in done.output
    assert server.requests == []


def test_no_server(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """Without a server the run ends with its address; earlier runs stay, and no folder is made."""
    evaluate(manifest(*SUMS))
    before = {file: file.read_bytes() for file in folder(tmp_path).iterdir()}

    done = evaluate(manifest(*SUMS), "--base-url", "http://127.0.0.1:9/v1", "--wait", "0.1")

    assert done.exit_code == 1
    assert "http://127.0.0.1:9/v1/ was not ready within 0.1 s" in done.output
    assert {file: file.read_bytes() for file in folder(tmp_path).iterdir()} == before


def test_runs_do_not_meet(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """Three runs within a second, one of another model, keep a folder each."""
    for model in ("m", "m", "org/n:1 ü"):
        assert evaluate(manifest(*SUMS), model=model).exit_code == 0

    found = sorted((tmp_path / "out").iterdir())
    models = [msgspec.json.decode((one / "summary.json").read_bytes())["model"] for one in found]
    assert sorted(models) == ["m", "m", "org/n:1 ü"]
    assert len(list((tmp_path / "out").glob("task-org_n_1_ü-*Z/results.jsonl"))) == 1


def test_more_models_than_letters(
    evaluate: Callable[..., Result], server: ScriptedServer, manifest: Callable[..., Path]
) -> None:
    """Runs are compared under the letters A to Z: more are refused before anything is sent."""
    more = [word for number in range(26) for word in ("--model", f"m{number}")]

    done = evaluate(manifest(*SUMS), *more)

    assert (done.exit_code, server.requests) == (2, [])
    assert "at most 26 runs at once" in done.output


@pytest.mark.parametrize(
    "flags",
    [
        ["--temperature", "warm"],
        ["--temperature", "nan"],
        ["--extra", "[]"],
        ["--concurrency", "0"],
        ["--timeout", "0"],
        ["--limit", "0"],
        ["--max-failures", "-1"],
        ["--max-failures", "101%"],
        ["--max-failures", "some"],
        ["--api-key", "a", "--api-key-file", "b"],
    ],
)
def test_bad_flags(
    flags: list[str], evaluate: Callable[..., Result], manifest: Callable[..., Path]
) -> None:
    """A flag that makes no sense is a usage error."""
    assert evaluate(manifest(*SUMS), *flags).exit_code == 2


def test_flags_reach_the_request(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """Sampling flags and extra fields are sent with every request."""
    done = evaluate(
        manifest(*SUMS), "--temperature", "server", "--extra", '{"top_k": 1}', "--limit", "1"
    )

    [request] = server.requests
    assert done.exit_code == 0
    assert request.json == {"model": "m", "messages": SUMS[0]["messages"], "top_k": 1}


@pytest.mark.parametrize("command", [[], ["run"]])
def test_every_flag_has_help(command: list[str]) -> None:
    """`-h` works everywhere, and every flag says what it is for."""
    done = CliRunner().invoke(main, [*command, "-h"])

    assert done.exit_code == 0
    group: Any = main
    chosen = group.commands[command[0]] if command else main
    assert all(option.help for option in chosen.params if isinstance(option, click.Option))


def test_version() -> None:
    """The command is called by its name, however it was started."""
    assert CliRunner().invoke(main, ["--version"]).output.startswith("evals, version ")


@pytest.mark.parametrize("place", ["file", "file/below", "x" * 300])
def test_a_place_that_cannot_be_written(
    place: str,
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """It is refused in one line, before anything is sent."""
    (tmp_path / "file").write_text("")

    done = evaluate(manifest(*SUMS), "--out", f"{tmp_path}/{place}")

    assert done.exit_code == 1
    assert done.output.startswith("Error: cannot write to ")
    assert done.output.count("\n") == 1
    assert server.requests == []


def test_a_key_in_a_file(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """A key in a file is sent without its line end, and is not in the files that are written."""
    file = tmp_path / "key"
    file.write_text("\ufeff  sk-secret\r\n")

    done = evaluate(manifest(*SUMS), "--api-key-file", str(file))

    assert done.exit_code == 0
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer sk-secret"}
    written = b"".join(one.read_bytes() for one in folder(tmp_path).iterdir())
    assert b"sk-secret" not in written + done.output.encode()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"a secret", "one word in ASCII"),
        (b"a\nsecret\n", "one word in ASCII"),
        ("ä-secret".encode(), "one word in ASCII"),
        (b"\xffsecret", "not a text in UTF-8"),
        (None, "No such file"),
    ],
    ids=["nothing", "blank", "words", "lines", "letters", "bytes", "gone"],
)
def test_a_file_without_a_key(
    content: bytes | None,
    fault: str,
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """The message names the file and the fault, and does not repeat the content."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    done = evaluate(manifest(*SUMS), "--api-key-file", str(file))

    assert done.exit_code == 1
    assert str(file) in done.output
    assert fault in done.output
    assert "secret" not in done.output

"""Checks before a run: a run that cannot succeed is refused in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evals.address import alternatives
from evals.cli import main
from tests.evals.scripted_server import Reply, Request, ScriptedServer, completion, error, models

SUM = {"messages": [{"role": "user", "content": "2+2="}], "target": "4"}
HTML = Reply(404, b"<html>no</html>", kind="text/html")


@pytest.fixture
def evaluate(
    tmp_path: Path, server: ScriptedServer, manifest: Callable[..., Path]
) -> Callable[..., Result]:
    """Return a function that runs the command over three samples, with flags."""
    path = manifest(SUM, SUM, SUM)

    def run(*flags: str, base_url: str = "") -> Result:
        places = ["--base-url", base_url or server.base_url, "--out", str(tmp_path / "out")]
        return CliRunner().invoke(main, ["run", str(path), "--model", "m", *places, *flags])

    return run


def refused(done: Result, tmp_path: Path) -> str:
    """Return the one line of a refusal that left no folder behind."""
    assert done.exit_code == 1
    assert not (tmp_path / "out").exists()
    [line] = done.output.splitlines()
    return line


def test_a_listed_model_costs_nothing(
    evaluate: Callable[..., Result], server: ScriptedServer
) -> None:
    """Where the server lists the model, only the samples are sent."""
    assert evaluate().exit_code == 0
    assert len(server.requests) == 3


def test_a_message_is_plain(
    evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """What a server writes reaches the terminal without control characters."""
    server.models = models("\x1b[2Jother")
    server.otherwise = lambda _: error(404)

    line = refused(evaluate(), tmp_path)

    assert line.endswith("it has \ufffd[2Jother")


@pytest.mark.parametrize(
    "listing", [models("other"), error(401), error(403), HTML, Reply(body=b"{}")]
)
def test_a_list_proves_nothing(
    listing: Reply, evaluate: Callable[..., Result], server: ScriptedServer
) -> None:
    """A model that is not listed, or no list, is tried with a sample; an answer starts the run."""
    server.models = listing

    done = evaluate()

    assert done.exit_code == 0
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key(
    status: int, evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """A key that is refused ends the run, with where to put the right one; it is not repeated."""
    server.models = error(status)
    server.otherwise = lambda _: error(status, "wrong key sk-secret")

    line = refused(evaluate("--api-key", "sk-secret"), tmp_path)

    assert f"{server.base_url} refuses the key" in line
    assert "set OPENAI_API_KEY, or --api-key-file" in line
    assert "sk-secret" not in line


def test_no_key(evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path) -> None:
    """Without a key the line says that the server asks for one."""
    server.models = error(401)
    server.otherwise = lambda _: error(401)

    assert "asks for a key" in refused(evaluate(), tmp_path)


def test_an_unknown_model(
    evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """The line names the models that there are, a near one first, and not hundreds of them."""
    server.models = models(*(f"model-{number}" for number in range(300)), "mm")
    server.otherwise = lambda _: error(404)

    line = refused(evaluate(), tmp_path)

    assert "has no model 'm', did you mean 'mm'?; it has model-0" in line.replace("? ;", "?;")
    assert len(line) < 300


def test_an_unknown_model_of_a_server_that_answers_under_more_paths(
    evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """An address with a list of models is the right one: Shim lists them at `/v1/v1` as well."""
    server.models = models("mm")
    server.otherwise = lambda asked: models("mm") if "models" in asked.path else error(404)

    assert "has no model 'm', did you mean 'mm'?" in refused(evaluate(), tmp_path)


def test_another_program(
    evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """A server that is not an API, as behind a wrong port, does not get every sample."""
    server.models = HTML
    server.otherwise = lambda _: Reply(400, b"<html>" + b"x" * 9999, kind="text/html")

    line = refused(evaluate(), tmp_path)

    assert "does not answer like OpenAI's API" in line
    assert len(line) < 500


@pytest.mark.parametrize("path", ["", "/", "/v1/chat/completions", "/v1/models", "/api"])
def test_a_wrong_path(
    path: str, evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """For a base URL without `/v1`, or with an endpoint, the message has the right one."""
    root = server.base_url.removesuffix("/v1")

    def answer(request: Request) -> Reply:
        return completion("4") if request.path == "/v1/chat/completions" else HTML

    server.otherwise = answer

    line = refused(evaluate(base_url=f"{root}{path}"), tmp_path)

    assert line.endswith(f"use --base-url {server.base_url}")


def test_alternatives_are_few() -> None:
    """At most three other addresses are tried, and never the one that failed."""
    for url in ("http://h", "http://h/v1", "http://h/v1/v1", "http://h/a/b/completions"):
        found = list(alternatives(url))
        assert len(found) <= 3
        assert url not in found


@pytest.mark.parametrize(
    ("base_url", "hint"),
    [
        ("127.0.0.1:8000/v1", "did you mean http://127.0.0.1:8000/v1?"),
        ("localhost:8000/v1", "did you mean http://localhost:8000/v1?"),
        ("example.org", "did you mean http://example.org?"),
        ("[::1]:8000/v1", "did you mean http://[::1]:8000/v1?"),
        ("http//localhost/v1", "write it in full"),
        ("http:/localhost/v1", "write it in full"),
        ("http://", "write it in full"),
        ("ftp://host/v1", "write it in full"),
        ("http://host:99999/v1", "write it in full"),
        ("http://host:port/v1", "write it in full"),
        ("http://[::1/v1", "write it in full"),
        ("http://a host/v1", "write it in full"),
    ],
)
def test_no_base_url(
    base_url: str, hint: str, evaluate: Callable[..., Result], tmp_path: Path
) -> None:
    """A text that is not an address is refused at once, with a suggestion."""
    line = refused(evaluate(base_url=base_url), tmp_path)

    assert f"is not a base URL: {hint}" in line


def test_a_variable_without_a_scheme(
    manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPENAI_BASE_URL is checked alike, and its secret parts are not shown."""
    monkeypatch.setenv("OPENAI_BASE_URL", "user:word@host:1/v1?key=k")

    done = CliRunner().invoke(main, ["run", str(manifest(SUM)), "--model", "m"])

    assert "'host:1/v1' is not a base URL: did you mean http://host:1/v1?" in done.output
    assert "word" not in done.output


def test_https_where_http_is_spoken(
    evaluate: Callable[..., Result], server: ScriptedServer, tmp_path: Path
) -> None:
    """It is found out at once, not after the wait."""
    line = refused(evaluate(base_url=server.base_url.replace("http:", "https:")), tmp_path)

    assert "write http:// instead of https://" in line

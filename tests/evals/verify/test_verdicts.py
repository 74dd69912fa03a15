"""Verdicts: where two answers part, and what never counts as passed."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from evals.ask.client import connect
from evals.cli import main
from evals.verify.answers import Answer, difference
from evals.verify.check import Check, judged
from evals.verify.proof import Proof
from evals.verify.server import Server
from evals.verify.target import Target
from evals.verify.verdict import Breach, Findings, NotChecked
from tests.evals.scripted_server import ScriptedServer, error

CHAT = Answer(text="a lamp", tokens=("a", " lamp"), finish="stop", numbers=(-0.5, -0.25))


@pytest.mark.parametrize(
    ("changed", "expected", "got"),
    [
        ({"tokens": ("a", " dog"), "text": "a dog"}, "token 1: ' lamp'", "token 1: ' dog'"),
        ({"tokens": ("a",), "text": "a"}, "token 1: ' lamp'", "token 1: no more tokens"),
        (
            {"tokens": (), "text": "a lamb"},
            "character 5, after 'a lam': 'p'",
            "character 5, after 'a lam': 'b'",
        ),
        ({"finish": "length"}, "ended by 'stop'", "ended by 'length'"),
        ({"numbers": (-0.5,)}, "log probability: 2 of them", "log probability: 1 of them"),
        (
            {"numbers": (-0.5, -0.2515)},
            "log probability 1 (' lamp'): -0.25",
            "log probability 1 (' lamp'): -0.2515",
        ),
        (
            {"numbers": (-0.5, float("nan"))},
            "log probability 1 (' lamp'): -0.25",
            "log probability 1 (' lamp'): nan",
        ),
    ],
)
def test_the_first_difference_is_named(changed: dict[str, object], expected: str, got: str) -> None:
    """A difference is shown at its place: the first other token, character or number."""
    fields = {name: getattr(CHAT, name) for name in CHAT.__struct_fields__}

    found = difference(CHAT, Answer(**{**fields, **changed}))

    assert found == (expected, got)


def test_rounding_of_batches_is_no_difference() -> None:
    """Numbers that differ by less than the tolerance are equal."""
    other = Answer(text="a lamp", tokens=("a", " lamp"), finish="stop", numbers=(-0.5, -0.2495))

    assert difference(CHAT, other) is None


async def compares_nothing(_: Target, __: Findings) -> None:
    """Nothing is shown."""


async def cannot_be_made(_: Target, found: Findings) -> None:
    """One thing is compared, then no more."""
    found.equal("GET /", expected=1, got=1)
    raise NotChecked("no weights")


async def finds_a_breach_first(_: Target, found: Findings) -> None:
    """One thing differs, then nothing more can be compared."""
    found.equal("GET /", expected=1, got=2)
    raise NotChecked("no more")


async def breaks_off(_: Target, __: Findings) -> None:
    """Return without an answer."""
    raise Breach("GET /", expected="an answer", got="500: died")


@pytest.mark.parametrize(
    ("run", "verdict", "note"),
    [
        (compares_nothing, "not checked", "there was nothing to compare"),
        (cannot_be_made, "not checked", "no weights"),
        (finds_a_breach_first, "breach", "no more"),
        (breaks_off, "breach", ""),
    ],
)
async def test_only_comparisons_pass(
    server: ScriptedServer,
    run: Callable[[Target, Findings], Awaitable[None]],
    verdict: str,
    note: str,
) -> None:
    """A check that compared nothing, or not all, has not passed; a breach prevails."""
    async with connect(base_url=server.base_url) as client:
        found = await judged(Check("contract", (), run), Target(Server(client), "m"))

    assert (found.verdict, found.note) == (verdict, note)


def test_a_server_that_refuses_everything_is_not_checked(server: ScriptedServer) -> None:
    """If no check can be made the exit status is 2, and the reason is printed."""
    server.otherwise = lambda _: error(403, "not for this key")

    result = CliRunner().invoke(main, ["verify", "--base-url", server.base_url, "--model", "m"])

    assert result.exit_code == 2
    assert "not for this key" in result.output
    assert "not checked: 0 passed, 0 breach, 1 not checked" in result.output


def test_a_server_that_fails_is_a_breach(server: ScriptedServer, tmp_path: Path) -> None:
    """A failure is not a refusal: the exit status is 1, and the files have the evidence, no key."""
    server.otherwise = lambda _: error(500, "<b>broken</b> for sk-secret")
    json, page = tmp_path / "proof.json", tmp_path / "proof.html"
    given = ["--base-url", server.base_url, "--model", "m", "--max-retries", "0"]
    given += ["--api-key", "sk-secret", "--json", str(json), "--page", str(page)]

    result = CliRunner().invoke(main, ["verify", *given])

    assert result.exit_code == 1
    assert "500: <b>broken</b> for [key]" in result.output
    proof = msgspec.json.decode(json.read_bytes(), type=Proof)
    assert (proof.verdict, proof.verdicts[0].breaches) == ("breach", 8)
    assert "&lt;b&gt;broken&lt;/b&gt; for [key]" in page.read_text()
    assert "sk-secret" not in json.read_text() + page.read_text()

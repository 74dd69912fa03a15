"""`evals verify` against real models, through a proxy that plants a fault: it finds each of them.

The quick tests make a few checks; the slow ones make all of them.
"""

from collections.abc import Iterator, Sequence

import pytest

from evals.ask.client import connect
from evals.verify.proof import Proof, prove
from evals.verify.weights import Weights
from tests.evals.verify import faulty_proxy as planted
from tests.live import BUILTIN, LiveServer, serving

CHAT, SPEECH = "toy-chat", "toy-speech"
WEIGHTS = {
    CHAT: Weights(folder=BUILTIN / "chat"),
    SPEECH: Weights(folder=BUILTIN / "speech"),
}

FOUND_BY: dict[planted.Fault, tuple[str, set[str]]] = {
    planted.token_dropped_under_load: (CHAT, {"chats"}),
    planted.rounded_logprobs: (CHAT, {"unrounded logprobs", "weighed texts as in process"}),
    planted.text_as_json: (SPEECH, {"transcription as text"}),
    planted.ignored_language: (SPEECH, {"language", "unknown language"}),
    planted.stream_without_its_end: (CHAT, {"streamed chat"}),
}
"""The model whose answers each fault changes, and the checks that have to find it."""
QUICK: set[str] = set().union(*(checks for _, checks in FOUND_BY.values()))


@pytest.fixture(scope="module")
def toys() -> Iterator[LiveServer]:
    """Serve the built-in models."""
    with serving() as live:
        yield live


async def proved(
    toys: LiveServer, fault: planted.Fault, only: set[str], models: Sequence[str] = (CHAT, SPEECH)
) -> Proof:
    """Run the checks *only*, all if it is empty, of *models* on *toys* behind *fault*."""
    async with (
        planted.in_front_of(toys.url, fault) as base_url,
        connect(base_url=base_url, max_retries=0, timeout=60) as client,
    ):
        weights = {name: WEIGHTS[name] for name in models}
        return await prove(client, models, weights=weights, only=only, watch=lambda *_: None)


def breaches(proof: Proof) -> set[str]:
    """Return the names of the checks that found a breach."""
    return {verdict.check for verdict in proof.verdicts if verdict.verdict == "breach"}


async def test_a_sound_server_passes(toys: LiveServer) -> None:
    """On a server without a fault every check passes."""
    proof = await proved(toys, planted.sound, QUICK)

    assert {verdict.verdict for verdict in proof.verdicts} == {"passed"}
    assert {verdict.check for verdict in proof.verdicts} == QUICK
    assert proof.verdict == "passed"


@pytest.mark.parametrize("fault", FOUND_BY, ids=lambda fault: fault.__name__)
async def test_a_planted_fault_is_found(toys: LiveServer, fault: planted.Fault) -> None:
    """Each planted fault is a breach, with the request and both values as its evidence."""
    model, checks = FOUND_BY[fault]

    proof = await proved(toys, fault, checks, (model,))

    assert breaches(proof) == checks
    assert proof.verdict == "breach"
    for verdict in proof.verdicts:
        assert verdict.breaches >= len(verdict.evidence) > 0
        assert all(each.expected != each.got for each in verdict.evidence)


@pytest.mark.slow
async def test_a_sound_server_passes_every_check(toys: LiveServer) -> None:
    """On a server without a fault every check is made, and passes."""
    proof = await proved(toys, planted.sound, set())

    assert [v for v in proof.verdicts if v.verdict != "passed"] == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", FOUND_BY, ids=lambda fault: fault.__name__)
async def test_all_checks_find_a_planted_fault(toys: LiveServer, fault: planted.Fault) -> None:
    """All checks together find each fault too."""
    model, checks = FOUND_BY[fault]

    proof = await proved(toys, fault, set(), (model,))

    assert breaches(proof) >= checks

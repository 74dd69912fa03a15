"""`evals verify` against real models, through a proxy that plants a fault: it finds each of them.

The quick tests make a few checks; the slow ones make all of them.
"""

from collections.abc import Iterator

import pytest

from evals.ask.client import connect
from evals.verify.proof import Proof, prove
from evals.verify.weights import Weights
from tests.evals.verify import faulty_proxy as planted
from tests.live import BUILTIN, LiveServer, serving

MODELS = ("toy-chat", "toy-speech")
WEIGHTS = {
    "toy-chat": Weights(folder=BUILTIN / "chat"),
    "toy-speech": Weights(folder=BUILTIN / "speech"),
}

FOUND_BY: dict[planted.Fault, set[str]] = {
    planted.token_dropped_under_load: {"chats"},
    planted.rounded_logprobs: {"unrounded logprobs", "weighed texts as in process"},
    planted.text_as_json: {"transcription as text"},
    planted.ignored_language: {"language", "unknown language"},
    planted.stream_without_its_end: {"streamed chat"},
}
"""The checks that have to find each fault, and in the quick run no other may."""
QUICK = set().union(*FOUND_BY.values())


@pytest.fixture(scope="module")
def toys() -> Iterator[LiveServer]:
    """Serve the built-in models."""
    with serving() as live:
        yield live


async def proved(toys: LiveServer, fault: planted.Fault, only: set[str]) -> Proof:
    """Run the checks *only*, all if it is empty, on *toys* behind *fault*."""
    async with (
        planted.in_front_of(toys.url, fault) as base_url,
        connect(base_url=base_url, max_retries=0, timeout=60) as client,
    ):
        return await prove(client, MODELS, weights=WEIGHTS, only=only, watch=lambda *_: None)


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
    proof = await proved(toys, fault, FOUND_BY[fault])

    assert breaches(proof) == FOUND_BY[fault]
    assert proof.verdict == "breach"
    for verdict in proof.verdicts:
        assert verdict.breaches >= len(verdict.evidence) > 0
        assert all(each.expected != each.got for each in verdict.evidence)


@pytest.mark.slow
async def test_a_sound_server_passes_every_check(toys: LiveServer) -> None:
    """On a server without a fault no check finds a breach, and all are made."""
    proof = await proved(toys, planted.sound, set())

    assert [v for v in proof.verdicts if v.verdict != "passed"] == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", FOUND_BY, ids=lambda fault: fault.__name__)
async def test_all_checks_find_a_planted_fault(toys: LiveServer, fault: planted.Fault) -> None:
    """All checks together find each fault too, and can all be made."""
    proof = await proved(toys, fault, set())

    assert breaches(proof) >= FOUND_BY[fault]

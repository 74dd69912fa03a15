"""A short run of the fuzzer; `tests/fuzz/json_bodies.py` says how to make it long."""

from tests.fuzz.json_bodies import cases, probes
from tests.fuzz.sending import fuzz
from tests.live import LiveServer


async def test_mutated_bodies(vllm_server: LiveServer) -> None:
    """No body makes the server fail, hang or die, and some are answered."""
    seen, wrong = await fuzz(vllm_server, cases(20261125, 300), probes())

    assert wrong == []
    assert seen[200] > 40
    assert seen[400] > 100

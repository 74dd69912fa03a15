"""A short run of the fuzzer; `tests/fuzz/batches.py` says how to make it long."""

from tests.fuzz.batches import cases, fuzz_lines, serving_batches
from tests.fuzz.sending import fuzz


async def test_wrong_lines_and_requests() -> None:
    """Each fault is named with its line, nothing else keeps a line from its result, and no 5xx."""
    with serving_batches() as server:
        lines, wrong = await fuzz_lines(server, 20261128, 160)
        requests, wrong_requests = await fuzz(server, cases(20261128, 100))

    assert wrong == []
    assert wrong_requests == []
    assert lines["invalid_json_line"] > 5
    assert lines[200] > 5
    assert lines[400] > 5
    assert requests[200] > 5
    assert requests[400] > 20

"""Large batches whose server is killed again and again: slow, what `tools.batches kills` runs."""

from pathlib import Path

import pytest

from tools.batches.kills import killed


@pytest.mark.slow
@pytest.mark.parametrize(("model", "count"), [("echo", 50_000), ("toy-chat", 2_000)])
def test_nothing_is_lost(tmp_path: Path, model: str, count: int) -> None:
    """After five kills each line has one answer, its own; counts only grow, memory hardly."""
    outcome = killed(tmp_path, model=model, count=count, kills=5)

    assert outcome.wrong == []
    assert (outcome.status, outcome.answered) == ("completed", count)
    assert all(life.most_megabytes - life.first_megabytes < 40 for life in outcome.lives)

"""Harnesses, unchanged, in environments of their own, against the built-in chat model.

`make harnesses` runs all recipes against all models; these are the quick ones. The environments
are in `build/recipes/`, and are kept.
"""

import os
from pathlib import Path

import pytest

from tests.live import KEY, LiveServer
from tools.harnesses.models import TOY_CHAT
from tools.harnesses.recipes import Recipe, RecipeFailed, ask, compute, install, recipes
from tools.harnesses.scores import Scores
from tools.harnesses.table import lines


@pytest.fixture(params=["stock_client", "lm_eval", "inspect_ai"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """Install each recipe in turn; skip loudly where its packages cannot be had."""
    (found,) = recipes([request.param])
    try:
        install(found)
    except RecipeFailed as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{found.name} COULD NOT BE INSTALLED, AND DID NOT RUN: {error}")
    return found


RIGHT = {
    "stock_client": {"chat": 63 / 74, "chat, streamed": 63 / 74, "response": 63 / 74},
    "lm_eval": {
        "choices, token ids": 7 / 32,
        "choices, texts": 7 / 32,
        "generation": 0.0,
        "chat": 1.0,
    },
    "inspect_ai": dict.fromkeys(
        ("openai-api", "openai, Responses", "openai, batches", "vllm", "log probabilities"), 1.0
    ),
}
"""Shares of right answers of the built-in chat model, the same without a server."""


@pytest.fixture
def served(recipe: Recipe, server: LiveServer, tmp_path: Path) -> Scores:
    """Run the harness against the live server."""
    base_url, out = server.base_url, tmp_path / "served.json"
    return ask(recipe, "chat", out, base_url=base_url, model="toy-chat", key=KEY)


def test_a_harness_runs_unchanged(recipe: Recipe, served: Scores) -> None:
    """Every task runs to its end, with the score that the model has."""
    assert {row.task: row.score for row in served.rows} == RIGHT[recipe.name]
    assert all(row.samples for row in served.rows)


@pytest.mark.slow
def test_scores_are_those_of_the_weights(recipe: Recipe, served: Scores, tmp_path: Path) -> None:
    """Each score, text and log probability is that of the same weights without a server."""
    computed = compute(recipe, "chat", tmp_path / "computed.json", weights=TOY_CHAT)

    found = lines(recipe.name, "toy-chat", served, computed)
    assert not [line for line in found if line.is_wrong]
    assert {line.task: line.computed for line in found} == RIGHT[recipe.name]

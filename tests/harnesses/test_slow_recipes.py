"""The recipes that are not in `test_recipes.py`, against the built-in models.

All of them are slow: most have packages of their own, of hundreds of megabytes.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import KEY
from tools.bench.server import serving
from tools.harnesses.models import Model, toys
from tools.harnesses.recipes import Recipe, RecipeFailed, ask, compute, install, recipes
from tools.harnesses.table import lines

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PROGRAMS = {
    ("open_asr", "speech"): {"transcription": 3.4},
    ("evalscope", "speech"): dict.fromkeys(
        ("transcription through chat", "transcription through chat, streamed"), 0.034
    ),
    ("lmms_eval", "chat"): {"chat, openai": 1.0, "chat, async_openai": 1.0},
    ("lmms_eval", "speech"): dict.fromkeys(
        (
            "transcription, whisper_tt",
            "transcription, gpt4o_audio",
            "transcription, openai",
            "transcription, async_openai",
        ),
        pytest.approx(100 * 5 / 147),
    ),
    ("promptfoo", "chat"): {"chat": 1.0},
    ("promptfoo", "speech"): {"transcription": 34 / 36},
    ("node", "chat"): dict.fromkeys(("chat", "chat, streamed", "response"), 63 / 74),
    ("node", "speech"): dict.fromkeys(("transcription", "transcription, streamed"), 34 / 36),
    # The built-in model writes no code.
    ("evalplus", "chat"): {"humaneval": 0.0, "mbpp": 0.0},
    ("litellm_deepeval", "chat"): dict.fromkeys(
        ("chat", "chat, streamed", "chat, by deepeval"), 1.0
    ),
}
"""Recipe and program → the score of each task: an error rate of speech, or a share of answers."""


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the built-in models as `make harnesses` does, at temperature 0."""
    config = tmp_path_factory.mktemp("harnesses") / "shim.toml"
    tables = "".join(model.toml() for model in toys(vllm=False))
    config.write_text(f'[server]\napi_keys = ["{KEY}"]\n{tables}')
    with serving(config) as server:
        yield f"{server.url}/v1"


def installed(name: str) -> Recipe:
    """Install the recipe *name*; skip loudly where its packages cannot be had."""
    (recipe,) = recipes([name])
    try:
        install(recipe)
    except RecipeFailed as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{name} COULD NOT BE INSTALLED, AND DID NOT RUN: {error}")
    return recipe


def model_for(kind: str) -> Model:
    """Return the built-in model that a program for *kind* is run with."""
    (model,) = [model for model in toys(vllm=False) if kind in model.kinds]
    return model


@pytest.mark.parametrize(("name", "kind"), PROGRAMS)
def test_scores_are_those_of_the_weights(
    name: str, kind: str, base_url: str, tmp_path: Path
) -> None:
    """A harness runs unchanged, and its scores and texts are those without a server."""
    recipe, model = installed(name), model_for(kind)

    served = ask(recipe, kind, tmp_path / "served.json", base_url=base_url, model=model.id, key=KEY)

    computed = compute(recipe, kind, tmp_path / "computed.json", weights=model.weights)
    found = lines(recipe.name, model.id, served, computed)
    assert not [line for line in found if line.is_wrong]
    assert {line.task: line.score for line in found} == PROGRAMS[name, kind]
    assert all(line.computed == line.score for line in found)

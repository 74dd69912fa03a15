"""Log probabilities of a prompt where adapters may change the layer of the logits."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from backends.base import Generation, Sampling
from backends.config import VllmModelConfig
from backends.failures import UnsupportedOption

pytestmark = pytest.mark.usefixtures("requires_vllm")


def check(lora: Any, **fields: Any) -> None:
    """Check a request with *fields* on a CPU, for an engine with the configuration *lora*."""
    adapters = import_module("backends.vllm.lora").LoraAdapters(VllmModelConfig(id="a", source="b"))
    fields = {"prompt": "a", "sampling": Sampling(), **fields}
    adapters.check(Generation(**fields), lora)


@pytest.mark.parametrize(
    ("fields", "option"),
    [
        ({"engine_options": {"prompt_logprobs": 1}}, "prompt_logprobs"),
        ({"echo": True, "sampling": Sampling(top_logprobs=0)}, "top_logprobs"),
    ],
)
@pytest.mark.parametrize("modules", [None, ["q_proj", "lm_head"]], ids=str)
def test_numbers_that_would_be_wrong(fields: Any, option: str, modules: Any) -> None:
    """They are refused with the option that requests them."""
    with pytest.raises(UnsupportedOption, match="lora_target_modules") as refusal:
        check(SimpleNamespace(target_modules=modules), **fields)

    assert refusal.value.option == option


def test_numbers_that_are_right() -> None:
    """Without adapters, with none for that layer, or without such numbers, nothing is refused."""
    scored = {"engine_options": {"prompt_logprobs": 1}}

    check(None, **scored)
    check(SimpleNamespace(target_modules=["q_proj"]), **scored)
    check(SimpleNamespace(target_modules=None), echo=True)

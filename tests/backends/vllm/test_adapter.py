"""What is refused at the start, and what the adapter does not import."""

import subprocess
import sys
from typing import Any

import pytest

from backends.config import VllmModelConfig
from backends.registry import ModelNotOpened, Registry
from tests.live import MODELS, ROOT

SOURCE = str(MODELS / "chat-hf")


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (SOURCE, {"max_modle_len": 64}, "did you mean `max_model_len`"),
        (SOURCE, {"served_model_name": "my-model"}, "it is the model's `id`"),
        (SOURCE, {"max_model_len": "long"}, "max_model_len"),
        (SOURCE, {"dtype": "float7"}, "dtype"),
        ("/nowhere", {}, "/nowhere"),
    ],
)
@pytest.mark.usefixtures("requires_vllm")
async def test_a_wrong_argument_is_refused(
    source: str, options: dict[str, Any], words: str
) -> None:
    """The message names the model and the argument, in vLLM's own words."""
    config = VllmModelConfig(id="mine", source=source, options=options)

    with pytest.raises(ModelNotOpened, match=words) as refusal:
        await Registry().opened(config).__aenter__()

    assert "'mine'" in str(refusal.value)


def test_importing_the_adapter_does_not_import_vllm() -> None:
    """A server without vLLM starts."""
    code = "import sys, backends.vllm.adapter; assert 'vllm' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)  # noqa: S603

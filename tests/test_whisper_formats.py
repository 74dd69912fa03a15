"""A Whisper of CTranslate2's format, written for other engines."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.live import ROOT
from tools.bench.real import whisper

HUGGING_FACE = ROOT / "tests" / "models" / "speech-hf"


@pytest.mark.slow  # it imports transformers
def test_weights_come_back(tmp_path: Path) -> None:
    """Weights that CTranslate2's converter has written are those that it has read."""
    pytest.importorskip("transformers")
    from ctranslate2.converters import TransformersConverter  # noqa: PLC0415  it imports torch

    files = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(HUGGING_FACE), copy_files=files).convert(str(tmp_path / "ct2"))

    whisper.write(tmp_path / "ct2", "hf", tmp_path / "hf")

    back = load_file(tmp_path / "hf" / "model.safetensors")
    wanted = load_file(HUGGING_FACE / "model.safetensors")
    assert back.keys() == wanted.keys() - {"proj_out.weight"}
    for name, values in back.items():
        np.testing.assert_array_equal(values, wanted[name], err_msg=name)

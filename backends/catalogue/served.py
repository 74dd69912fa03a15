"""The configuration of pulled models, as `shim serve` runs them without a configuration file."""

from collections.abc import Sequence
from importlib.util import find_spec

from backends.config import (
    BUILTIN,
    Ct2ModelConfig,
    ModelConfig,
    VllmModelConfig,
    WhisperModelConfig,
    WhisperOptions,
)

from .cache import Cache
from .entries import Entry, Form, Kind, catalogue, selected

TOYS = "toys"
"""The name of the models that the package contains, beside those of the catalogue."""

_FORM: dict[Kind, Form] = {"chat": "ct2-float32"}
"""The form of a kind that is served. Not int8, whose answers are mostly others than the model's."""

_OPENAI: dict[Kind, str] = {
    "speech": "whisper-1",
    "chat": "gpt-4o-mini",
    "embedding": "text-embedding-3-small",
}
"""The alias that the first model of each kind gets, so that OpenAI's clients work unchanged."""


def pulled(cache: Cache) -> tuple[ModelConfig, ...]:
    """Return every model that is pulled and can be served here; () if none is."""
    return _configured([e for e in catalogue().entries if cache.has(e, _FORM.get(e.kind))], cache)


def to_pull(names: tuple[str, ...]) -> tuple[Entry, ...]:
    """Return the entries of *names*, without `toys`, which need no pull. Raises UnknownName."""
    return selected(tuple(name for name in names if name != TOYS))


def named(names: tuple[str, ...], cache: Cache) -> tuple[ModelConfig, ...]:
    """Return the models of *names*: entries and groups of the catalogue, or `toys`.

    Raises UnknownName. Whether they are pulled is not looked at.
    """
    toys = BUILTIN if TOYS in names else ()
    return (*_configured(to_pull(names), cache), *toys)


def _configured(entries: Sequence[Entry], cache: Cache) -> tuple[ModelConfig, ...]:
    free = dict(_OPENAI)
    models: list[ModelConfig] = []
    for entry in entries:
        if entry.kind == "recordings" or (entry.kind == "embedding" and not find_spec("vllm")):
            continue
        aliases = (alias,) if (alias := free.pop(entry.kind, None)) else ()
        models.append(_model(entry, aliases, cache))
    return tuple(models)


def _model(entry: Entry, aliases: tuple[str, ...], cache: Cache) -> ModelConfig:
    match entry.kind:
        case "speech":
            # The stored float16 is not for CPUs: there CTranslate2 would take float32 and warn.
            options = WhisperOptions(compute_type="float32")
            return WhisperModelConfig(
                id=entry.name, source=str(cache.path(entry)), aliases=aliases, options=options
            )
        case "chat":
            source = cache.path(entry, _FORM["chat"])
            return Ct2ModelConfig(id=entry.name, source=str(source), aliases=aliases)
        case _:
            # Eager: compiling takes longer than such a small model gains.
            return VllmModelConfig(
                id=entry.name,
                source=str(cache.path(entry)),
                aliases=aliases,
                options={
                    "runner": "pooling",
                    "convert": "embed",
                    "dtype": "float32",
                    "enforce_eager": True,
                },
            )

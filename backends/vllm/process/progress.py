"""How far a starting engine is: a line of ours for each thing that vLLM has done.

It starts in processes of its own, which this module is imported in too: standard library only.
vLLM tells there what it does, among much else and at its level INFO, which we do not show.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from tempfile import NamedTemporaryFile
from typing import Any

log = logging.getLogger(__package__)

_WORDS = {
    r"Initializing a V1 LLM engine \(v(\S+)\)": r"the engine core of vLLM \1 is up",
    r"Starting to load model": r"loading weights",
    r"Loading weights took ([\d.]+) seconds": r"weights read in \1 s",
    r"Model loading took ([\d.]+) GiB": r"the model takes \1 GiB",
    r"(?:\[\S+\] )?Starting torch\.compile": r"compiling",
    r"Warming up model for the compilation": r"compiling and warming up",
    r"(?:\[\S+\] )?torch\.compile took ([\d.]+) s": r"compiled in \1 s",
    r".+ KV cache size: ([\d,]+) tokens, Maximum concurrency for ([\d,]+) tokens per request: "
    r"([\d.]+)x": r"the cache holds \1 tokens: \3 requests of \2",
    r"Graph capturing finished in (\d+) secs": r"CUDA graphs captured in \1 s",
    r"init engine \(.+?\) took ([\d.]+) s": r"profiled and warmed up in \1 s",
}
_MILESTONES = [(re.compile(pattern), words) for pattern, words in _WORDS.items()]
"""How a message of vLLM 0.32 begins, and what we make of it; worded otherwise it is not shown."""


class Milestones(logging.StreamHandler[Any]):
    """Writes the milestones among vLLM's records to stderr, as `shim serve` writes its log."""

    def __init__(self, model: str) -> None:
        super().__init__(sys.stderr)
        self._model = model
        self.setFormatter(logging.Formatter(f"%(asctime)s {__package__} %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record* in our words, if it is one."""
        message = record.getMessage()
        for pattern, words in _MILESTONES:
            if match := pattern.match(message):
                ours = {"msg": f"{self._model}: {match.expand(words)}", "args": None}
                super().emit(logging.makeLogRecord(record.__dict__ | ours))


class OwnScheduler(logging.Filter):
    """Drops vLLM's warning of a scheduler that it does not know where that is ours.

    Half of it is not so (an asynchronous engine stays so), and ours is written for this very vLLM.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is anything else."""
        message = record.getMessage()
        return not message.startswith("Using custom scheduler") or f"{__package__}." not in message


def at_home(config: Any) -> bool:
    """Whether all processes of an engine with *config* start where this package is installed."""
    parallel = config.parallel_config
    return bool(parallel.distributed_executor_backend in ("uni", "mp") and parallel.nnodes == 1)


@contextmanager
def told(config: Any, model: str) -> Iterator[None]:
    """Have the milestones of an engine written that is started inside with *config*.

    It is a `vllm.config.VllmConfig`. Left as it is where our own log does not show INFO, where
    logging has been set up otherwise by whoever runs this (a level that tells all, a file, none at
    all), and where processes may start on machines that do not have this module.
    """
    theirs = config.logging_config
    quiet = theirs.log_level not in ("INFO", "DEBUG", "NOTSET")
    ours = theirs.configure_logging and not theirs.pylogging_config_file
    if not (log.isEnabledFor(logging.INFO) and quiet and ours and at_home(config)):
        yield
        return
    with NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(_configured(model, theirs.log_level), file)
        file.flush()
        config.logging_config = replace(theirs, pylogging_config_file=file.name)
        yield


def _configured(model: str, level: str) -> dict[str, Any]:
    """Return vLLM's own configuration of logging, with the milestones beside what it shows."""
    from vllm.logger import DEFAULT_LOGGING_CONFIG

    config = deepcopy(DEFAULT_LOGGING_CONFIG)
    config["filters"] = {"own scheduler": {"()": f"{__name__}.{OwnScheduler.__name__}"}}
    config["handlers"]["vllm"] |= {"level": level, "filters": ["own scheduler"]}
    milestones = {"class": f"{__name__}.{Milestones.__name__}", "model": model}
    config["handlers"]["milestones"] = milestones
    config["loggers"]["vllm"] |= {"level": "INFO", "handlers": ["vllm", "milestones"]}
    return dict(config)

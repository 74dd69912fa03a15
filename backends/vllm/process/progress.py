"""Logs how far a starting engine is: one line of ours for each step that vLLM reports.

vLLM logs its steps at INFO, among many other lines, in processes of its own. Our log does not show
its INFO lines. A handler in those processes picks out the steps. The processes import this module
for the handler, so the module imports only the standard library.
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
_STEPS = [(re.compile(pattern), words) for pattern, words in _WORDS.items()]
"""The beginning of a message of vLLM 0.32, and our line for it; other messages are not shown."""


class ProgressHandler(logging.StreamHandler[Any]):
    """Writes the steps among vLLM's log records to stderr, in the form of `shim serve`'s log."""

    def __init__(self, model: str) -> None:
        super().__init__(sys.stderr)
        self._model = model
        self.setFormatter(logging.Formatter(f"%(asctime)s {__package__} %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record* in our words if it reports a step."""
        message = record.getMessage()
        for pattern, words in _STEPS:
            if match := pattern.match(message):
                line = {"msg": f"{self._model}: {match.expand(words)}", "args": None}
                super().emit(logging.makeLogRecord(record.__dict__ | line))


class SchedulerWarningFilter(logging.Filter):
    """Drops vLLM's warning about a custom scheduler if the scheduler is ours.

    The warning does not apply: our scheduler is written for this version and keeps async
    scheduling.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for that warning, True for every other *record*."""
        message = record.getMessage()
        return not message.startswith("Using custom scheduler") or f"{__package__}." not in message


def runs_locally(config: Any) -> bool:
    """Return whether all processes of an engine start on this machine, where this package is.

    *config* is the engine's `vllm.config.VllmConfig`.
    """
    parallel = config.parallel_config
    return bool(parallel.distributed_executor_backend in ("uni", "mp") and parallel.nnodes == 1)


@contextmanager
def progress_shown(config: Any, model: str) -> Iterator[None]:
    """Let an engine that is started inside with *config* log its steps, under the name *model*.

    *config* is a `vllm.config.VllmConfig`. Its logging is changed, except if
    - our own log does not show INFO;
    - the user has configured vLLM's logging: a level that shows everything, a file, or none;
    - processes may start on machines that do not have this module.
    """
    vllm_logging = config.logging_config
    quiet = vllm_logging.log_level not in ("INFO", "DEBUG", "NOTSET")
    default = vllm_logging.configure_logging and not vllm_logging.pylogging_config_file
    if not (log.isEnabledFor(logging.INFO) and quiet and default and runs_locally(config)):
        yield
        return
    with NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(_logging_config(model, vllm_logging.log_level), file)
        file.flush()
        config.logging_config = replace(vllm_logging, pylogging_config_file=file.name)
        yield


def _logging_config(model: str, level: str) -> dict[str, Any]:
    """Return vLLM's own logging configuration at *level*, with our handler and filter added."""
    from vllm.logger import DEFAULT_LOGGING_CONFIG

    config = deepcopy(DEFAULT_LOGGING_CONFIG)
    config["filters"] = {"own scheduler": {"()": f"{__name__}.{SchedulerWarningFilter.__name__}"}}
    config["handlers"]["vllm"] |= {"level": level, "filters": ["own scheduler"]}
    progress = {"class": f"{__name__}.{ProgressHandler.__name__}", "model": model}
    config["handlers"]["progress"] = progress
    config["loggers"]["vllm"] |= {"level": "INFO", "handlers": ["vllm", "progress"]}
    return dict(config)

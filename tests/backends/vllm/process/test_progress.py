"""How far a starting engine is: which of vLLM's records are shown, how, and when none are."""

import json
import logging
from logging.config import DictConfigurator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backends.vllm.process.progress import ProgressHandler, SchedulerWarningFilter, progress_shown

PROCESS = "backends.vllm.process"

CACHE = (
    "%s KV cache size: %s tokens, Maximum concurrency for %s tokens per request: %.2fx",
    ("GPU", "87,296", "2,048", 42.625),
)


@pytest.mark.parametrize(
    ("message", "arguments", "words"),
    [
        ("Loading weights took %.2f seconds", (1.5,), "weights read in 1.50 s"),
        ("Model loading took %s GiB memory and %.6f seconds", ("14.2", 3.0), "takes 14.2 GiB"),
        ("%storch.compile took %.2f s in total", ("[backbone] ", 30.1), "compiled in 30.10 s"),
        ("Graph capturing finished in %.0f secs, took %.2f GiB", (7.2, 0.5), "captured in 7 s"),
        (*CACHE, "the cache holds 87,296 tokens: 42.62 requests of 2,048"),
    ],
)
def test_a_step(
    message: str, arguments: tuple[Any, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr, with the model's name and the figures."""
    record = logging.LogRecord("vllm", logging.INFO, "", 1, message, arguments, None)

    ProgressHandler("tiny").handle(record)

    (line,) = capsys.readouterr().err.splitlines()
    assert f" {PROCESS} tiny: " in line
    assert line.endswith(words)


def test_another_record(capsys: pytest.CaptureFixture[str]) -> None:
    """Other messages of vLLM are not written by our handler."""
    record = logging.LogRecord("vllm", logging.WARNING, "", 1, "no %s found", ("triton",), None)

    ProgressHandler("tiny").handle(record)

    assert capsys.readouterr().err == ""


def config(*, backend: str = "mp", **settings: Any) -> Any:
    """Return the parts of a `VllmConfig` that say how it logs and where it runs."""
    from vllm.config.logging import LoggingConfig  # noqa: PLC0415 - where it is installed

    parallel = SimpleNamespace(distributed_executor_backend=backend, nnodes=1)
    logs = LoggingConfig(**{"log_level": "WARNING", **settings})
    return SimpleNamespace(logging_config=logs, parallel_config=parallel)


@pytest.fixture
def informed(caplog: pytest.LogCaptureFixture) -> None:
    """Show our own INFO, as `shim serve` does."""
    caplog.set_level(logging.INFO, "backends")


@pytest.mark.usefixtures("requires_vllm", "informed")
@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_beside_their_log(level: str) -> None:
    """Lines of vLLM's own keep their level; only our handler sees INFO."""
    with progress_shown(starting := config(log_level=level), "tiny"):
        logs = json.loads(Path(starting.logging_config.pylogging_config_file).read_text())

    assert logs["handlers"]["vllm"]["level"] == level
    assert logs["handlers"]["progress"]["model"] == "tiny"
    assert logs["loggers"]["vllm"]["level"] == "INFO"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            f"Using custom scheduler class <class '{PROCESS}.paced_scheduler.PacedScheduler'>.",
            False,
        ),
        ("Using custom scheduler class their.own.", True),
        (f"{PROCESS}.paced_scheduler has failed.", True),
    ],
)
def test_a_scheduler_that_is_ours(message: str, *, shown: bool) -> None:
    """The warning about a scheduler that is not vLLM's own is dropped for ours only."""
    record = logging.LogRecord("vllm", logging.WARNING, "", 0, message, None, None)

    assert bool(SchedulerWarningFilter().filter(record)) == shown


@pytest.mark.usefixtures("requires_vllm", "informed")
def test_the_warning_is_filtered() -> None:
    """The logging configuration of an engine's processes has our filter."""
    with progress_shown(starting := config(), "tiny"):
        logs = json.loads(Path(starting.logging_config.pylogging_config_file).read_text())

    (name,) = logs["handlers"]["vllm"]["filters"]
    made = DictConfigurator(logs).configure_filter(logs["filters"][name])
    assert isinstance(made, SchedulerWarningFilter)


@pytest.mark.usefixtures("requires_vllm", "informed")
@pytest.mark.parametrize(
    "settings",
    [
        {"log_level": "INFO"},
        {"log_level": "DEBUG"},
        {"pylogging_config_file": "/my/own.json"},
        {"configure_logging": False},
        {"backend": "ray"},
    ],
)
def test_logging_of_the_user(settings: dict[str, Any]) -> None:
    """Logging that the user has set up is not changed, nor that of other machines."""
    starting = config(**settings)
    before = starting.logging_config

    with progress_shown(starting, "tiny"):
        assert starting.logging_config is before


@pytest.mark.usefixtures("requires_vllm")
def test_a_silent_log(caplog: pytest.LogCaptureFixture) -> None:
    """If our own log shows warnings only, steps are not shown either."""
    caplog.set_level(logging.WARNING, "backends")
    starting = config()

    with progress_shown(starting, "tiny"):
        assert starting.logging_config.pylogging_config_file is None

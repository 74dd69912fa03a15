"""How a data set is evaluated."""

from typing import Literal

import msgspec

from evals.ask.task import Task
from evals.result import OnError
from evals.score.normalizers import Normalizer
from evals.score.scorers import Scorer

Via = Literal["requests", "batch"]
"""How samples are sent: a request for each, or all as batches of `/v1/batches`."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a data set is evaluated. *scorer* and *normalizer* None: chosen by the kind of data.

    *concurrency* is the most requests at once, by batches the most uploads of clips. *repeat* is
    how often each sample is sent. *max_failures* does not change the run: it decides whether the
    run is a success (`evals.threshold`).
    """

    task: Task
    scorer: Scorer | None = None
    normalizer: Normalizer | None = None
    via: Via = "requests"
    concurrency: int = 8
    repeat: int = 1
    on_error: OnError = "record"
    max_failures: str = "0"

"""Data sets: where samples are read from, and what a sample is; checked before anything is sent."""

from evals.dataset.columns import Columns
from evals.dataset.load import load
from evals.dataset.samples import Clip, Dataset, Dialogue, MultipleChoice, Sample, ToolUse

__all__ = [
    "Clip",
    "Columns",
    "Dataset",
    "Dialogue",
    "MultipleChoice",
    "Sample",
    "ToolUse",
    "load",
]

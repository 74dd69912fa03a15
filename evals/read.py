"""Reads the folder of a run: its summary and its results, in the order of the samples."""

from pathlib import Path

import msgspec

from evals.failures import NotARun
from evals.folder import Folder
from evals.report.summary import Summary
from evals.result import Result


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has ended; *results* has one for each sample that was sent."""

    folder: Folder
    summary: Summary
    results: list[Result]


def read(path: Path) -> Run:
    """Return the run in the folder *path*. Raises NotARun, also for a run without a summary."""
    folder = Folder(path)
    try:
        summary = msgspec.json.decode(folder.summary.read_bytes(), type=Summary)
        lines = folder.results.read_bytes().splitlines()
        results = [msgspec.json.decode(line, type=Result) for line in lines]
    except FileNotFoundError as error:
        if folder.run.exists():
            raise NotARun(f"{path} has a run that has not ended: evals resume {path}") from error
        raise NotARun(f"{path} is not the folder of a finished run: no {error.filename}") from error
    except OSError as error:
        raise NotARun(f"{error.filename}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise NotARun(f"{path} is not the folder of a run of this version: {error}") from error
    return Run(folder=folder, summary=summary, results=results)

"""`run.json`: all that decides a run, written before its first sample, so that it can go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import openai
from openai import AsyncOpenAI

from evals.address import public
from evals.dataset import Columns, Dataset
from evals.failures import NotARun, OtherRun
from evals.files import write_json
from evals.folder import Folder, held
from evals.plan import Plan
from evals.score.scorers import sha256


class Specification(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides a run; never a key.

    *source* is the data set's, as `Dataset` has it; *sha256* is its hash in hex, *limit* the number
    of its first samples that are sent, None: all. *base_url* is without user, password and query.
    *timeout* and *wait* are in seconds. *scorer_sha256* is of the file with a scorer of the
    user's own. *started_at* is in UTC, as ISO 8601.
    """

    source: str
    sha256: str
    columns: Columns = Columns()
    limit: int | None
    base_url: str
    timeout: float
    max_retries: int
    wait: float
    plan: Plan
    scorer_sha256: str | None = None
    started_at: str


def specify(
    client: AsyncOpenAI,
    dataset: Dataset,
    plan: Plan,
    *,
    columns: Columns = Columns(),  # noqa: B008 - it is frozen
    wait: float,
) -> Specification:
    """Return the specification of a run that starts now; *client* is one of `connect`."""
    timeout = client.timeout.read if isinstance(client.timeout, openai.Timeout) else None
    assert timeout is not None  # noqa: S101 - `connect` sets it
    return Specification(
        source=dataset.source,
        sha256=dataset.sha256,
        columns=columns,
        limit=dataset.limit,
        base_url=public(str(client.base_url)),
        timeout=timeout,
        max_retries=client.max_retries,
        wait=wait,
        plan=plan,
        scorer_sha256=sha256(plan.scorer) if plan.scorer else None,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def read(folder: Folder) -> Specification:
    """Return the specification in *folder*. Raises NotARun."""
    try:
        return msgspec.json.decode(folder.run.read_bytes(), type=Specification)
    except OSError as error:
        raise NotARun(f"{folder.path} is not the folder of a run: {error}") from error
    except msgspec.DecodeError as error:
        raise NotARun(f"{folder.run} is not of this version: {error}") from error


@contextmanager
def claimed(folder: Folder, wanted: Specification) -> Iterator[Specification]:
    """Hold *folder*, in which the run *wanted* begins or goes on; yield the one in its `run.json`.

    The two differ in `started_at` only. Raises OtherRun if *folder* has another run, FolderInUse if
    another process holds it, CannotWrite, and NotARun.
    """
    with held(folder):
        if folder.run.exists():
            known = read(folder)
            refuse_other(folder, known, wanted)
            yield known
        elif folder.results.exists() or folder.summary.exists():
            raise OtherRun(f"{folder.path} has a run that cannot go on: it has no run.json")
        else:
            write_json(folder.run, wanted)
            yield wanted


def refuse_other(folder: Folder, known: Specification, wanted: Specification) -> None:
    """Raise OtherRun, which names what differs, if *wanted* is not the run *known* of *folder*."""
    there, here = _options(known), _options(wanted)
    if there == here:
        return
    if there["source"] == here["source"] and there["sha256"] != here["sha256"]:
        raise OtherRun(f"{wanted.source} has changed since the run in {folder.path} began")
    # The hash of other data says nothing more.
    del here["sha256"], there["sha256"]
    found = [
        f"{name} was {there.get(name)!r} and is now {here.get(name)!r}"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]
    raise OtherRun(f"{folder.path} has a run with other options: {'; '.join(found)}")


def _options(specification: Specification) -> dict[str, Any]:
    """Return all values that two parts of one run have in common, without their nesting."""
    values: dict[str, Any] = msgspec.to_builtins(specification)
    del values["started_at"]
    plan, columns = values.pop("plan"), values.pop("columns")
    columns = {f"{name}_column": column for name, column in columns.items()}
    return {**values, **columns, **plan.pop("task"), **plan}

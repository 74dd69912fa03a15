"""Says why a server refused a batch, for its user, who knows samples and not lines."""

from collections.abc import Mapping

from openai.types import Batch, BatchError

from evals.batch.parts import Part
from evals.failures import short
from evals.sending import Job

SHOWN = 10
"""Most errors in a message."""


def refusal(part: Part, batch: Batch, jobs: Mapping[str, Job]) -> str:
    """Return why the server refused *batch*, an error a line, with the samples' ids."""
    errors = (batch.errors and batch.errors.data) or []
    said = [f"the server refused {batch.id}, and ran none of its {len(part.ids)} requests:"]
    said += [f"  {_error(error, part, jobs)}" for error in errors[:SHOWN]]
    if len(errors) > SHOWN:
        said.append(f"  and {len(errors) - SHOWN} more")
    return "\n".join(said)


def _error(error: BatchError, part: Part, jobs: Mapping[str, Job]) -> str:
    said = short(error.message or error.code or "no reason is given")
    if error.line is None or not 1 <= error.line <= len(part.ids):
        return said
    job = jobs.get(part.ids[error.line - 1])
    return f"sample {job.sample.id}: {said}" if job else f"line {error.line}: {said}"

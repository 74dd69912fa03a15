"""Reading requests: what was validated before the file is not validated again after it."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from backends.base import Job, Prepared
from backends.config import FakeModelConfig, FakeOptions
from backends.fake import FakeSpeech
from shim.api.transcription.intake import read_request
from shim.limits import Limits
from tests.served import models_of

PROMPT = ("prompt", "x")


class Counting(FakeSpeech):
    """Keeps every job that it prepared."""

    def __init__(self) -> None:
        super().__init__(FakeOptions())
        self.jobs: list[Job] = []

    def prepare(self, job: Job) -> Prepared:
        """Keep *job*."""
        self.jobs.append(job)
        return super().prepare(job)


def upload(*parts: tuple[str, str]) -> Any:
    """Return the request of a form with *parts*."""

    async def stream() -> AsyncIterator[bytes]:
        for name, value in parts:
            head = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
            yield f"{head}{value}\r\n".encode()
        yield b"--b--\r\n"

    server = SimpleNamespace(strict=False, limits=Limits())
    return SimpleNamespace(
        content_type=("multipart/form-data", {"boundary": "b"}),
        headers={},
        scope={},
        app=SimpleNamespace(state=SimpleNamespace(server=server)),
        limits=server.limits,
        stream=stream,
    )


@pytest.mark.parametrize(
    ("parts", "prompts"),
    [
        ([PROMPT, ("file", "one")], ["x"]),
        ([("file", "one"), PROMPT], [None, "x"]),
    ],
)
async def test_prepared_once_per_form(
    parts: list[tuple[str, str]], prompts: list[str | None]
) -> None:
    """A job is prepared again after the file only if a field follows the file."""
    backend = Counting()
    models = models_of([FakeModelConfig(id="m", source="speech")], [backend])

    with ExitStack() as stack:
        asked = await read_request(upload(("model", "m"), *parts), models, "transcribe", stack)

    assert [job.prompt for job in backend.jobs] == prompts
    assert asked.prepared.job.prompt == "x"

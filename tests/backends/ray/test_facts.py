"""What a replica reports of itself: it crosses to the server, which works with it alone."""

import pickle

import pytest

from backends.base import Job
from backends.config import BUILTIN, FakeModelConfig
from backends.failures import UnknownLanguage
from backends.ray.facts import facts
from backends.registry import adapter


async def test_a_speech_model_s_jobs_are_checked_elsewhere() -> None:
    """What crosses prepares and refuses jobs as the model does, without the model."""
    async with adapter(BUILTIN[0]) as speech:
        crossed = pickle.loads(pickle.dumps(facts(speech, "stamp")))  # noqa: S301  our own

        assert crossed.kind == "speech"
        assert crossed.languages == speech.languages
        assert crossed.preparer(Job(language="en")) == speech.prepare(Job(language="en"))
        with pytest.raises(UnknownLanguage):
            crossed.preparer(Job(language="xx"))


@pytest.mark.parametrize("kind", ["chat", "embedding", "speech"])
async def test_each_kind_is_known(kind: str) -> None:
    """The server makes a backend of the same kind."""
    config = FakeModelConfig(id="fake", source=kind)  # type: ignore[arg-type]
    async with adapter(config) as backend:
        assert facts(backend, "stamp").kind == kind

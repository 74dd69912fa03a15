"""Models by name: which is found, which is refused, what is said of each."""

import pytest

from backends.config import FakeModelConfig, FakeOptions
from backends.fake import FakeChat, FakeSpeech
from shim.errors import UnknownModel
from shim.serving.models import Models

CHAT = FakeModelConfig(id="org/chat", source="chat", aliases=("gpt-4o", "chat"))
SPEECH = FakeModelConfig(id="speech", source="speech", aliases=("whisper-1",))


@pytest.fixture
def models() -> Models:
    """Serve one model of each kind."""
    options = FakeOptions()
    return Models([CHAT, SPEECH], [FakeChat(options), FakeSpeech(options)])


@pytest.mark.parametrize("name", ["org/chat", "gpt-4o", "chat"])
def test_names_and_aliases(models: Models, name: str) -> None:
    """A model goes by its id and by each alias."""
    assert models.find(name) is models.chat(name) is models.served[0]


def test_an_unknown_name(models: Models) -> None:
    """A name that is not served is refused with a list of those that are."""
    with pytest.raises(UnknownModel) as refusal:
        models.chat("gpt-5")

    assert str(refusal.value) == (
        "The model `gpt-5` does not exist or you do not have access to it. "
        "Served here: org/chat, gpt-4o, chat, speech, whisper-1."
    )
    assert refusal.value.param == "model"


def test_a_model_of_another_kind(models: Models) -> None:
    """A model that does not do what is asked is refused with those that do."""
    with pytest.raises(UnknownModel, match=r"`whisper-1` does not serve chat.*: org/chat, gpt-4o"):
        models.chat("whisper-1")
    with pytest.raises(UnknownModel, match=r"`gpt-4o` does not serve trans.*: speech, whisper-1"):
        models.speech("gpt-4o")


def test_none_of_a_kind() -> None:
    """Where no model does what is asked, the refusal says so."""
    models = Models([CHAT], [FakeChat(FakeOptions())])

    with pytest.raises(UnknownModel, match="Those here that do: none"):
        models.speech("chat")


def test_fingerprints() -> None:
    """The fingerprint follows the configuration: the same for the same, else another."""
    other = FakeModelConfig(id="org/chat", source="chat", options=FakeOptions(max_model_len=9))
    backends = [FakeChat(FakeOptions())] * 3

    first, again, changed = (
        served.fingerprint for served in Models([CHAT, CHAT, other], backends).served
    )

    assert first == again != changed
    assert first.startswith("fp_")

"""Translations through the stock client, which warns of its own method's end."""

from typing import Any

import openai
import pytest

from tests.client.stock import answered
from tests.live import CLIPS

GERMAN = CLIPS / "de-38-espeak-de-gustave.flac"
MEANT = "seven zero nine eight"

pytestmark = pytest.mark.filterwarnings("ignore:^deprecated$:DeprecationWarning")


async def translated(client: Any, **options: Any) -> Any:
    """Ask the built-in model for a translation."""
    return await answered(
        client.audio.translations.create(model="whisper-1", file=GERMAN, **options)
    )


async def test_json(builtin: Any) -> None:
    """`json` is the text in English."""
    assert (await translated(builtin)).text == MEANT


async def test_text(builtin: Any) -> None:
    """`text` is the text and a newline."""
    assert await translated(builtin, response_format="text") == f"{MEANT}\n"


@pytest.mark.parametrize("response_format", ["srt", "vtt"])
async def test_subtitles(builtin: Any, response_format: str) -> None:
    """Subtitles are in English too."""
    subtitles = await translated(builtin, response_format=response_format)

    assert f"\n{MEANT}\n\n" in subtitles


async def test_verbose_json(builtin: Any) -> None:
    """`verbose_json` calls the text English, whatever was spoken, and the task by its name."""
    found = await translated(builtin, response_format="verbose_json")

    assert (found.text, found.language, found.task) == (MEANT, "english", "translate")
    assert float(found.duration) == pytest.approx(1.58, abs=0.01)
    assert [segment.text.strip() for segment in found.segments] == [MEANT]


async def test_options(builtin: Any) -> None:
    """A prompt, a temperature, and through `extra_body` all that transcriptions have."""
    found = await translated(
        builtin,
        prompt="numbers",
        temperature=0,
        extra_body={"language": "de", "engine": {"beam_size": 2}},
        extra_headers={"x-shim-strict": "true"},
    )

    assert found.text == MEANT


async def test_refused(builtin: Any) -> None:
    """What is wrong is refused as for transcriptions."""
    with pytest.raises(openai.BadRequestError) as refused:
        await translated(builtin, extra_body={"language": "klingon"})

    assert (refused.value.param, refused.value.code) == ("language", "unsupported_language")

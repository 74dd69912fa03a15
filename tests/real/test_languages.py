"""Whisper base, of many languages: detected, given, translated, as faster-whisper does offline.

The German and Spanish clips are eSpeak's, which a real model hardly understands: what it hears is
compared, not whether that is right.
"""

from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.fidelity.transcripts import assert_transcript
from tests.live import CLIPS
from tests.real.heard import SURE, SURE_OFFLINE, Case, both
from tests.real.offline import transcript
from tests.real.pulled import BASE, RECORDINGS

GERMAN = CLIPS / "de-37-espeak-de-antonio.flac"
SPANISH = CLIPS / "es-44-espeak-es-mario.flac"
ENGLISH = RECORDINGS / "jfk.wav"

VERBOSE: dict[str, Any] = {"response_format": "verbose_json"}

pytestmark = [
    pytest.mark.real,
    pytest.mark.usefixtures("frozen_garbage"),
    # The stock client warns of its own method's end.
    pytest.mark.filterwarnings("ignore:^deprecated$:DeprecationWarning"),
]


async def test_detected(client: AsyncOpenAI) -> None:
    """Without a language the one is detected that faster-whisper detects, which is right here."""
    files = [file.read_bytes() for file in (ENGLISH, GERMAN, SPANISH)]

    found = await both(client, BASE, [Case(f, VERBOSE | SURE, SURE_OFFLINE) for f in files])

    assert [answer.language for answer, _ in found] == ["english", "german", "spanish"]
    assert [info.language for _, (_, info) in found] == ["en", "de", "es"]
    for answer, expected in found:
        assert_transcript(answer.to_dict(), expected)


async def test_given(client: AsyncOpenAI) -> None:
    """A language that is given is used, also where it is not the one spoken."""
    given = [(GERMAN, "de"), (ENGLISH, "de")]
    cases = [
        Case(
            file.read_bytes(),
            VERBOSE | SURE | {"language": language},
            SURE_OFFLINE | {"language": language},
        )
        for file, language in given
    ]

    found = await both(client, BASE, cases)

    for answer, expected in found:
        assert answer.language == "german"
        assert_transcript(answer.to_dict(), expected)


@pytest.mark.parametrize("file", [GERMAN, SPANISH], ids=["de", "es"])
async def test_translated(client: AsyncOpenAI, file: Any) -> None:
    """`/v1/audio/translations` is faster-whisper's task `translate`."""
    audio = file.read_bytes()

    answer = await client.audio.translations.create(model=BASE.name, file=audio, **VERBOSE, **SURE)

    assert_transcript(answer.to_dict(), transcript(BASE, audio, task="translate", **SURE_OFFLINE))

"""Real recordings: the server hears what faster-whisper hears offline, and how well."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path
from statistics import median

import jiwer
import pytest
from faster_whisper.transcribe import Segment
from openai import AsyncOpenAI
from whisper_normalizer.english import EnglishTextNormalizer

from tests.client.recordings import CONTAINERS, encoded, speech
from tests.fidelity.transcripts import assert_transcript, text_of
from tests.real.heard import SURE, SURE_OFFLINE, WORDS, Case, both, online
from tests.real.pulled import BASE, TINY, Clip, Word, aligned, clips
from tests.real.recordings import CONDITIONS, five_minutes

pytestmark = pytest.mark.usefixtures("frozen_garbage")

FEW = slice(4)
ALL = slice(None)


@pytest.mark.parametrize(
    "part", [pytest.param(FEW, id="few"), pytest.param(ALL, id="all", marks=pytest.mark.real)]
)
async def test_clean(client: AsyncOpenAI, part: slice) -> None:
    """Texts, times, tokens and words with the options that a request has by default."""
    cases = [Case(clip.path.read_bytes(), WORDS, {"word_timestamps": True}) for clip in clips()]

    found = await both(client, TINY, cases[part])

    for answer, expected in found:
        assert_transcript(answer.to_dict(), expected)


@pytest.mark.real
@pytest.mark.parametrize("condition", CONDITIONS)
async def test_hard_to_hear(client: AsyncOpenAI, condition: str) -> None:
    """A telephone's band, a mobile telephone's codec, noise: the same text, times and tokens."""
    make = CONDITIONS[condition]
    options = WORDS | SURE, SURE_OFFLINE | {"word_timestamps": True}
    cases = [Case(make(speech(clip.path)), *options) for clip in clips()]

    found = await both(client, TINY, cases)

    for answer, expected in found:
        assert_transcript(answer.to_dict(), expected)


@pytest.mark.real
async def test_five_minutes(client: AsyncOpenAI) -> None:
    """A recording of many windows, each of which is heard after the text of the one before."""
    case = Case(five_minutes(), WORDS | SURE, SURE_OFFLINE | {"word_timestamps": True})

    [(answer, expected)] = await both(client, TINY, [case])

    assert len({segment.seek for segment in expected[0]}) >= 10
    assert_transcript(answer.to_dict(), expected)


@pytest.mark.real
async def test_subtitles_and_text(client: AsyncOpenAI) -> None:
    """`json` has the text alone, `srt` a cue for each segment."""
    files = [clip.path.read_bytes() for clip in clips()[-3:]]
    cases = [
        Case(file, {"response_format": kind}, {}) for file in files for kind in ("json", "srt")
    ]

    found = await both(client, TINY, cases)

    for answer, (segments, _) in found:
        if isinstance(answer, str):
            assert answer == "".join(cues(segments))
        else:
            assert answer.text == text_of(segments)


@pytest.mark.real
async def test_containers(client: AsyncOpenAI) -> None:
    """A recording is the same in every container but for what its codec loses."""
    [jfk] = (clip for clip in clips() if clip.id == "jfk")
    files = [encoded(speech(jfk.path), container) for container in CONTAINERS]

    found = await both(client, TINY, [Case(file, {}, {}) for file in files])

    for answer, (segments, _) in found:
        assert answer.text == text_of(segments)
        assert errors([jfk], [answer.text]) == 0


@pytest.mark.real
@pytest.mark.parametrize(("model", "most"), [(TINY, 0.055), (BASE, 0.032)], ids=["tiny.en", "base"])
async def test_word_errors(client: AsyncOpenAI, model: Path, most: float) -> None:
    """The word error rate is what faster-whisper was measured to have: 5.4 % and 3.1 %."""
    answers = await online(client, model, [Case(c.path.read_bytes(), {}, {}) for c in clips()])

    assert errors(clips(), [answer.text for answer in answers]) <= most


async def test_word_times(client: AsyncOpenAI) -> None:
    """Words begin and end where pocketsphinx has aligned them.

    Measured: 0.11 s apart in the median, 0.35 s at the worst.
    """
    read = [clip for clip in clips() if aligned(clip)]

    answers = await online(client, TINY, [Case(c.path.read_bytes(), WORDS, {}) for c in read])

    apart: list[float] = []
    for clip, answer in zip(read, answers, strict=True):
        heard = [(spoken(word.word), word.start, word.end) for word in answer.words]
        for (_, *ours), (_, *theirs) in matched(heard, aligned(clip)):
            apart += (abs(a - b) for a, b in zip(ours, theirs, strict=True))
    assert len(apart) >= 2 * 0.9 * sum(len(aligned(clip)) for clip in read)
    assert median(apart) <= 0.15
    assert max(apart) <= 0.4


def matched(ours: list[Word], theirs: list[Word]) -> list[tuple[Word, Word]]:
    """Return the pairs of equal words, in their order."""
    matcher = SequenceMatcher(None, [word for word, *_ in ours], [word for word, *_ in theirs])
    return [
        (ours[block.a + at], theirs[block.b + at])
        for block in matcher.get_matching_blocks()
        for at in range(block.size)
    ]


def spoken(word: str) -> str:
    """Return *word* in small letters, without punctuation."""
    return "".join(letter for letter in word.lower() if letter.isalpha())


def errors(said: list[Clip], heard: list[str]) -> float:
    """Return the word error rate, after Whisper's own normalisation of English."""
    normalise = EnglishTextNormalizer()
    return jiwer.wer([normalise(clip.target) for clip in said], list(map(normalise, heard)))


def cues(segments: Iterable[Segment]) -> Iterable[str]:
    """Yield *segments* as SubRip."""
    for number, segment in enumerate(segments, start=1):
        span = f"{stamp(segment.start)} --> {stamp(segment.end)}"
        yield f"{number}\n{span}\n{segment.text.strip()}\n\n"


def stamp(seconds: float) -> str:
    """Return *seconds* as hours, minutes, seconds and thousandths."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{thousandths:03}"

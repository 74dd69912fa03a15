"""Parameters of transcriptions and embeddings, each with a value whose effect can be seen."""

from evals.verify import samples
from evals.verify.check import Check
from evals.verify.honesty.effects import honest
from evals.verify.reply import Reply
from evals.verify.shapes import Embeddings, Transcription
from evals.verify.target import Target
from evals.verify.verdict import Findings, NotChecked

LANGUAGES = {"en": "english", "de": "german"}
"""Two languages by code, and their names as OpenAI writes them."""


async def language(target: Target, found: Findings) -> None:
    """`language` decides the language: the answer names it, or its text is another one."""
    form = "json" if target.lacks("verbose_json") else "verbose_json"
    differ, named = False, True
    for clip in samples.two_languages():
        texts = []
        for code, name in LANGUAGES.items():
            reply = await target.transcription(clip, language=code, response_format=form)
            if not honest(found, reply):
                return
            answer = reply.read(Transcription)
            texts.append(answer.text)
            if (got := _language(answer)) is not None:
                found.expect(got in {code, name}, reply.request, expected=name, got=got)
            else:
                named = False
        differ |= len(set(texts)) > 1
    if not named:
        expected = "a text that depends on `language` in at least one clip"
        found.expect(differ, reply.request, expected=expected, got="the same texts")
    elif not differ:
        raise NotChecked("the answers name the language, but no text depends on it")


def _language(answer: Transcription) -> str | None:
    """Return the language that *answer* names: its name, or its code."""
    if answer.language is not None:
        return answer.language
    return answer.languages[0].code if answer.languages else None


async def unknown_language(target: Target, found: Findings) -> None:
    """A `language` that does not exist is refused."""
    await _refused(found, await target.transcription(samples.clips()[0], language="qq"))


async def times_of_words(target: Target, found: Findings) -> None:
    """`timestamp_granularities: word` gives the times of the text's words."""
    reply = await target.transcription(
        samples.clips()[0], response_format="verbose_json", timestamp_granularities=["word"]
    )

    if honest(found, reply):
        answer = reply.read(Transcription)
        words = answer.words or []
        said = "".join(answer.text.split())
        got = "".join("".join(word.word.split()) for word in words)
        found.equal(reply.request, expected=said, got=got)
        right = all(word.start <= word.end for word in words)
        found.expect(right, reply.request, expected="words that end after their start", got=words)


async def speech_values_beyond_bounds(target: Target, found: Findings) -> None:
    """A temperature beyond OpenAI's bounds is refused, not moved to the bound."""
    for beyond in (-1, 5):
        options = {"temperatures": None, "temperature": beyond}
        reply = await target.transcription(samples.clips()[0], **options)
        await _refused(found, reply)


async def dimensions(target: Target, found: Findings) -> None:
    """`dimensions: 8` gives vectors of eight numbers."""
    reply = await target.embedding([samples.TEXTS[0]], dimensions=8)

    if honest(found, reply):
        sizes = [len(item.embedding) for item in reply.read(Embeddings).data]
        found.equal(reply.request, expected=[8], got=sizes)


async def _refused(found: Findings, reply: Reply) -> None:
    got = reply.reason if reply.refused else f"{reply.status}: {reply.text}"
    found.expect(reply.refused, reply.request, expected="a refusal with 400", got=got)


CHECKS = (
    Check("honesty", ("transcriptions",), language),
    Check("honesty", ("transcriptions",), unknown_language),
    Check("honesty", ("transcriptions",), times_of_words),
    Check("honesty", ("transcriptions",), speech_values_beyond_bounds),
    Check("honesty", ("embeddings",), dimensions),
)

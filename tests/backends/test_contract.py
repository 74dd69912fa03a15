"""The promises of `backends/base.py`, which every backend keeps."""

import asyncio
import io
from contextlib import aclosing

import msgspec
import pytest
from msgspec.structs import replace

from backends.base import (
    ChatBackend,
    Embedding,
    EmbeddingBackend,
    EmbeddingJob,
    Finish,
    Generation,
    Job,
    PromptEcho,
    Sampling,
    Segment,
    SpeechBackend,
    TextDelta,
    TranscriptInfo,
)
from backends.conversation import Conversation, Message
from backends.failures import InvalidRequest, PromptTooLong, UndecodableAudio, UnknownLanguage
from tests.backends.opener import VLLM_EMBEDDING, Opener
from tests.backends.recordings import recording, transcript

QUESTION = "Repeat the word horse."


def generation(content: str = QUESTION, **sampling: object) -> Generation:
    """Return a greedy request."""
    return Generation(
        prompt=Conversation((Message(role="user", content=content),)),
        sampling=Sampling(**{"temperature": 0.0, **sampling}),
    )


async def answer(backend: ChatBackend, request: Generation) -> list[TextDelta | Finish]:
    """Return all items of the answer."""
    return [item async for item in backend.generate(request)]


def text(items: list[TextDelta | Finish], index: int = 0) -> str:
    """Return the text of choice *index*."""
    return "".join(i.text for i in items if isinstance(i, TextDelta) and i.index == index)


# ── chat ──────────────────────────────────────────────────────────────────────


async def test_chat_is_what_the_protocol_says(chat: ChatBackend) -> None:
    """A chat backend differs from the others by its methods, and is ready when it is open."""
    assert isinstance(chat, ChatBackend)
    assert not isinstance(chat, SpeechBackend | EmbeddingBackend)
    assert await chat.ready()
    assert chat.max_model_len > 0


async def test_every_choice_finishes_once_and_last(chat: ChatBackend) -> None:
    """Each of the n choices has one Finish, nothing after it, and the prompt's tokens in it."""
    items = await answer(chat, generation(n=3))

    finishes = [item for item in items if isinstance(item, Finish)]
    assert sorted(finish.index for finish in finishes) == [0, 1, 2]
    assert len({finish.prompt_tokens for finish in finishes}) == 1
    for index in range(3):
        of_choice = [item for item in items if item.index == index]
        assert isinstance(of_choice[-1], Finish)
        assert sum(isinstance(item, Finish) for item in of_choice) == 1


async def test_greedy_answers_repeat(chat: ChatBackend) -> None:
    """At temperature 0 the same request has the same answer, in every choice."""
    first = await answer(chat, generation())
    second = await answer(chat, generation(n=2))

    assert text(first)
    assert text(first) == text(second, 0) == text(second, 1)


async def test_the_token_limit_is_a_length_finish(chat: ChatBackend) -> None:
    """`max_tokens` ends a text with the reason `length`, after exactly so many tokens."""
    items = await answer(chat, generation(max_tokens=1))

    assert isinstance(items[-1], Finish)
    assert (items[-1].reason, items[-1].completion_tokens) == ("length", 1)


async def test_too_long_a_prompt_fails_first(chat: ChatBackend) -> None:
    """A prompt beyond the context is refused before any text, in the words harnesses look for."""
    endless = generation("one " * (chat.max_model_len + 1))

    with pytest.raises(PromptTooLong, match="maximum context length"):
        await anext(chat.generate(endless))


async def test_closing_early_leaves_the_engine_free(chat: ChatBackend) -> None:
    """Closing after the first item aborts: as many again as the engine holds still answer."""
    for _ in range(20):
        async with aclosing(chat.generate(generation())) as items:
            await anext(items)

    after = await asyncio.wait_for(answer(chat, generation()), 60)

    assert isinstance(after[-1], Finish)


async def test_requests_do_not_mix(chat: ChatBackend) -> None:
    """Many at once have the answers that each has alone."""
    requests = [generation(f"What is {n} plus 4?") for n in range(8)]
    alone = [text(await answer(chat, request)) for request in requests]

    together = await asyncio.gather(*(answer(chat, request) for request in requests))

    assert [text(items) for items in together] == alone


@pytest.mark.parametrize("name", ["ct2", "vllm"])
async def test_a_stop_string_ends_the_text_before_it(name: str, opener: Opener) -> None:
    """The stop string is not part of the text, not even its beginning, and the reason is `stop`."""
    backend = await opener.open(name)
    whole = text(await answer(backend, generation()))
    stop = whole[2:4]

    items = await answer(backend, generation(stop=(stop,)))

    assert text(items) == whole[: whole.index(stop)]
    assert isinstance(items[-1], Finish)
    assert items[-1].reason == "stop"


@pytest.mark.parametrize("prompt", ["one two three", (5, 6, 7, 8)])
async def test_an_echo_comes_first(chat: ChatBackend, prompt: str | tuple[int, ...]) -> None:
    """A text and token ids are repeated once, before all other items, and then continued."""
    request = Generation(prompt=prompt, sampling=Sampling(temperature=0.0, n=2), echo=True)

    first, *rest = [item async for item in chat.generate(request)]

    assert isinstance(first, PromptEcho)
    assert first.text
    assert isinstance(prompt, tuple) or first.text == prompt
    assert not any(isinstance(item, PromptEcho) for item in rest)
    assert sum(isinstance(item, Finish) for item in rest) == 2


@pytest.mark.parametrize("name", ["ct2", "vllm"])
async def test_an_echo_of_special_tokens(name: str, opener: Opener) -> None:
    """They are in the text and among the tokens as they were sent, and count in the offsets."""
    backend = await opener.open(name)
    tokens = tuple(await backend.tokenize("<|user|>one<|end|>", add_special_tokens=False))
    sampling = Sampling(max_tokens=0, top_logprobs=0)

    echo, *_ = [
        item
        async for item in backend.generate(Generation(prompt=tokens, sampling=sampling, echo=True))
    ]

    assert isinstance(echo, PromptEcho)
    assert echo.text == "".join(echo.tokens) == "<|user|>one<|end|>"
    assert (echo.offsets[1], echo.offsets[-1]) == (8, 11)


async def test_no_token_was_asked_for(chat: ChatBackend) -> None:
    """With `max_tokens` 0 nothing is generated, and each choice ends with `length`."""
    request = Generation(prompt="one two", sampling=Sampling(max_tokens=0, n=2), echo=True)

    echo, *ends = [item async for item in chat.generate(request)]

    assert isinstance(echo, PromptEcho)
    assert [(end.reason, end.completion_tokens) for end in ends if isinstance(end, Finish)] == [
        ("length", 0),
        ("length", 0),
    ]
    assert len(ends) == 2


@pytest.mark.parametrize("name", ["ct2", "vllm"])
async def test_tokens_beyond_the_vocabulary_are_refused(name: str, opener: Opener) -> None:
    """The error for an unknown id names the prompt, as does the error for an empty prompt."""
    backend = await opener.open(name)

    for prompt in ((5, 10**6), (), ""):
        with pytest.raises(InvalidRequest) as refused:
            await anext(backend.generate(Generation(prompt=prompt, sampling=Sampling())))

        assert refused.value.option == "prompt"


TEXT = "What is 3 plus 4? Ünïcode: 一, 😀."


@pytest.mark.parametrize("name", ["ct2", "vllm", VLLM_EMBEDDING, "fake-chat", "fake-embedding"])
async def test_tokens_are_a_text_and_back(name: str, opener: Opener) -> None:
    """A text that was tokenized without special tokens is decoded to the same text."""
    backend = await opener.open(name)

    tokens = await backend.tokenize(TEXT, add_special_tokens=False)

    assert await backend.detokenize(tuple(tokens)) == TEXT
    assert await backend.detokenize(()) == ""
    with pytest.raises(InvalidRequest) as refused:
        await backend.detokenize((2**31 - 1,))
    assert refused.value.option == "tokens"


@pytest.mark.parametrize("name", ["ct2", "vllm", VLLM_EMBEDDING, "fake-chat", "fake-embedding"])
@pytest.mark.parametrize("times", [1, 300])
async def test_token_texts_are_those_of_single_tokens(
    name: str, opener: Opener, times: int
) -> None:
    """Few or many, each token has the text that it has alone; unknown ones are refused."""
    backend = await opener.open(name)
    tokens = tuple(await backend.tokenize(TEXT, add_special_tokens=False)) * times

    texts = await backend.token_texts(tokens)

    alone = {token: await backend.detokenize((token,)) for token in {*tokens}}
    assert texts == [alone[token] for token in tokens]
    assert await backend.token_texts(()) == []
    with pytest.raises(InvalidRequest) as refused:
        await backend.token_texts((*tokens, 2**31 - 1))
    assert refused.value.option == "tokens"


@pytest.mark.parametrize("name", ["ct2", "vllm"])
@pytest.mark.parametrize(
    "prompt", [TEXT, Conversation((Message(role="user", content=TEXT),))], ids=["text", "chat"]
)
async def test_tokens_are_those_that_are_continued(
    name: str, opener: Opener, prompt: str | Conversation
) -> None:
    """Both engines count alike, and as many tokens as the prompt then has."""
    backend = await opener.open(name)

    tokens = await backend.tokenize(prompt)

    request = Generation(prompt=prompt, sampling=Sampling(max_tokens=1))
    *_, end = await answer(backend, request)
    assert isinstance(end, Finish)
    assert end.prompt_tokens == len(tokens)
    assert tokens == await (await opener.open("ct2")).tokenize(prompt)


@pytest.mark.parametrize("name", ["ct2", "vllm", VLLM_EMBEDDING])
async def test_the_tokenizer_tells_of_itself(name: str, opener: Opener) -> None:
    """Harnesses read the special tokens and the template."""
    info = (await opener.open(name)).tokenizer_info()

    assert info["eos_token"] == "<|end|>"  # noqa: S105
    assert "assistant" in info["chat_template"]
    assert {"bos_token", "pad_token"} <= info.keys()


# ── vectors ───────────────────────────────────────────────────────────────────


async def vector(backend: EmbeddingBackend, given: str | tuple[int, ...]) -> Embedding:
    """Return the only vector of *given*."""
    (embedding,) = [item async for item in backend.embed(EmbeddingJob(input=given))]
    return embedding


async def test_embedding_is_what_the_protocol_says(embedding: EmbeddingBackend) -> None:
    """An embedding backend differs from the others by its methods, and is ready when it is open."""
    assert isinstance(embedding, EmbeddingBackend)
    assert not isinstance(embedding, ChatBackend | SpeechBackend)
    assert await embedding.ready()
    assert embedding.max_model_len > 0


@pytest.mark.parametrize("given", ["one two three", (5, 6, 7)])
async def test_a_vector_is_float32(
    embedding: EmbeddingBackend, given: str | tuple[int, ...]
) -> None:
    """One row of float32 numbers, as long for every text, and the tokens counted."""
    found = await vector(embedding, given)

    assert (found.values.dtype, found.values.ndim) == ("float32", 1)
    assert found.values.shape == (await vector(embedding, "four")).values.shape
    assert found.prompt_tokens > 0


async def test_vectors_do_not_mix(embedding: EmbeddingBackend) -> None:
    """Many at once have the vectors that each has alone."""
    texts = [" ".join(["word"] * n) for n in range(1, 20)]
    alone = [await vector(embedding, text) for text in texts]

    together = await asyncio.gather(*(vector(embedding, text) for text in texts))

    for one, other in zip(together, alone, strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-5)
        assert one.prompt_tokens == other.prompt_tokens


async def test_too_long_a_text(embedding: EmbeddingBackend) -> None:
    """A text beyond the context is refused and not cut, in the words harnesses look for."""
    with pytest.raises(PromptTooLong, match="maximum context length") as refused:
        await vector(embedding, "one " * (embedding.max_model_len + 1))

    assert refused.value.option == "input"


# ── speech ────────────────────────────────────────────────────────────────────


async def test_speech_is_what_the_protocol_says(speech: SpeechBackend) -> None:
    """A speech backend is told from the others by its methods, and is ready once opened."""
    assert isinstance(speech, SpeechBackend)
    assert not isinstance(speech, ChatBackend | EmbeddingBackend)
    assert await speech.ready()
    assert "en" in speech.languages


async def test_the_info_comes_first_and_segments_follow_in_time(speech: SpeechBackend) -> None:
    """One TranscriptInfo, then segments that begin no earlier than the one before."""
    info, *segments = [item async for item in transcript(speech, recording(speech), Job())]

    assert isinstance(info, TranscriptInfo)
    assert info.duration > 0
    assert segments
    assert all(isinstance(segment, Segment) for segment in segments)
    starts = [segment.start for segment in segments]
    assert starts == sorted(starts)


async def test_a_recording_can_be_read_again(speech: SpeechBackend) -> None:
    """The file is read from its start and stays open; one prepared job serves several calls."""
    audio = recording(speech)
    prepared = speech.prepare(Job(options={"temperatures": (0.0,), "suppress_tokens": (-1,)}))
    first = [item async for item in speech.transcribe(audio, prepared)]

    second = [item async for item in speech.transcribe(audio, prepared)]

    assert first == second


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00 no audio"])
async def test_what_is_no_audio_fails_first(speech: SpeechBackend, content: bytes) -> None:
    """Bytes that are no recording are refused before any item."""
    with pytest.raises(UndecodableAudio):
        await anext(transcript(speech, io.BytesIO(content), Job()))


@pytest.mark.parametrize(
    ("job", "option"),
    [(Job(language="tlh"), "language"), (Job(languages=("en", "tlh")), "languages")],
)
def test_an_unknown_language_lists_the_known(speech: SpeechBackend, job: Job, option: str) -> None:
    """A language that the model was not trained on is refused with the known, without audio."""
    with pytest.raises(UnknownLanguage, match=r"en.*") as refused:
        speech.prepare(job)

    assert refused.value.option == option


async def test_a_job_that_can_be_done_passes(speech: SpeechBackend) -> None:
    """A job that is accepted is answered."""
    job = Job(language="de", prompt="Guten Tag", options={"beam_size": 2})

    info, *_ = [item async for item in transcript(speech, recording(speech), job)]

    assert isinstance(info, TranscriptInfo)
    assert (info.language, info.language_probability) == ("de", 1.0)
    assert info.prompt_tokens > 0


async def test_a_prompt_counts(speech: SpeechBackend) -> None:
    """Tokens of the prompt are told, and none where there is none."""
    jobs = [Job(), Job(prompt="one"), Job(prompt="one two three")]

    infos = [await _info(speech, job) for job in jobs]

    none, one, three = (info.prompt_tokens for info in infos)
    assert 0 == none < one < three


async def _info(speech: SpeechBackend, job: Job) -> TranscriptInfo:
    async with aclosing(transcript(speech, recording(speech), job)) as items:
        info = await anext(items)
    assert isinstance(info, TranscriptInfo)
    return info


async def test_log_probabilities_spell_the_text(speech: SpeechBackend) -> None:
    """Asked for, each segment's tokens make up its text, with a number of 0 or less for each."""
    job = Job(token_logprobs=True)
    _, *segments = [item async for item in transcript(speech, recording(speech), job)]

    assert segments
    for segment in segments:
        assert isinstance(segment, Segment)
        assert segment.logprobs
        assert b"".join(token.bytes for token in segment.logprobs).decode() == segment.text
        assert all(token.logprob <= 0 for token in segment.logprobs)


async def test_log_probabilities_change_nothing_else(speech: SpeechBackend) -> None:
    """Not asked for, there are none, and the answer is the same."""
    plain = [i async for i in transcript(speech, recording(speech), Job())]
    job = Job(token_logprobs=True)
    weighed = [i async for i in transcript(speech, recording(speech), job)]

    info, *segments = weighed
    assert [info, *(replace(segment, logprobs=None) for segment in segments)] == plain


async def test_manifests_tell_jobs_apart(speech: SpeechBackend) -> None:
    """The same job has the same manifest, in values that JSON knows; another job has another."""
    jobs = [Job(), Job(task="translate"), Job(language="de")]

    manifests = [msgspec.json.encode(speech.prepare(job).manifest, order="sorted") for job in jobs]

    assert len(set(manifests)) == len(jobs)
    assert msgspec.json.encode(speech.prepare(Job()).manifest, order="sorted") == manifests[0]


async def test_leaving_early_leaves_the_engine_free_for_speech(speech: SpeechBackend) -> None:
    """Closing after the first item stops: twice as many as the engine has room for, and on."""
    for _ in range(4):
        await _info(speech, Job())

    after = [item async for item in transcript(speech, recording(speech), Job())]

    assert isinstance(after[-1], Segment)


async def test_a_language_without_a_token_is_unknown(opener: Opener) -> None:
    """faster-whisper lists Cantonese for every model, and fails on one that has no token for it."""
    backend = await opener.open("whisper")

    with pytest.raises(UnknownLanguage):
        backend.prepare(Job(language="yue"))

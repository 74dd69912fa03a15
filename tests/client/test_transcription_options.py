"""Options of transcriptions through the stock client: OpenAI's own, the engine's, strictness."""

import math
from typing import Any

import openai
import pytest

from tests.client.stock import answered, names_languages
from tests.live import CLIPS

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"
SAID = "turn on the kitchen fan"

GERMAN = CLIPS / "de-38-espeak-de-gustave.flac"


async def transcribed(client: Any, file: Any = CLIP, **options: Any) -> Any:
    """Ask the built-in model for the transcription of *file*."""
    return await answered(
        client.audio.transcriptions.create(model="toy-speech", file=file, **options)
    )


async def refusal(client: Any, **options: Any) -> openai.BadRequestError:
    """Return why the built-in model does not do that."""
    with pytest.raises(openai.BadRequestError) as refused:
        await transcribed(client, **options)
    return refused.value


# ── OpenAI's ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("builtin", ["async"], indirect=True)
@pytest.mark.parametrize(
    "options",
    [
        {"chunking_strategy": "auto"},
        {"chunking_strategy": {"type": "server_vad"}},
        {
            "chunking_strategy": {
                "type": "server_vad",
                "prefix_padding_ms": 500,
                "silence_duration_ms": 1000,
                "threshold": 0.4,
            }
        },
        pytest.param({"keywords": ["kitchen"]}, marks=names_languages),
        pytest.param({"languages": ["en", "de"]}, marks=names_languages),
        pytest.param({"languages": ["english"]}, marks=names_languages),
        {"temperature": 0.1},
        {"include": []},
    ],
    ids=str,
)
async def test_honoured(builtin: Any, options: dict[str, Any]) -> None:
    """What OpenAI documents is honoured, and does no harm to a clear recording."""
    assert (await transcribed(builtin, **options)).text == SAID


@pytest.mark.parametrize("builtin", ["async"], indirect=True)
async def test_a_threshold_that_nothing_passes(builtin: Any) -> None:
    """Voice activity detection really happens: where no voice is loud enough, nothing is said."""
    found = await transcribed(builtin, chunking_strategy={"type": "server_vad", "threshold": 1.0})

    assert found.text == ""
    assert found.to_dict()["languages"] == []


@names_languages
async def test_languages(builtin: Any) -> None:
    """The language is detected among those that were named, and told with its probability."""
    options = {"response_format": "verbose_json"}

    free = await transcribed(builtin, GERMAN, **options)
    among = await transcribed(builtin, GERMAN, languages=["en", "es"], **options)
    alone = await transcribed(builtin, GERMAN, languages=["German"], **options)

    assert (free.language, alone.language) == ("german", "german")
    assert among.language in {"english", "spanish"}
    assert among.language_probability < free.language_probability < 1


@names_languages
async def test_keywords_are_read_as_a_prompt(builtin: Any) -> None:
    """Keywords reach the model: what it read before the recording is told in a stream's usage."""
    stream = await answered(
        builtin.audio.transcriptions.create(
            model="toy-speech", file=CLIP, stream=True, keywords=["kitchen", "fan"]
        )
    )
    events = [e async for e in stream] if hasattr(stream, "__aiter__") else list(stream)

    assert events[-1].usage.input_token_details.text_tokens > 0


async def test_log_probabilities(builtin: Any) -> None:
    """The text's tokens come with their bytes and the logarithm of their probability."""
    found = await transcribed(builtin, include=["logprobs"])

    assert "".join(token.token for token in found.logprobs).strip() == SAID
    spelt = bytes(int(byte) for token in found.logprobs for byte in token.bytes)
    assert spelt.decode().strip() == SAID
    assert all(0 < math.exp(token.logprob) <= 1 for token in found.logprobs)


async def test_no_log_probabilities_unasked(builtin: Any) -> None:
    """Not asked for, they are not there."""
    assert (await transcribed(builtin)).logprobs is None


@pytest.mark.parametrize(
    ("options", "param", "code"),
    [
        ({"response_format": "diarized_json"}, "response_format", "unsupported_parameter"),
        ({"known_speaker_names": ["Ann"]}, "known_speaker_names", "unsupported_parameter"),
        (
            {"known_speaker_references": ["data:audio/wav;base64,AAAA"]},
            "known_speaker_references",
            "unsupported_parameter",
        ),
        pytest.param(
            {"languages": ["tlh"]}, "languages", "unsupported_language", marks=names_languages
        ),
        pytest.param(
            {"language": "en", "languages": ["en"]}, "languages", None, marks=names_languages
        ),
        ({"include": ["logprobs"], "response_format": "text"}, "include", None),
        ({"stream": True, "response_format": "vtt"}, "response_format", None),
        (
            {"chunking_strategy": {"type": "server_vad", "threshold": 3}},
            "chunking_strategy.threshold",
            None,
        ),
    ],
    ids=str,
)
async def test_refused(builtin: Any, options: dict[str, Any], param: str, code: str | None) -> None:
    """What no model here can do, or what contradicts itself, is refused by name."""
    error = await refusal(builtin, **options)

    assert (error.param, error.code) == (param, code)


# ── the engine's ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("builtin", ["async"], indirect=True)
@pytest.mark.parametrize(
    "options",
    [
        {"beam_size": 1},
        {"engine": {"beam_size": 1, "temperatures": [0.0, 0.5]}},
        {"temperatures": [0.0]},
        {"temperatures": "0,0.5", "suppress_tokens": "-1"},
        {"vad_filter": True, "vad_parameters": {"threshold": 0.4}},
        {"condition_on_previous_text": False, "no_speech_threshold": 0.5},
    ],
    ids=str,
)
async def test_engine_options(builtin: Any, options: dict[str, Any]) -> None:
    """The engine's own options go in `extra_body`, by their names or within `engine`."""
    assert (await transcribed(builtin, extra_body=options)).text == SAID


async def test_engine_options_reach_the_engine(builtin: Any) -> None:
    """They have their effect."""
    cut = await transcribed(builtin, extra_body={"max_new_tokens": 2})
    late = await transcribed(builtin, extra_body={"clip_timestamps": [1000]})
    begun = await transcribed(builtin, extra_body={"engine": {"prefix": "please"}})

    assert SAID.startswith(cut.text)
    assert cut.text != SAID
    assert late.text == ""
    assert begun.text.startswith("please")


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": 1000}, "beam_size"),
        ({"engine": {"beams": 2}}, "engine[beams]"),
        ({"beam_size": 1, "engine": {"beam_size": 2}}, "beam_size"),
        ({"vad_parameters": {"threshold": 0.4}}, "vad_parameters"),
        ({"hallucination_silence_threshold": 2}, "hallucination_silence_threshold"),
        ({"prefix": "a", "hotwords": "b"}, "hotwords"),
        ({"suppress_tokens": [10**6]}, "suppress_tokens"),
        ({"clip_timestamps": [2, 1]}, "clip_timestamps"),
        ({"clip_timestamps": "inf"}, "clip_timestamps[0]"),
        ({"temperatures": [2]}, "temperatures[0]"),
    ],
    ids=str,
)
async def test_engine_options_refused(builtin: Any, options: dict[str, Any], param: str) -> None:
    """What has no effect, or would do harm, is refused by name and not ignored."""
    assert (await refusal(builtin, extra_body=options)).param == param


# ── strictness ────────────────────────────────────────────────────────────────

STRICT = {"x-shim-strict": "true"}


async def test_strictness_by_header(builtin: Any) -> None:
    """A request may ask that what nobody documents is refused instead of ignored."""
    unknown = {"beam_sise": 1, "another": 2}

    lenient = await transcribed(builtin, extra_body=unknown)
    error = await refusal(builtin, extra_body=unknown, extra_headers=STRICT)

    assert lenient.text == SAID
    assert (error.param, error.code) == ("another", "unsupported_parameter")
    assert "another, beam_sise" in error.body["message"]


async def test_strictness_takes_what_is_documented(builtin: Any) -> None:
    """Nothing that is documented is refused for that."""
    found = await transcribed(
        builtin,
        language="en",
        prompt="turn off the lamp",
        temperature=0,
        extra_body={"beam_size": 2, "engine": {"best_of": 2}},
        extra_headers=STRICT,
    )

    assert found.text == SAID


async def test_strictness_misspelt(builtin: Any) -> None:
    """Whoever wanted it and misspelt it is told."""
    error = await refusal(builtin, extra_headers={"x-shim-strict": "yes"})

    assert error.param == "x-shim-strict"

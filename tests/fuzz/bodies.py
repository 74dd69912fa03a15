"""Valid JSON bodies of every route, of many shapes and short to answer."""

import base64
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.client.forced import CALL, WEATHER
from tests.client.recordings import float_wav, tone

Body = dict[str, Any]
Options = Mapping[str, Sequence[Any]]
"""Fields, and values that they may have."""

MODELS = ("gpt-4o-mini", "gpt-4o-mini", "gpt-4o-mini", "odd", "toy-chat", "seeing", "toy")
"""As `json_bodies` serves them; what is not there is a 404."""

# ── what is said ──────────────────────────────────────────────────────────────

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARA"
    "wQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
)
SOUND = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA="
HUM = base64.b64encode(float_wav(tone(0.1))).decode()
HEARD = {"type": "input_audio", "input_audio": {"data": HUM, "format": "wav"}}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}

QUESTION = {"role": "user", "content": "What is 2 plus 2?"}
MESSAGES: Sequence[list[Body]] = (
    [QUESTION],
    [{"role": "system", "content": "Be concise."}, QUESTION],
    [{"role": "developer", "content": [{"type": "text", "text": "Be concise."}]}, QUESTION],
    [QUESTION, {"role": "assistant", "content": "4", "name": None}, QUESTION],
    [{"role": "user", "content": [{"type": "text", "text": "Hi"}] * 3, "name": "ada"}],
    [
        QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [CALLED]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ],
    [QUESTION, {"role": "assistant", "content": "It is", "reasoning": "2 and 2"}],
    [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                {"type": "text", "text": "What is it?"},
            ],
        }
    ],
    [{"role": "user", "content": [{"type": "text", "text": "Write it down."}, HEARD]}],
    [{"role": "user", "content": [{"type": "audio_url", "audio_url": f"data:;base64,{HUM}"}]}],
    [
        {
            "role": "user",
            "content": [
                {"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}},
                {"type": "audio_url", "audio_url": {"url": f"data:audio/wav;base64,{SOUND}"}},
                {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
            ],
        }
    ],
)
ITEMS: Sequence[str | list[Body]] = (
    "What is 2 plus 2?",
    [QUESTION],
    [{"role": "user", "content": [{"type": "input_text", "text": "Write it down."}, HEARD]}],
    [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Hi"},
                {"type": "input_image", "image_url": PIXEL},
                {"type": "input_file", "file_data": PIXEL},
                {"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}},
            ],
        }
    ],
    [
        QUESTION,
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"text": "2 and 2"}]},
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "sunny"},
    ],
    [
        QUESTION,
        {"role": "assistant", "content": [{"type": "output_text", "text": "4"}]},
        QUESTION,
    ],
)
PROMPTS: Sequence[Any] = (
    "The colours are red, ",
    ["red", "blue", "What is"],
    [60, 61, 62],
    [[60, 61], [62]],
)

# ── how it is answered ────────────────────────────────────────────────────────

SCHEMA = {
    "type": "object",
    "properties": {
        "colour": {"enum": ["red", "blue"]},
        "n": {"type": "integer", "minimum": 0, "maximum": 9},
        "names": {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 3},
    },
    "required": ["colour", "n"],
    "additionalProperties": False,
}
SAMPLING: Options = {
    "n": (1, 2, 3),
    "temperature": (0, 0.7, 1, 2),
    "top_p": (0.1, 0.9, 1),
    "top_k": (-1, 0, 3),
    "min_p": (0, 0.2),
    "presence_penalty": (-2, 0.5),
    "frequency_penalty": (-1.5, 2),
    "repetition_penalty": (0.5, 1.5),
    "seed": (0, 7),
    "stop": ("blue", ["a", "b"], [], "4"),
    "logit_bias": ({"2": -100}, {"60": 5.5, "61": 100}),
    "min_tokens": (0, 2),
    "ignore_eos": (True, False),
    "stop_token_ids": ([4, 5], []),
    "bad_words": (["7"], ["red", "blue"]),
    "allowed_token_ids": ([60, 61, 62, 2],),
    "structured_outputs": (
        {"choice": ["red", "blue"]},
        {"regex": "[0-9]{3}"},
        {"regex": CALL},
        {"grammar": 'root ::= "red" | "blue"'},
        {"json": SCHEMA},
        {"json_object": True},
        {"structural_tag": '{"type": "structural_tag", "format": {"type": "any_text"}}'},
    ),
    "repetition_detection": ({"max_pattern_size": 3, "min_count": 2},),
    "thinking_token_budget": (5,),
    "add_special_tokens": (True, False),
    "truncate_prompt_tokens": (-1, 5),
    "include_stop_str_in_output": (True, False),
    "skip_special_tokens": (True, False),
    "spaces_between_special_tokens": (True, False),
    "prompt_logprobs": (0, 2),
    "return_token_ids": (True, False),
    "priority": (0, 3),
    "cache_salt": ("salt",),
    "length_penalty": (1.0,),
    "use_beam_search": (False,),
    "user": ("somebody",),
}
FORMATS = (
    {"type": "text"},
    {"type": "json_object"},
    {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}},
)
SPOKEN = (
    {"language": "en", "beam_size": 1},
    {"temperatures": [0, 0.5], "vad_filter": True, "engine": {"best_of": 2}},
    {"keywords": ["fan"], "prompt": "Kitchen", "chunking_strategy": "auto"},
)
TEMPLATES: Options = {
    "chat_template": ("{{ messages }}",),
    "chat_template_kwargs": ({"anything": 1},),
    "documents": ([{"title": "a", "text": "b"}],),
    "include_reasoning": (True, False),
    "mm_processor_kwargs": ({"do_resize": True},),
    "media_io_kwargs": ({"image": {"a": 1}},),
    "parallel_tool_calls": (True, False),
    "transcription": SPOKEN,
}
CHAT: Options = {
    **SAMPLING,
    **TEMPLATES,
    "max_completion_tokens": (1, 4),
    "tools": ([{"type": "function", "function": WEATHER}],),
    "tool_choice": ("auto", "none", "required"),
    "response_format": FORMATS,
    "reasoning_effort": ("low", "high"),
    "logprobs": (True,),
    "top_logprobs": (0, 3),
    "add_generation_prompt": (True, False),
    "continue_final_message": (True, False),
    "modalities": (["text"],),
    "stream_options": ({"include_usage": True},),
}
TOOLED: Sequence[Body] = (
    {},
    {},
    {"logprobs": True, "top_logprobs": 2},
    {"tools": [{"type": "function", "function": WEATHER}]},
    {
        "tools": [{"type": "function", "function": {**WEATHER, "strict": True}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "max_tokens": 40,
    },
)
"""Fields that only make sense together."""
TEXT: Options = {
    **SAMPLING,
    "best_of": (1,),
    "echo": (True, False),
    "logprobs": (0, 3, True, False),
    "max_tokens": (0, 1, 4),
    "response_format": FORMATS,
    "stream_options": ({"include_usage": True},),
}
RESPONSE: Options = {
    **SAMPLING,
    **TEMPLATES,
    "instructions": ("Be concise.",),
    "tools": ([{"type": "function", **WEATHER}],),
    "tool_choice": ("auto", {"type": "function", "name": "weather"}),
    "text": (
        {"format": {"type": "text"}},
        {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}, "verbosity": "medium"},
    ),
    "reasoning": ({"effort": "low", "summary": "auto"},),
    "include": (["message.output_text.logprobs"], ["reasoning.encrypted_content"]),
    "top_logprobs": (0, 2),
    "metadata": ({"a": "b"},),
    "store": (False, True),
    "truncation": ("disabled",),
    "stream_options": ({"include_obfuscation": False},),
}
TOKENIZED: Options = {
    "tools": ([{"type": "function", "function": WEATHER}],),
    "add_special_tokens": (True, False),
    "add_generation_prompt": (True, False),
    "continue_final_message": (True, False),
    "chat_template_kwargs": ({"anything": 1},),
    "return_token_strs": (True, False),
}

EMBEDDED: Options = {
    "encoding_format": ("float", "base64"),
    "dimensions": (1, 64, 128),
    "user": ("somebody",),
    "add_special_tokens": (True, False),
    "use_activation": (True, False),
    "truncate_prompt_tokens": (-1, 5),
    "truncation_side": ("left", "right"),
    "padding": ("do_not_pad",),
    "embed_dtype": ("float32",),
    "endianness": ("native",),
}

RECORDINGS: Sequence[Any] = (
    HUM,
    f"data:audio/wav;base64,{HUM}",
    SOUND,
    "%%",
    "",
    {"file": HUM},
    {"file_url": f"data:;base64,{SOUND}"},
    {"file_url": "http://127.0.0.1/a.wav"},
    {"file_id": "file-1"},
)
HEARD_AS: Options = {
    "response_format": ("json", "verbose_json", "text", "srt", "vtt"),
    "language": ("en", "de"),
    "temperature": (0, 0.5),
    "timestamp_granularities": (["word"], ["segment", "word"]),
    "include": (["logprobs"],),
    "stream": (True, False),
    "engine": ({"beam_size": 1},),
    "vad_filter": (True,),
}

# ── bodies ────────────────────────────────────────────────────────────────────


def _some(draw: random.Random, options: Options) -> Body:
    names = draw.sample(list(options), draw.choice((0, 0, 1, 2, 3)))
    return {name: draw.choice(options[name]) for name in names}


def _chat(draw: random.Random) -> Body:
    return {
        "messages": draw.choice(MESSAGES),
        "max_tokens": draw.randint(1, 6),
        "stream": draw.random() < 0.4,
        **draw.choice(TOOLED),
        **_some(draw, CHAT),
    }


def _text(draw: random.Random) -> Body:
    given = {"max_tokens": draw.randint(0, 6), "stream": draw.random() < 0.4}
    return {"prompt": draw.choice(PROMPTS), **given, **_some(draw, TEXT)}


def _response(draw: random.Random) -> Body:
    given = {"max_output_tokens": draw.randint(1, 6), "stream": draw.random() < 0.4}
    return {"input": draw.choice(ITEMS), **given, **_some(draw, RESPONSE)}


def _tokenized(draw: random.Random) -> Body:
    said = draw.choice(({"prompt": "What is 2"}, {"messages": draw.choice(MESSAGES)}))
    return {**said, **_some(draw, TOKENIZED)}


def _detokenized(draw: random.Random) -> Body:
    return {"tokens": [draw.randrange(1200) for _ in range(draw.choice((0, 1, 20)))]}


def _embedded(draw: random.Random) -> Body:
    return {"model": "vectors", "input": draw.choice(PROMPTS), **_some(draw, EMBEDDED)}


def _heard(draw: random.Random) -> Body:
    one = draw.choice(({"file": HUM}, {"file_url": f"data:;base64,{HUM}"}, {"file_id": "file-1"}))
    many = {"files": draw.choices(RECORDINGS, k=draw.choice((0, 1, 2, 5)))}
    return {"model": "toy", **draw.choice((one, many, many)), **_some(draw, HEARD_AS)}


ROUTES: Mapping[str, Callable[[random.Random], Body]] = {
    "/v1/chat/completions": _chat,
    "/v1/completions": _text,
    "/v1/responses": _response,
    "/tokenize": _tokenized,
    "/detokenize": _detokenized,
    "/v1/embeddings": _embedded,
    "/v1/audio/transcriptions": _heard,
}
WEIGHTS = (5, 3, 3, 1, 1, 2, 2)


def valid(draw: random.Random) -> tuple[str, Body]:
    """Return a route and a body that it takes; engines that lack what is asked refuse it."""
    route = draw.choices(list(ROUTES), WEIGHTS)[0]
    return route, {"model": draw.choice(MODELS), **ROUTES[route](draw)}

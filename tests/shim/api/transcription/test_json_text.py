"""Fields that hold JSON text are read by their declared type, as fields with brackets are."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from backends.whisper_options import Decoding, VadParameters
from shim.api.transcription.fields import nested, parsed_form
from shim.api.transcription.json_text import Shape, shapes
from shim.api.transcription.protocol import ServerVad, TranscriptionForm
from shim.errors import InvalidParameter

Pairs = list[tuple[str, str]]


class Declared(Struct):
    """Has fields of every shape."""

    text: str | None = None
    number: float = 0
    words: list[str] = []
    numbers: tuple[int, ...] | None = None
    word_or_object: ServerVad | None = None


def test_shapes() -> None:
    """A field's shape is that of its declared type."""
    assert shapes(Declared) == {
        "text": Shape(text=True),
        "number": Shape(),
        "words": Shape(items="text"),
        "numbers": Shape(items="number"),
        "word_or_object": Shape(object=True),
    }


SAME: list[tuple[Pairs, Pairs]] = [
    ([("timestamp_granularities", '["word"]')], [("timestamp_granularities[]", "word")]),
    ([("timestamp_granularities", ' [ "word" , "segment" ]\r\n')], [
        ("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment"),
    ]),
    ([("timestamp_granularities", '"word"')], [("timestamp_granularities[]", "word")]),
    ([("timestamp_granularities[]", '["word"]')], [("timestamp_granularities[]", "word")]),
    ([("timestamp_granularities[0]", '["word"]')], [("timestamp_granularities[]", "word")]),
    ([("timestamp_granularities", '["word"]'), ("timestamp_granularities[]", "segment")], [
        ("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment"),
    ]),
    ([("timestamp_granularities", "[]")], []),
    ([("timestamp_granularities", "null")], []),
    ([("include", '["logprobs"]')], [("include[]", "logprobs")]),
    ([("languages", '["de","en"]')], [("languages[]", "de"), ("languages[]", "en")]),
    ([("keywords", '["kitchen","fan"]')], [("keywords[]", "kitchen"), ("keywords[]", "fan")]),
    ([("keywords", r'"[\"a\", \"b\"]"')], [("keywords[]", "a"), ("keywords[]", "b")]),
    ([("engine", r'"{\"beam_size\": 2}"')], [("engine[beam_size]", "2")]),
    ([("include", '"null"'), ("keywords", '""'), ("languages", " "), ("engine", '""')], []),
    ([("keywords", '["a, b"]')], [("keywords", "a, b")]),
    ([("keywords", '["K\\u00fcche"]')], [("keywords[]", "Küche")]),
    ([("keywords", '["[laughter]"]')], [("keywords[]", "[laughter]")]),
    ([("keywords", "x"), ("keywords", '["y","z"]')], [("keywords[]", c) for c in "xyz"]),
    ([("temperatures", "[0, 0.2]")], [("temperatures[]", "0"), ("temperatures[]", "0.2")]),
    ([("temperatures", '["0", "0.2"]')], [("temperatures", "0,0.2")]),
    ([("temperatures", "0"), ("temperatures", "[0.2, 0.4]")], [("temperatures", "0,0.2,0.4")]),
    ([("temperatures[]", "0, 0.2"), ("temperatures[]", "0.4")], [("temperatures", "0,0.2,0.4")]),
    ([("stream", " true\n"), ("temperature", "1 ")], [("stream", "true"), ("temperature", "1")]),
    ([("chunking_strategy", " auto ")], [("chunking_strategy", "auto")]),
    ([("suppress_tokens", "[-1]")], [("suppress_tokens[]", "-1")]),
    ([("suppress_tokens", "[]")], [("engine", '{"suppress_tokens": []}')]),
    ([("clip_timestamps", "[0,1.5]")], [("clip_timestamps", "0,1.5")]),
    ([("chunking_strategy", '{"type":"server_vad","threshold":0.5}')], [
        ("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.5"),
    ]),
    ([("chunking_strategy", '\n{ "threshold" : 0.5, "type" : "server_vad" }')], [
        ("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.5"),
    ]),
    ([("chunking_strategy", '"auto"')], [("chunking_strategy", "auto")]),
    ([("chunking_strategy", "null")], []),
    ([("vad_parameters", '{"threshold":0.3}')], [("vad_parameters[threshold]", "0.3")]),
    ([("engine", '{"beam_size":3,"temperatures":[0]}')], [
        ("engine[beam_size]", "3"), ("engine[temperatures][]", "0"),
    ]),
    ([("engine[vad_parameters]", '{"threshold":0.3}')], [
        ("engine[vad_parameters][threshold]", "0.3"),
    ]),
    ([("engine", '{"vad_parameters":"{\\"threshold\\":0.3}"}')], [
        ("vad_parameters[threshold]", "0.3"),
    ]),
    ([("engine", "null")], []),
    ([("temperature", "null"), ("stream", "null"), ("response_format", "null")], []),
    ([("beam_size", "null"), ("vad_filter", "null")], []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "brackets"), SAME, ids=str)
def test_as_brackets(text: Pairs, brackets: Pairs) -> None:
    """JSON text means the same as the same values in brackets, in a form and in JSON."""
    assert parsed_form(nested(text)) == parsed_form(nested(brackets))
    assert parsed_form(dict(nested(text))) == parsed_form(nested(brackets))


def test_the_values() -> None:
    """The values have their types: they are not texts."""
    parsed = parsed_form(
        nested(
            [
                ("keywords", '["kitchen","fan"]'),
                ("chunking_strategy", '{"type":"server_vad","threshold":0.4}'),
                ("vad_parameters", '{"threshold":0.3}'),
                ("suppress_tokens", "[-1, 7]"),
            ]
        )
    )

    assert parsed.form.keywords == ["kitchen", "fan"]
    assert parsed.form.chunking_strategy == ServerVad(threshold=0.4)
    assert parsed.decoding == Decoding(
        vad_parameters=VadParameters(threshold=0.3), suppress_tokens=(-1, 7)
    )


@pytest.mark.parametrize("text", ['["a"]', "[laughter] Hello", '{"a": 1}', '"quoted"', "null", "["])
@pytest.mark.parametrize("name", ["prompt", "hotwords", "prefix", "model"])
def test_texts_stay_texts(name: str, text: str) -> None:
    """A text field is not read as JSON, even if it begins like JSON."""
    parsed = parsed_form(nested([(name, text)]))

    assert getattr(parsed.form, name, None) or getattr(parsed.decoding, name) == text


@pytest.mark.parametrize("text", ["[laughter]", "[1]", '["a', "[[]]"])
def test_items_stay_texts(text: str) -> None:
    """An item of a list of texts is a text, unless it is itself a list of texts."""
    assert parsed_form(nested([("keywords[]", text)])).form.keywords == [text]


@pytest.mark.parametrize(
    ("name", "text", "param"),
    [
        ("timestamp_granularities", "['word']", "timestamp_granularities"),
        ("timestamp_granularities", '["word"', "timestamp_granularities"),
        ("timestamp_granularities", '["letter"]', "timestamp_granularities[0]"),
        ("timestamp_granularities", '[["word"]]', "timestamp_granularities[0]"),
        ("timestamp_granularities", '{"0":"word"}', "timestamp_granularities[0]"),
        ("timestamp_granularities", "word,segment", "timestamp_granularities[0]"),
        ("keywords", "[laughter]", "keywords"),
        ("keywords", "[1]", "keywords[0]"),
        ("keywords", '["a"] b', "keywords"),
        ("languages", '["klingon', "languages"),
        ("temperatures", "[0, hot]", "temperatures"),
        ("temperatures", "[0, NaN]", "temperatures"),
        ("temperatures", "[]", "temperatures"),
        ("suppress_tokens", "[0.5]", "suppress_tokens[0]"),
        ("chunking_strategy", "{type: server_vad}", "chunking_strategy"),
        ("chunking_strategy", '{"type":"server_vad"', "chunking_strategy"),
        ("chunking_strategy", '{"type":"server_vad","treshold":0.5}', "chunking_strategy"),
        ("chunking_strategy", '[{"type":"server_vad"}]', "chunking_strategy"),
        ("chunking_strategy", '"auto', "chunking_strategy"),
        ("vad_parameters", "{", "vad_parameters"),
        ("vad_parameters", "true", "vad_parameters"),
        ("engine", "{", "engine"),
        ("engine", '{"beams": 1}', "engine[beams]"),
        ("engine", '["beam_size"]', "engine"),
        ("engine[vad_parameters]", "{", "vad_parameters"),
        ("clip_timestamps", "[" * 4000, "clip_timestamps"),
        ("clip_timestamps", "[" * 500_000, "clip_timestamps"),
        ("engine", '{"a":' * 3000, "engine"),
    ],
)
def test_refused(name: str, text: str, param: str) -> None:
    """Text that begins like JSON and is invalid, or of another type, is refused by name."""
    with pytest.raises(InvalidParameter) as refusal:
        parsed_form(nested([(name, text)]))

    assert refusal.value.param == param
    assert len(str(refusal.value)) < 1200


@pytest.mark.parametrize(
    "pairs",
    [
        [("chunking_strategy", '{"type":"server_vad"}'), ("chunking_strategy[threshold]", "0.5")],
        [("engine", '{"beam_size":1}'), ("beam_size", "1")],
    ],
)
def test_beside_brackets(pairs: Pairs) -> None:
    """An object, or an option, in both forms is refused."""
    with pytest.raises(InvalidParameter, match=r"also has a value|are the same option"):
        parsed_form(nested(pairs))


@pytest.mark.parametrize(
    "pairs",
    [
        [("keywords", "[" + '"",' * 300_000 + '""]')],
        [("engine", "[" + "{}," * 300_000 + "{}]")],
        [("vad_parameters", '{"a":[' + "{}," * 300_000 + "{}]}")],
        [("keywords[]", "[" + '"",' * 4000 + '""]')] * 70,
        [("temperatures[]", "[" + "{}," * 4000 + "{}]")] * 70,
        [("suppress_tokens[]", "1," * 500_000)],
        [("suppress_tokens[]", "1," * 4000)] * 70,
    ],
    ids=range(7),
)
def test_endless_json(pairs: Pairs) -> None:
    """A megabyte of JSON with too many values is refused before it is decoded."""
    started = time.thread_time()
    with pytest.raises(InvalidParameter) as refusal:
        parsed_form(nested(pairs))

    assert time.thread_time() - started < 0.02
    assert len(str(refusal.value)) < 300


values = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: (
    st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
))  # fmt: skip


@given(
    name=st.sampled_from([*shapes(TranscriptionForm), *shapes(Decoding), "engine"]), value=values
)
@example(name="keywords", value=["\ud800"])
def test_any_json(name: str, value: Any) -> None:
    """Any JSON in any field is parsed, or refused by a name."""
    try:
        parsed_form(nested([(name, json.dumps(value))]))
    except InvalidParameter as refusal:
        assert refusal.param is not None  # noqa: PT017

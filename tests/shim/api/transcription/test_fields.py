"""Fields of a form: brackets become JSON's structure, and values get their types."""

import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backends.whisper_options import Decoding, VadParameters
from shim.api.transcription.fields import ParsedForm, nested, parsed_form
from shim.api.transcription.protocol import ServerVad, TranscriptionForm
from shim.errors import InvalidParameter

Pairs = list[tuple[str, str]]

# ── brackets ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pairs", "fields"),
    [
        ([], {}),
        ([("a", "1")], {"a": "1"}),
        ([("a", "")], {}),
        ([("a[]", "")], {}),
        ([("a[]", "1")], {"a": ["1"]}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[0]", "1"), ("a[1]", "2")], {"a": ["1", "2"]}),
        ([("a", "1"), ("a", "2")], {"a": ["1", "2"]}),
        ([("a", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[]", "1"), ("a", "2")], {"a": ["1", "2"]}),
        ([("a[b]", "1"), ("a[c]", "2")], {"a": {"b": "1", "c": "2"}}),
        ([("a[b]", "1"), ("a[b]", "2")], {"a": {"b": ["1", "2"]}}),
        ([("a[b][]", "1"), ("a[b][]", "2")], {"a": {"b": ["1", "2"]}}),
        ([("a[b][c][d][e]", "1")], {"a": {"b": {"c": {"d": {"e": "1"}}}}}),
    ],
)
def test_brackets(pairs: Pairs, fields: dict[str, Any]) -> None:
    """Brackets make lists and objects, a repeated name makes a list, empty values are dropped."""
    assert nested(pairs) == fields


@pytest.mark.parametrize(
    "name", ["[a]", "a]", "a[", "a[b", "a[b]c", "a[[b]]", "[]", "a" + "[b]" * 5, "a" + "[]" * 1000]
)
def test_names_with_odd_brackets(name: str) -> None:
    """A name with odd brackets, or more of them than any field has, is a plain name."""
    assert nested([(name, "1")]) == {name: "1"}


@pytest.mark.parametrize(
    "pairs",
    [
        [("engine", "1"), ("engine[beam_size]", "2")],
        [("engine[]", "1"), ("engine[beam_size]", "2")],
        [("engine[a]", "1"), ("engine[a][b]", "2")],
    ],
)
def test_a_value_beside_an_object(pairs: Pairs) -> None:
    """A name cannot be both a value and an object."""
    with pytest.raises(InvalidParameter, match="also has a value"):
        nested(pairs)


# ── what is asked ─────────────────────────────────────────────────────────────


def form(*pairs: tuple[str, str]) -> TranscriptionForm:
    """Return the form of *pairs*, which set nothing else."""
    parsed = parsed_form(nested(pairs))
    assert (parsed.decoding, parsed.unknown) == (Decoding(), ())
    return parsed.form


def decoding(**fields: Any) -> Decoding:
    """Return the engine options of *fields*, which set nothing else."""
    parsed = parsed_form(fields)
    assert (parsed.form, parsed.unknown) == (TranscriptionForm(), ())
    return parsed.decoding


NOTHING = ParsedForm(TranscriptionForm(), Decoding(), ())

ALL = [*TranscriptionForm.__struct_fields__, *Decoding.__struct_fields__, "engine", "anything"]


def test_nothing() -> None:
    """Empty fields of a form, and nulls in JSON, are not set."""
    assert parsed_form({}) == NOTHING
    assert parsed_form(nested((name, "") for name in ALL)) == NOTHING
    assert parsed_form(dict.fromkeys(ALL)) == NOTHING
    assert parsed_form({"engine": dict.fromkeys(Decoding.__struct_fields__)}) == NOTHING


def test_values() -> None:
    """Numbers and booleans may come as text."""
    values = form(
        ("model", "m"), ("temperature", "0.5"), ("stream", "true"), ("word_timestamps", "false")
    )

    assert values == TranscriptionForm(
        model="m", temperature=0.5, stream=True, word_timestamps=False
    )


LISTS = [
    "languages",
    "keywords",
    "timestamp_granularities",
    "include",
]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("spelling", ["{}", "{}[]", "{}[0]"])
def test_lists_of_one(name: str, spelling: str) -> None:
    """A list of one value may have any brackets."""
    value = {"timestamp_granularities": "word", "include": "logprobs"}.get(name, "a, b")

    assert getattr(form((spelling.format(name), value)), name) == [value]


@pytest.mark.parametrize(
    "names",
    [
        ("timestamp_granularities[]",) * 2,
        ("timestamp_granularities",) * 2,
        ("timestamp_granularities[0]", "timestamp_granularities[1]"),
        ("timestamp_granularities[]", "timestamp_granularities"),
    ],
)
def test_lists_of_several(names: tuple[str, str]) -> None:
    """A list of several values keeps their order."""
    first, second = names

    values = form((first, "word"), (second, "segment"))

    assert values.timestamp_granularities == ["word", "segment"]


@pytest.mark.parametrize(
    "name", ["model", "language", "prompt", "response_format", "temperature", "stream", "beam_size"]
)
def test_a_scalar_set_twice(name: str) -> None:
    """Two values of one field are refused."""
    with pytest.raises(InvalidParameter, match="array") as refusal:
        parsed_form(nested([(name, "1"), (name, "1")]))

    assert refusal.value.param == name


@pytest.mark.parametrize(
    "pairs",
    [
        [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.4")],
        [("chunking_strategy[threshold]", "0.4"), ("chunking_strategy[type]", "server_vad")],
    ],
)
def test_server_vad(pairs: Pairs) -> None:
    """An object may come field by field, in any order; missing fields have OpenAI's defaults."""
    assert form(*pairs).chunking_strategy == ServerVad(
        prefix_padding_ms=300, silence_duration_ms=200, threshold=0.4
    )


def test_auto() -> None:
    """`chunking_strategy` may be a word."""
    assert form(("chunking_strategy", "auto")).chunking_strategy == "auto"


# ── the engine's options ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fields",
    [
        {"beam_size": "3"},
        {"beam_size": 3},
        {"engine": {"beam_size": "3"}},
        {"engine": {"beam_size": 3}},
    ],
)
def test_plain_or_in_their_namespace(fields: dict[str, Any]) -> None:
    """An engine option may come by its name, or by its name within `engine`."""
    assert decoding(**fields) == Decoding(beam_size=3)


@pytest.mark.parametrize(
    "value", ["0,0.2,0.4", "0, 0.2, 0.4", ["0", "0.2", "0.4"], [0, 0.2, 0.4], (0.0, 0.2, 0.4)]
)
def test_numbers_in_one_string(value: Any) -> None:
    """A list of numbers may come as one string, separated by commas."""
    assert decoding(temperatures=value) == Decoding(temperatures=(0.0, 0.2, 0.4))


def test_every_list_of_numbers() -> None:
    """All lists of numbers may come so, in the form and within `engine`."""
    options = decoding(
        suppress_tokens="-1,5", engine={"clip_timestamps": "0,1.5", "temperatures": "0.2"}
    )

    assert options == Decoding(
        suppress_tokens=(-1, 5), clip_timestamps=(0.0, 1.5), temperatures=(0.2,)
    )


def test_an_object_among_the_engines_options() -> None:
    """The parameters of speech detection are an object."""
    expected = Decoding(vad_filter=True, vad_parameters=VadParameters(threshold=0.3))
    pairs = [("vad_filter", "true"), ("vad_parameters[threshold]", "0.3")]
    within = [("engine[vad_filter]", "1"), ("engine[vad_parameters][threshold]", "0.3")]

    assert parsed_form(nested(pairs)).decoding == expected
    assert parsed_form(nested(within)).decoding == expected


@pytest.mark.parametrize(
    ("engine", "param"),
    [("fast", "engine"), (["fast"], "engine"), ({"beams": 3}, "engine[beams]")],
)
def test_unknown_options(engine: Any, param: str) -> None:
    """Unknown names within `engine` are refused, in strict mode or not."""
    with pytest.raises(InvalidParameter) as refusal:
        parsed_form({"engine": engine})

    assert refusal.value.param == param


def test_an_option_set_twice() -> None:
    """An option under both of its names is refused."""
    with pytest.raises(InvalidParameter, match="are the same option") as refusal:
        parsed_form({"beam_size": 1, "engine": {"beam_size": 1}})

    assert refusal.value.param == "beam_size"
    assert decoding(beam_size=1, engine={"beam_size": None}) == Decoding(beam_size=1)


# ── what is wrong, what is unknown ────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"temperature": "x"}, "temperature", "Expected 'float | null', got 'str'."),
        ({"temperature": "nan"}, "temperature", "Invalid value for 'temperature'"),
        ({"temperature": 1.5}, "temperature", "<= 1.0"),
        ({"response_format": "xml"}, "response_format", "Invalid enum value 'xml'."),
        ({"response_format": "a - at `$.b`"}, "response_format", "Invalid enum value"),
        ({"model": 5}, "model", "Expected 'str | null', got 'int'."),
        ({"model": {"a": "b"}}, "model", "got 'object'."),
        (
            {"timestamp_granularities": ["word", "x"]},
            "timestamp_granularities[1]",
            "Invalid enum value 'x'.",
        ),
        ({"chunking_strategy": "none"}, "chunking_strategy", "Invalid enum value"),
        ({"chunking_strategy": {"type": "vad"}}, "chunking_strategy.type", "Invalid value"),
        (
            {"chunking_strategy": {"type": "server_vad", "threshold": 2}},
            "chunking_strategy.threshold",
            "<= 1.0",
        ),
        ({"beam_size": 0}, "beam_size", ">= 1"),
        ({"engine": {"beam_size": 33}}, "beam_size", "<= 32"),
        ({"vad_parameters": {"loudness": 1}}, "vad_parameters", "unknown field 'loudness'"),
        ({"temperatures": "0,hot"}, "temperatures[1]", "Expected 'float', got 'str'"),
        ({"temperatures": []}, "temperatures", "length >= 1"),
        ({"clip_timestamps": []}, "clip_timestamps", "length >= 1"),
        ({"clip_timestamps": "inf"}, "clip_timestamps[0]", "Expected 'float' <="),
        ({"suppress_tokens": "1,,2"}, "suppress_tokens[1]", "Expected 'int'"),
    ],
)
def test_invalid(fields: dict[str, Any], param: str, message: str) -> None:
    """A wrong value is refused by the name of its field, without backticks."""
    with pytest.raises(InvalidParameter) as refusal:
        parsed_form(fields)

    assert refusal.value.param == param
    assert message in str(refusal.value)
    assert "`" not in str(refusal.value)


def test_unknown_names_are_listed() -> None:
    """Undocumented names are not refused, but listed."""
    parsed = parsed_form(nested([("user", "x"), ("model", "m"), ("extra[deep]", "1"), ("a]", "2")]))

    assert parsed == ParsedForm(TranscriptionForm(model="m"), Decoding(), ("user", "extra", "a]"))


heads = st.sampled_from(ALL) | st.text("ab[]é", max_size=6)
tails = st.sampled_from(["", "", "[]", "[0]", "[type]", "[threshold]", "[beam_size]", "[a][b]"])
texts = st.sampled_from(["", "1", "0.5", "0,1", "true", "auto", "word", "server_vad", "inf"])


@settings(max_examples=400, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(st.builds("{}{}".format, heads, tails), texts | st.text(max_size=8)), max_size=6
    )
)
@example(pairs=[("a[]", "1"), ("a[b]", "2")])
@example(pairs=[("a[b]", "1"), ("a", "2"), ("a[c]", "3")])
def test_any_pairs(pairs: Pairs) -> None:
    """Any fields are parsed, or refused as the client's fault with a field's name."""
    try:
        parsed = parsed_form(nested(pairs))
    except InvalidParameter as refusal:
        assert refusal.param is not None  # noqa: PT017
    else:
        assert set(parsed.unknown).isdisjoint(ALL[:-1])


def test_another_name_of_a_threshold() -> None:
    """`logprob_threshold`, a name in OpenAI's Whisper, has an effect."""
    assert parsed_form({"logprob_threshold": "-2"}).decoding.log_prob_threshold == -2


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "x" * 20_001},
        {"keywords": ["x"] * 101},
        {"keywords": ["x" * 201]},
        {"languages": ["de"] * 101},
    ],
)
def test_endless_texts(fields: dict[str, object]) -> None:
    """Texts have a largest length."""
    with pytest.raises(InvalidParameter, match="length <="):
        parsed_form(fields)


LISTS = ("languages", "keywords", "timestamp_granularities", "include")
NUMBERS = ("temperatures", "suppress_tokens", "clip_timestamps")


def endless(count: int) -> list[Any]:
    """Return fields of *count* items each, in every form of a list or an object."""
    items, members = ["1"] * count, {f"a{i}": "1" for i in range(count)}
    lists = [{name: items} for name in (*LISTS, *NUMBERS, "engine", "vad_parameters")]
    objects = [{name: members} for name in ("engine", "vad_parameters", *LISTS)]
    strings = [{name: ",".join(["1" * 40] * count)} for name in NUMBERS]
    within = [{"engine": {name: items}} for name in NUMBERS]
    return [*lists, *objects, *strings, *within, members]


@pytest.mark.parametrize("count", [4097, 200_000])
def test_endless_lists(count: int) -> None:
    """A list or object with too many items is refused before it is parsed."""
    for fields in endless(count):
        started = time.thread_time()
        with pytest.raises(InvalidParameter) as refusal:
            parsed_form(fields)

        assert time.thread_time() - started < 0.02
        assert len(str(refusal.value)) < 300


def test_a_long_list_takes_linear_time() -> None:
    """Twice as many items of one name take about twice as long, not four times."""

    def seconds(count: int) -> float:
        started = time.thread_time()
        nested([("a[]", "1")] * count)
        return time.thread_time() - started

    seconds(1000)

    assert seconds(80_000) < 8 * max(seconds(20_000), 0.01)


def test_long_names_are_not_repeated() -> None:
    """An error does not quote a long name."""
    with pytest.raises(InvalidParameter) as refusal:
        parsed_form({"engine": {"x" * 5000: 1}})

    assert len(str(refusal.value)) < 200
    assert len(refusal.value.param) < 200

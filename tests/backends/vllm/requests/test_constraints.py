"""What is added to a constraint, so that whatever a model draws is valid.

Calls are drawn evenly from what vLLM's grammar of Hermes' format allows, and read by its parser.
"""

import json
from importlib import import_module
from typing import Any

import jsonschema_rs
import pytest

from backends.base import Generation, Sampling
from backends.conversation import Conversation, Message, NamedTool, Tool, ToolChoice
from backends.failures import InvalidOption
from tests.backends.vllm.walk import draw, fresh, vocabulary
from tests.live import skip_without_vllm

skip_without_vllm()

# vLLM's own call of xgrammar.
pytestmark = pytest.mark.filterwarnings("ignore:max_rollback_tokens:DeprecationWarning")

SEEDS = range(8)
WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Rome", "Oslo"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "units": {"anyOf": [{"const": "C"}, {"type": "null"}]},
    },
    "required": ["city", "days"],
}
IGNORED = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
NO_ARGUMENTS: dict[str, Any] = {"type": "object", "additionalProperties": False}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Load the tests' vocabulary."""
    return vocabulary()


def request_with(*tools: Tool, choice: ToolChoice) -> Generation:
    """Return a request with *tools*."""
    messages = (Message(role="user", content="hi"),)
    return Generation(
        prompt=Conversation(messages, tools=tools, tool_choice=choice), sampling=Sampling()
    )


def tag(generation: Generation, tokenizer: Any, *, level: str = "PARAMETER") -> str:
    """Return vLLM's grammar of the calls that *generation* allows, as its server makes it."""
    request = import_module("backends.vllm.requests.translate").chat_request(
        generation, generation.prompt
    )
    hermes = import_module("vllm.tool_parsers").ToolParserManager.get_tool_parser("hermes")
    levels = import_module("vllm.tool_parsers.tool_strict_level").ToolStrictLevel
    parser = hermes(tokenizer, request.tools)
    made = parser.get_structural_tag(request, strict_level=levels[level])
    return json.dumps(made.model_dump())


def adapted(generation: Generation, tokenizer: Any, *, enforces_all: bool = True) -> str:
    """Return the structural tag that the engine gets for the calls of *generation*."""
    calls = import_module("backends.vllm.requests.constraints").ToolCallConstraint(
        generation, option="response_format", enforces_all=enforces_all, max_spaces=1
    )
    level = "PARAMETER" if enforces_all else "AUTO"
    return str(calls.adapted(tag(generation, tokenizer, level=level)))


def arguments(text: str, tokenizer: Any) -> list[Any]:
    """Return the arguments of the calls in *text*, by vLLM's parser."""
    hermes = import_module("vllm.tool_parsers").ToolParserManager.get_tool_parser("hermes")
    calls = hermes(tokenizer).extract_tool_calls(text, request=None).tool_calls
    return [json.loads(call.function.arguments) for call in calls]


@pytest.mark.parametrize("choice", ["required", NamedTool("f")], ids=["required", "named"])
@pytest.mark.parametrize("strict", [None, True, False])
@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        (WEATHER, WEATHER),
        (None, NO_ARGUMENTS),
        ({"properties": {"a": {"type": "boolean"}}}, {"type": "object"}),
    ],
    ids=["typed", "none", "untyped"],
)
def test_calls_that_must_be(
    tokenizer: Any, choice: ToolChoice, strict: Any, parameters: Any, schema: Any
) -> None:
    """For any seed, the arguments of each call are an object of the tool's schema."""
    request = request_with(Tool(name="f", parameters=parameters, strict=strict), choice=choice)
    engines, wanted = fresh(tokenizer), adapted(request, tokenizer)

    for seed in SEEDS:
        text = draw(engines, "STRUCTURAL_TAG", wanted, tokenizer, seed=seed)
        calls = arguments(text, tokenizer)

        assert calls
        for each in calls:
            jsonschema_rs.validate({"type": "object", **schema}, each)


def test_any_object_at_the_least(tokenizer: Any) -> None:
    """Where an operator has vLLM's own level, what is not strict is an object all the same."""
    request = request_with(Tool(name="f", parameters=WEATHER), choice="required")

    wanted = json.loads(adapted(request, tokenizer, enforces_all=False))

    schemas = {json.dumps(tag["content"]["json_schema"]) for tag in wanted["format"]["tags"]}
    assert schemas == {'{"type": "object"}'}


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (IGNORED, "at `/properties/a`: `uniqueItems`"),
        ({"type": "array"}, "`object`"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}, "`object`"),
    ],
)
@pytest.mark.parametrize(
    ("choice", "strict"), [("required", None), (NamedTool("f"), None), ("auto", True)], ids=str
)
def test_a_schema_that_cannot_be_enforced(
    tokenizer: Any, choice: ToolChoice, strict: Any, parameters: Any, reason: str
) -> None:
    """If it must be enforced, it is refused with the paths of the tool and the keyword."""
    fine = Tool(name="e", parameters=WEATHER)
    request = request_with(
        fine, Tool(name="f", parameters=parameters, strict=strict), choice=choice
    )
    if choice == NamedTool("f"):
        request = request_with(Tool(name="f", parameters=parameters, strict=strict), choice=choice)

    with pytest.raises(InvalidOption, match=reason) as refusal:
        adapted(request, tokenizer)

    place = "tools[1]" if len(request.prompt.tools) > 1 else "tools[0]"  # type: ignore[union-attr]
    assert refusal.value.option == f"{place}.function.parameters"


def test_a_tool_that_may_be_called(tokenizer: Any) -> None:
    """If optional calls are enforced too, one whose schema cannot be may be any object."""
    request = request_with(
        Tool(name="e", parameters=WEATHER), Tool(name="f", parameters=IGNORED), choice="auto"
    )

    wanted = json.loads(adapted(request, tokenizer))

    schemas = [each["content"]["json_schema"] for each in wanted["format"]["tags"]]
    assert schemas == [WEATHER, WEATHER, {"type": "object"}, {"type": "object"}]


def test_a_tag_of_the_request_itself() -> None:
    """Its schemas are enforced, or refused with the option."""
    calls = import_module("backends.vllm.requests.constraints").ToolCallConstraint(
        Generation(prompt="a", sampling=Sampling()),
        option="structured_outputs",
        enforces_all=True,
        max_spaces=None,
    )
    old = {"structures": [{"begin": "<a>", "schema": IGNORED, "end": ""}], "triggers": ["<a>"]}
    new = {"format": {"type": "json_schema", "json_schema": IGNORED}}

    for given in (old, new):
        with pytest.raises(InvalidOption, match="uniqueItems") as refusal:
            calls.adapted(json.dumps(given))

        assert refusal.value.option == "structured_outputs"


# ── JSON ──────────────────────────────────────────────────────────────────────


def bounded(max_spaces: int | None, **wanted: Any) -> Any:
    """Return the JSON Schema that the grammar engine gets."""
    params = import_module("vllm.sampling_params").StructuredOutputsParams(**wanted)
    import_module("backends.vllm.requests.constraints").restrict_json(params, max_spaces=max_spaces)
    return params.json


@pytest.mark.parametrize("wanted", [{"json": WEATHER}, {"json": json.dumps(WEATHER)}], ids=str)
def test_json_that_ends(tokenizer: Any, wanted: dict[str, Any]) -> None:
    """A text has one space at most between its parts, no parts beyond, and so an end."""
    engines, schema = fresh(tokenizer), json.dumps(bounded(1, **wanted))

    for seed in SEEDS:
        text = draw(engines, "JSON", schema, tokenizer, seed=seed)

        jsonschema_rs.validate(WEATHER, json.loads(text))
        assert "  " not in text


def test_spaces_as_the_request_says() -> None:
    """A request's own words, which vLLM's engine ignores, go before the model's option."""
    none = {"whitespace_flexible": False}

    assert bounded(1, json=WEATHER)["x-guidance"]["item_separator"] == ", ?"
    assert bounded(0, json=WEATHER)["x-guidance"] == none
    assert "x-guidance" not in bounded(None, json=WEATHER)
    assert bounded(1, json=WEATHER, disable_any_whitespace=True)["x-guidance"] == none
    spaces = bounded(1, json=WEATHER, whitespace_pattern="a")["x-guidance"]
    assert spaces == {"whitespace_pattern": "a"}
    assert bounded(1, json_object=True)["type"] == "object"


A, B = ({"type": "object", "properties": {name: {"type": "null"}}} for name in "ab")
CLOSED_A = {**A, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (A, CLOSED_A),
        ({**A, "additionalProperties": True}, {**A, "additionalProperties": True}),
        ({"type": "object"}, {"type": "object"}),
        ({"items": A}, {"items": CLOSED_A}),
        ({"$defs": {"x": A}}, {"$defs": {"x": CLOSED_A}}),
        ({"anyOf": [A, True]}, {"anyOf": [CLOSED_A, True]}),
        ({"allOf": [A, B]}, {"allOf": [A, B]}),
        ({**A, "anyOf": [A, B]}, {**A, "anyOf": [A, B]}),
        ({"allOf": [{"anyOf": [A, B]}]}, {"allOf": [{"anyOf": [A, B]}]}),
    ],
    ids=str,
)
def test_objects_are_closed(schema: Any, expected: Any) -> None:
    """An object has what its schema names, unless it is described in several places."""
    assert import_module("backends.vllm.requests.constraints").closed(schema) == expected


def test_no_schema_at_all() -> None:
    """Other values are not changed: the engine refuses them itself."""
    assert bounded(1, json="{") == "{"
    assert bounded(1, regex="a") is None

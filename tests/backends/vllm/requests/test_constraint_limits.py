"""How large a constraint may be, without an engine."""

from typing import Any

import pytest
from msgspec.structs import replace

from backends.base import Generation, JsonFormat
from backends.conversation import Conversation, Tool
from backends.failures import InvalidOption
from backends.vllm.requests.constraint_limits import check_constraints
from tests.backends.vllm.dialogue import generation

NESTED = "(" * 50_000 + ")" * 50_000


def with_tool(parameters: dict[str, Any]) -> Generation:
    """Return a request with one tool."""
    sent = generation()
    assert isinstance(sent.prompt, Conversation)
    prompt = replace(sent.prompt, tools=(Tool(name="f", parameters=parameters),))
    return replace(sent, prompt=prompt)


def with_format(schema: dict[str, Any]) -> Generation:
    """Return a request for JSON of *schema*."""
    return replace(generation(), format=JsonFormat(schema=schema))


def with_outputs(**outputs: Any) -> Generation:
    """Return a request with vLLM's own constraint."""
    return replace(generation(), engine_options={"structured_outputs": outputs})


@pytest.mark.parametrize(
    ("sent", "option"),
    [
        (with_format({"type": "string", "pattern": NESTED}), "response_format"),
        (with_format({"patternProperties": {NESTED: {}}}), "response_format"),
        (with_format({"enum": list(range(100_000))}), "response_format"),
        (with_outputs(regex=NESTED), "structured_outputs"),
        (with_outputs(choice=["a"] * 50_000), "structured_outputs"),
        (with_outputs(grammar="a" * 200_000), "structured_outputs"),
        (with_tool({"pattern": NESTED}), "tools[0].function.parameters"),
    ],
    ids=["pattern", "key", "enum", "regex", "choice", "grammar", "tool"],
)
def test_too_large(sent: Generation, option: str) -> None:
    """A constraint that would block or crash the server is refused with its option."""
    with pytest.raises(InvalidOption, match="too large") as refusal:
        check_constraints(sent)

    assert refusal.value.option == option


def test_no_further_than_needed() -> None:
    """What follows a constraint's first value too many is not read."""

    class Unread(list[Any]):
        def __iter__(self) -> Any:
            raise AssertionError

    with pytest.raises(InvalidOption, match="too large"):
        check_constraints(with_format({"a": Unread(), "pattern": NESTED * 2}))


@pytest.mark.parametrize(
    ("strict", "choice", "refused"),
    [(None, "auto", False), (True, "auto", True), (None, "required", True)],
)
def test_tools_together(*, strict: bool | None, choice: Any, refused: bool) -> None:
    """All tools that are compiled become one grammar, which has one limit."""
    tool = Tool(name="f", strict=strict, parameters={"": "x" * 1000})
    conversation = Conversation(generation().prompt.messages, (tool,) * 128, tool_choice=choice)
    sent = replace(generation(), prompt=conversation)

    if not refused:
        check_constraints(sent)
        return
    with pytest.raises(InvalidOption, match="too large") as refusal:
        check_constraints(sent)
    assert refusal.value.option == "tools[100].function.parameters"


def test_what_people_write() -> None:
    """A large schema passes, and so does a request without any constraint."""
    fields = {f"field_{at}": {"type": "string", "pattern": "^((a|b)+)$"} for at in range(500)}

    check_constraints(with_format({"type": "object", "properties": fields}))
    check_constraints(generation())

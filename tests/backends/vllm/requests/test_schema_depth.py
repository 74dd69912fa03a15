"""Which schemas would take more of a stack than there is."""

from typing import Any

import pytest

from backends.vllm.requests.schema_depth import is_too_deep


def chained(length: int, last: Any) -> dict[str, Any]:
    """Return a schema of so many definitions, each of which refers to the next."""
    steps = {
        f"d{at}": {"type": "array", "items": {"$ref": f"#/$defs/d{at + 1}"}} for at in range(length)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**steps, f"d{length}": last}}


def test_a_long_chain() -> None:
    """What ends llguidance is refused, whether references are named in one way or another."""
    assert is_too_deep(chained(1000, {}))
    assert not is_too_deep(chained(300, {}))


@pytest.mark.parametrize("last", [{"$ref": "#"}, {"$ref": "#/$defs/d0"}, {"$ref": "#/no/where"}])
def test_circles_and_nowhere(last: Any) -> None:
    """A schema that refers to itself, or to nothing, is as deep as it is."""
    assert not is_too_deep(chained(100, last))


def test_many_that_are_flat() -> None:
    """Definitions that are used often, and are not deep, are no chain."""
    flat = {f"d{at}": {"type": "string"} for at in range(400)}
    used = {f"p{at}": {"$ref": f"#/$defs/d{at % 400}"} for at in range(2000)}

    assert not is_too_deep({"type": "object", "properties": used, "$defs": flat})


def test_odd_references() -> None:
    """A reference of any form is looked up without an error."""
    odd = ["#/a~1b", "#/list/0", "#/list/9", "#/list/x", "http://x/y", "", 5, None, []]
    schema = {"a/b": {}, "list": [{}], "anyOf": [{"$ref": name} for name in odd]}

    assert not is_too_deep(schema)

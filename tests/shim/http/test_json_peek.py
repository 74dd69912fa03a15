"""The model's name is found in any body, and replaced without another byte."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shim.http.json_peek import peeked

values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
members = st.dictionaries(st.text(), values)


@settings(max_examples=40)
@given(members, st.text(), members, st.booleans(), st.sampled_from([(True, None), (False, 1)]))
def test_the_place_of_the_name(
    before: dict[str, Any],
    name: str,
    after: dict[str, Any],
    stream: bool,  # noqa: FBT001
    form: tuple[bool, int | None],
) -> None:
    """The bytes around the place are those around the value of `model`, whatever they are."""
    others = {"model", "stream"}
    body = {
        **{key: value for key, value in before.items() if key not in others},
        "model": name,
        "stream": stream,
        **{key: value for key, value in after.items() if key not in others | before.keys()},
    }
    text = bytearray(
        json.dumps(body, ensure_ascii=form[0], indent=form[1]).encode(errors="replace")
    )

    found = peeked(text)

    assert found is not None
    assert json.loads(text[found.name_start : found.name_end]) == found.model
    assert found.stream is stream
    renamed = text[: found.name_start] + b'"theirs"' + text[found.name_end :]
    assert json.loads(renamed) == {**json.loads(text), "model": "theirs"}


@settings(max_examples=40)
@given(members, st.sampled_from([None, 1]))
def test_a_body_without_a_name(body: dict[str, Any], indent: int | None) -> None:
    """A name can be inserted where the place is."""
    body.pop("model", None)
    text = json.dumps(body, indent=indent).encode()

    found = peeked(text)

    assert found is not None
    assert (found.model, found.has_name) == (None, False)
    comma = b"" if found.is_empty else b","
    inserted = text[: found.name_start] + b'"model":"m"' + comma + text[found.name_end :]
    assert json.loads(inserted) == {"model": "m", **body}


def test_what_is_not_an_object() -> None:
    """A body that is no object, or whose model is no string, is for the route to refuse."""
    for body in (b"", b"[]", b"{", b'{"model":5}', b'{"model":"\xff"}', b"[" * 100_000):
        assert peeked(body) is None


def test_a_null() -> None:
    """A null is no name, and is replaced."""
    found = peeked(b'{"model": null}')

    assert found is not None
    assert (found.model, found.has_name, found.name_start, found.name_end) == (None, True, 10, 14)

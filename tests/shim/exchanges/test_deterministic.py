"""Which requests have only one answer."""

from typing import Any

import pytest

from shim.exchanges.deterministic import facts, of_form


def found(content: dict[str, Any]) -> Any:
    """Return the facts of *content*, which is an object."""
    result = facts(content)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("value", "greedy"),
    [(0, True), (0.0, True), (None, False), (1e-9, False), (False, False), (1, False)],
)
def test_texts(value: Any, greedy: bool) -> None:  # noqa: FBT001
    """Only the number 0 as the temperature."""
    assert found({"temperature": value}).is_greedy == greedy


def test_without_a_temperature() -> None:
    """A text without a temperature is drawn, with a seed too."""
    assert not found({"seed": 1}).is_greedy


@pytest.mark.parametrize(
    ("content", "speech"),
    [
        ({}, "default"),
        ({"temperature": 0}, "default"),
        ({"temperature": "0"}, "default"),
        ({"temperature": 0.2}, "drawn"),
        ({"temperatures": "0"}, "greedy"),
        ({"temperatures": [0], "temperature": 0}, "greedy"),
        ({"temperatures": [0, 0.2]}, "drawn"),
        ({"temperatures": "0,0.2"}, "drawn"),
        ({"temperatures": 0, "temperature": 1}, "drawn"),
        ({"engine": '{"temperature": 0.5}'}, "drawn"),
        ({"transcription": {"temperatures": [0]}, "temperature": 0}, "greedy"),
        ({"transcription": {"engine": {"temperatures": [1]}}}, "drawn"),
    ],
)
def test_recordings(content: dict[str, Any], speech: str) -> None:
    """Temperature 0 alone is greedy; a temperature anywhere else may be drawn at."""
    assert found(content).speech == speech


@pytest.mark.parametrize(
    ("content", "refers"),
    [
        ({"messages": [{"content": [{"image_url": {"url": "HTTPS://h/a.png"}}]}]}, True),
        ({"messages": [{"content": [{"image_url": {"url": "data:image/png;base64,AA"}}]}]}, False),
        ({"prompt": "see https://h"}, False),
        ({"file_id": "file-1"}, True),
        ({"files": ["QUJD", {"file_id": "file-1"}]}, True),
        ({"files": ["QUJD"]}, False),
    ],
)
def test_urls(content: dict[str, Any], refers: bool) -> None:  # noqa: FBT001
    """What a URL leads to may be another picture tomorrow, and a file may be deleted."""
    assert found(content).refers_elsewhere == refers


def test_other_bodies() -> None:
    """A body that is not an object has no facts; a field of a form counts alone."""
    assert facts([1]) is None
    assert of_form({"a": ["1"], "b": ["1", "2"]}) == {"a": "1", "b": ["1", "2"]}

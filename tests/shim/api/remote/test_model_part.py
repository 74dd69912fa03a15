"""The model of a form is found in any division of its bytes; usages are found in answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.api.remote.model_part import ModelPart
from shim.api.remote.usage import usage_in
from shim.serving.request_metrics import RemoteUsage

BOUNDARY = "b0undary"
contents = st.binary(max_size=300) | st.just(f"\r\n--{BOUNDARY[:-1]}\r\n--\r".encode() * 5)


@given(
    st.lists(contents, max_size=3),
    st.sampled_from(["m", "org/a model", "é", ""]),
    st.lists(contents, max_size=2),
    st.lists(st.integers(1, 50), min_size=1),
)
def test_the_place_of_the_model(
    before: list[bytes], name: str, after: list[bytes], sizes: list[int]
) -> None:
    """The bytes at the place are the name, in a form in any pieces."""
    parts = [(b'name="file"; filename="a"', content) for content in before]
    parts += [(b'name="model"', name.encode())]
    parts += [(b'name="prompt"', content) for content in after]
    form = b"".join(
        b"--b0undary\r\nContent-Disposition: form-data; %b\r\nX-A: b\r\n\r\n%b\r\n" % part
        for part in parts
    )
    form += b"--b0undary--\r\n"
    found = ModelPart(BOUNDARY)
    start, turn = 0, 0
    while start < len(form):
        size = sizes[turn % len(sizes)]
        if found.feed(form[start : start + size]):
            break
        start, turn = start + size, turn + 1

    assert found.value == name
    assert form[found.start : found.end] == name.encode()


def test_a_form_without_a_model() -> None:
    """Only a part of that very name counts, and the end of the form ends the search."""
    form = b'--b\r\nContent-Disposition: form-data; name="model_name"\r\n\r\nx\r\n--b--\r\n'
    found = ModelPart("b")

    assert found.feed(form)
    assert found.value is None


@pytest.mark.parametrize(
    ("end", "usage"),
    [
        (
            b'{"text":"\\"usage\\":{}","usage":{"prompt_tokens":3,"completion_tokens":4,"more":{"a":1}}}',
            RemoteUsage(prompt_tokens=3, completion_tokens=4),
        ),
        (
            b'data: {"choices":[], "usage": {"input_tokens": 5, "output_tokens": 6}}\n\ndata: [D',
            RemoteUsage(prompt_tokens=5, completion_tokens=6),
        ),
        (b'{"text":"a","usage":{"type":"duration","seconds":7}}', RemoteUsage(audio_seconds=7)),
        (b'data: {"choices":[],"usage":null}\n\n', None),
        (b'{"usage":{"prompt_tokens":', None),
        (b"", None),
    ],
)
def test_usages(end: bytes, usage: RemoteUsage | None) -> None:
    """The last usage of an answer or of its last events is read by any of its names."""
    assert usage_in(end) == usage

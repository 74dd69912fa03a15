"""JSON answers: large ones are encoded in pieces, to the same bytes."""

import msgspec
import pytest

from backends.base import Candidate, Finish, TextDelta, TokenLogprob
from shim.api.chat.answer import completion
from shim.api.completions.answer import completion as text_completion
from shim.api.generation.heading import Heading
from shim.api.responses.answer import initial_response, response
from shim.api.responses.protocol import ResponsesRequest
from shim.http import json_answer
from shim.http.json_answer import encoded_in_pieces, json_response

HEADING = Heading("id", 1, "model", "fingerprint")
ROW = TokenLogprob(Candidate("a", -1.5, b"a"), (Candidate("ä", -0.5, "ä".encode()),) * 3)


def items(choices: int, tokens: int) -> list[TextDelta | Finish]:
    """Return an engine's items for *choices* choices of *tokens* tokens each."""
    return [
        item
        for index in range(choices)
        for item in (
            TextDelta(index=index, text="a" * tokens, logprobs=(ROW,) * tokens),
            Finish(index=index, reason="stop", prompt_tokens=1, completion_tokens=tokens),
        )
    ]


@pytest.mark.parametrize("tokens", [0, 1, 63, 64, 65, 1000])
def test_the_same_bytes(tokens: int) -> None:
    """The bytes are those of msgspec in one call, for answers of every text route."""
    generated = items(3, tokens)
    opened = initial_response(ResponsesRequest(input="x"), model="model")
    for answer in (
        completion(HEADING, generated),
        text_completion(HEADING, [(0, item) for item in generated], n=3),
        response(opened, items(1, tokens)),
    ):
        assert encoded_in_pieces(answer) == msgspec.json.encode(answer)


async def test_small_answers_are_made_inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without log probabilities, or with few, is made without a thread."""
    monkeypatch.setattr(json_answer, "encoded_in_pieces", None)
    generated = items(2, 10)

    result = await json_response(lambda: completion(HEADING, generated), generated)

    assert result.content == completion(HEADING, generated)


async def test_large_answers_are_encoded() -> None:
    """An answer with many log probabilities is JSON already."""
    generated = items(2, 1000)

    result = await json_response(lambda: completion(HEADING, generated), generated)

    assert result.content == msgspec.json.encode(completion(HEADING, generated))

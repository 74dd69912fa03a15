"""Text completions as OpenAI's client and as harnesses ask for them.

The strict client is not used: its types have no null among log probabilities, of which OpenAI's own
first one is, nor in a stream's `finish_reason`.
"""

from typing import Any

import httpx
import openai
import pytest

from tests.client.stock import KINDS, answered, collected
from tests.live import KEY, LiveServer

SUM = "<|user|>What is 3 plus 4?<|end|><|assistant|>"


@pytest.fixture(params=KINDS)
async def client(request: pytest.FixtureRequest, server: LiveServer) -> Any:
    """Connect the stock client, each kind in turn, to the built-in models."""
    client = KINDS[request.param](base_url=server.base_url, api_key=KEY, max_retries=0)
    yield client
    await answered(client.close())


async def complete(client: Any, **options: Any) -> Any:
    """Ask greedily for a completion."""
    call = client.completions.create(model="gpt-4o-mini", temperature=0, **options)
    return await answered(call)


async def test_a_text_is_continued(client: Any) -> None:
    """The answer is the text that follows, with OpenAI's object, an id and the tokens counted."""
    found = await complete(client, prompt=SUM)

    assert found.object == "text_completion"
    assert found.id.startswith("cmpl-")
    assert [(c.index, c.text, c.finish_reason) for c in found.choices] == [(0, "7", "stop")]
    assert found.choices[0].logprobs is None
    assert found.usage.prompt_tokens == 12
    assert found.usage.total_tokens == 12 + found.usage.completion_tokens


async def test_choices_are_numbered_by_prompt(client: Any) -> None:
    """Choice j of prompt i has the index i*n + j; a prompt's tokens count once."""
    found = await complete(client, prompt=[SUM, SUM.replace("3", "5")], n=2)

    assert [(c.index, c.text) for c in found.choices] == [(0, "7"), (1, "7"), (2, "9"), (3, "9")]
    assert found.usage.prompt_tokens == 24


@pytest.mark.parametrize("said", [{}, {"max_tokens": None}])
async def test_sixteen_tokens_unless_told(client: Any, said: dict[str, Any]) -> None:
    """OpenAI's default length: null is as if it were not there."""
    found = await complete(client, prompt="1 2 3", logprobs=0, extra_body={"ignore_me": 1, **said})

    assert found.choices[0].finish_reason == "length"
    assert found.usage.completion_tokens == 16
    assert len(found.choices[0].logprobs.tokens) == found.usage.completion_tokens


async def test_an_echo_without_log_probabilities(client: Any) -> None:
    """The prompt stands before the text, as it was sent."""
    found = await complete(client, prompt=SUM, echo=True)

    assert found.choices[0].text == f"{SUM}7"
    assert found.choices[0].logprobs is None


@pytest.mark.parametrize("logprobs", [None, 1])
async def test_a_stream_says_the_same(client: Any, logprobs: int | None) -> None:
    """Concatenated, a stream of several prompts is the whole answer, log probabilities too."""
    options = {"prompt": [SUM, "one two"], "echo": True, "logprobs": logprobs, "max_tokens": 4}
    whole = await complete(client, **options)

    stream = await complete(client, stream=True, stream_options={"include_usage": True}, **options)
    events = await collected(stream)

    *pieces, last = events
    assert last.choices == []
    assert last.usage == whole.usage
    assert all(piece.usage is None for piece in pieces)
    for choice in whole.choices:
        mine = [p.choices[0] for p in pieces if p.choices[0].index == choice.index]
        assert "".join(piece.text for piece in mine) == choice.text
        assert mine[-1].finish_reason == choice.finish_reason
        if logprobs is not None:
            told = [piece.logprobs for piece in mine if piece.logprobs]
            assert [t for one in told for t in one.tokens] == choice.logprobs.tokens
            assert [o for one in told for o in one.text_offset] == choice.logprobs.text_offset


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({"prompt": "a", "best_of": 3}, "best_of"),
        ({"prompt": [1, "a"]}, "prompt[1]"),
        ({"prompt": ["a", "a", [1]]}, "prompt[2]"),
        ({"prompt": "a", "stop": ["a", 5]}, "stop[1]"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": [10**6]}, "prompt"),
        ({"prompt": [-1]}, "prompt[0]"),
        ({"prompt": "a", "logprobs": 99}, "logprobs"),
        ({"prompt": "a", "max_tokens": -1}, "max_tokens"),
        ({"prompt": "a", "stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
async def test_refusals(client: Any, options: dict[str, Any], param: str) -> None:
    """What is wrong, or cannot be honoured, is refused by name."""
    with pytest.raises(openai.BadRequestError) as refusal:
        await complete(client, **options)

    assert refusal.value.param == param


async def test_too_long(client: Any) -> None:
    """Harnesses look for these words, and for this code."""
    with pytest.raises(openai.BadRequestError, match="maximum context length") as refusal:
        await complete(client, prompt="one " * 5000)

    assert refusal.value.code == "context_length_exceeded"
    assert refusal.value.param == "prompt"


async def test_one_bad_prompt_fails_the_batch(client: Any) -> None:
    """A batch is answered whole or not at all."""
    with pytest.raises(openai.BadRequestError):
        await complete(client, prompt=[SUM, "one " * 5000])


async def test_a_harness_with_explicit_nulls(server: LiveServer) -> None:
    """Fields that are null are not set, and `best_of: 1` asks for nothing."""
    names = ("logprobs", "echo", "stop", "seed", "n", "suffix", "stream", "logit_bias", "user")
    body = {"model": "gpt-4o-mini", "prompt": SUM, "temperature": 0.0, "best_of": 1}

    async with httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as http:
        answer = await http.post(f"{server.base_url}/completions", json=body | dict.fromkeys(names))

    assert answer.status_code == 200
    assert answer.json()["choices"][0]["text"] == "7"


@pytest.mark.parametrize("options", [{"top_p": 1e-300}, {"temperature": 1e-40}])
async def test_next_to_nothing(builtin: Any, options: dict[str, float]) -> None:
    """What is 0 in an engine's single precision is answered as 0 is."""
    prompt = {"model": "gpt-4o-mini", "prompt": SUM, "max_tokens": 8}

    greedy = await answered(builtin.completions.create(**prompt, temperature=0))
    found = await answered(builtin.completions.create(**prompt, **options))

    assert found.choices[0].text == greedy.choices[0].text != ""

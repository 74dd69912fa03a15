"""The choices that `evals` weighs have the log probabilities of the tokens behind the prompt."""

import httpx
import pytest

from evals.ask.client import connect
from evals.ask.task import Task
from evals.dataset import MultipleChoice
from evals.runner import attempt
from tests.live import KEY, LiveServer

MODEL = "gpt-4o-mini"
SAMPLE = MultipleChoice(
    index=0,
    id="c",
    target="東京",
    metadata={},
    prompt="Which one is the capital of Japan?",
    choices=["Oslo", "東京", "the horse 😀"],
    delimiter=" ",
)


@pytest.mark.parametrize("engine", ["server", "vllm_server"])
async def test_every_choice(engine: str, request: pytest.FixtureRequest) -> None:
    """Each value is the sum over the tokens whose `text_offset` is the prompt's end or later."""
    served: LiveServer = request.getfixturevalue(engine)

    async with connect(base_url=served.base_url, api_key=KEY) as client:
        result = await attempt(client, Task(model=MODEL), SAMPLE)

    assert result.answer is not None, result.error
    assert result.answer.loglikelihoods is not None
    for likelihood in result.answer.loglikelihoods:
        values = behind_the_prompt(served, likelihood.choice)
        assert likelihood.tokens == len(values)
        assert likelihood.value == pytest.approx(sum(values), abs=1e-3)


def behind_the_prompt(served: LiveServer, choice: str) -> list[float]:
    """Return the log probabilities of a choice's tokens, found by their offsets."""
    body = {"model": MODEL, "prompt": SAMPLE.text(choice), "echo": True, "max_tokens": 0}
    answer = httpx.post(
        f"{served.base_url}/completions",
        json=body | {"logprobs": 1},
        headers={"authorization": f"Bearer {KEY}"},
        timeout=60,
    )
    logprobs = answer.json()["choices"][0]["logprobs"]
    return [
        value
        for value, offset in zip(logprobs["token_logprobs"], logprobs["text_offset"], strict=True)
        if offset >= len(SAMPLE.prompt)
    ]

"""Questions with choices: the request, the tokens that count, and answers that give no number."""

import json
from typing import Any

import pytest
from openai import AsyncOpenAI

from evals.ask import choices
from evals.ask.retries import Tries
from evals.ask.task import Task
from evals.dataset import MultipleChoice
from evals.failures import NoLikelihood
from evals.result import Answer, Loglikelihood
from tests.evals.scripted_server import Reply, ScriptedServer

SAMPLE = MultipleChoice(
    index=0,
    id="c",
    target="New York",
    metadata={},
    prompt="Q: Where?\nA:",
    choices=["York", "New York"],
    delimiter=" ",
)
PROMPT = ["Q", ":", " Where", "?\n", "A", ":"]


def echo(text: str, tokens: list[str], *logprobs: float | None) -> dict[str, Any]:
    """Return a choice: *text*, its *tokens*, and the last ones' log probabilities."""
    filled = [None, *[-9.0] * (len(tokens) - len(logprobs) - 1), *logprobs]
    return {"text": text, "logprobs": {"tokens": tokens, "token_logprobs": filled}}


ALONE = echo(SAMPLE.prompt, PROMPT)
YORK = echo(SAMPLE.text("York"), [*PROMPT, " York"], -2.5)
NEW_YORK = echo(SAMPLE.text("New York"), [*PROMPT, " New", " York"], -1.0, -0.5)


def completion(*found: dict[str, Any]) -> Reply:
    """Return an answer with these choices, the last one first."""
    answer = {
        "model": "served",
        "choices": [one | {"index": index} for index, one in enumerate(found)][::-1],
        "usage": {"prompt_tokens": 21, "completion_tokens": 0, "total_tokens": 21},
    }
    return Reply(body=json.dumps(answer).encode(), headers={"x-request-id": "req-1"})


async def ask(client: AsyncOpenAI, **task: Any) -> Answer:
    """Send the sample once."""
    return await choices.ask(client, Task(model="m", **task), SAMPLE, Tries())


async def test_one_request_weighs_all(server: ScriptedServer, client: AsyncOpenAI) -> None:
    """The prompt alone and with each choice are echoed; of the task the model and extras count."""
    server.script.append(completion(ALONE, YORK, NEW_YORK))

    await ask(client, max_tokens=9, prompt="Sum.", seed=1, extra={"lora": "x"})

    [request] = server.requests
    assert request.path == "/v1/completions"
    assert request.json == {
        "model": "m",
        "prompt": ["Q: Where?\nA:", "Q: Where?\nA: York", "Q: Where?\nA: New York"],
        "echo": True,
        "max_tokens": 0,
        "logprobs": 1,
        "temperature": 0,
        "lora": "x",
    }


async def test_only_the_choice_counts(server: ScriptedServer, client: AsyncOpenAI) -> None:
    """The tokens behind those of the prompt are summed; the most probable choice is the text."""
    server.script.append(completion(ALONE, YORK, NEW_YORK))

    answer = await ask(client)

    assert answer == Answer(
        text="New York",
        loglikelihoods=[
            Loglikelihood(choice="York", value=-2.5, tokens=1),
            Loglikelihood(choice="New York", value=-1.5, tokens=2),
        ],
        model="served",
        prompt_tokens=21,
        request_id="req-1",
    )


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(body=b"<html>", kind="text/html"), "malformed"),
        (completion(YORK | {"logprobs": None}), r"Expected `object`, got `null`"),
        (completion(ALONE, YORK), "not the echo"),
        (completion(ALONE, NEW_YORK, YORK), "not the echo"),
        (completion(ALONE, YORK | {"text": "York"}, NEW_YORK), "not the echo"),
        (completion(ALONE, YORK, echo(SAMPLE.text("New York"), PROMPT)), "has none"),
        (
            completion(
                ALONE, YORK, echo(SAMPLE.text("New York"), [*PROMPT, " New", " York"], None)
            ),
            "has none",
        ),
        (
            completion(
                ALONE, YORK, echo(SAMPLE.text("New York"), [*PROMPT[:-1], ": ", "New", " York"])
            ),
            "':', the prompt's last token, is another one",
        ),
    ],
    ids=["page", "without", "few", "order", "no echo", "no token", "null", "boundary"],
)
async def test_no_number_is_a_failure(
    reply: Reply, reason: str, server: ScriptedServer, client: AsyncOpenAI
) -> None:
    """An answer from which one choice's value cannot be read has no values at all."""
    server.script.append(reply)

    with pytest.raises(NoLikelihood, match=reason):
        await ask(client)

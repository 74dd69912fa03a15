"""Sends a question with choices, has each choice weighed as its continuation, returns the answer.

One request of `/v1/completions` holds the prompt alone and the prompt with each choice. With `echo`
and `max_tokens: 0` the server writes nothing: it returns the log probability of every token. The
tokens of the prompt alone show where a choice begins, as in lm-evaluation-harness, which counts
them with the model's tokenizer. `text_offset` would not do: some servers count in it the text of
special tokens that no text holds.
"""

from typing import Any

import msgspec
from openai import AsyncOpenAI

from evals.ask.retries import Tries, send
from evals.ask.task import Task
from evals.dataset import MultipleChoice
from evals.failures import NoLikelihood
from evals.result import Answer, Loglikelihood


class _Logprobs(msgspec.Struct):
    tokens: list[str]
    token_logprobs: list[float | None]


class _Choice(msgspec.Struct):
    index: int
    text: str
    logprobs: _Logprobs


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None


class _Completion(msgspec.Struct):
    """What is read of the server's answer. The SDK does not check its types."""

    choices: list[_Choice]
    model: str | None = None
    usage: _Usage | None = None


async def ask(client: AsyncOpenAI, task: Task, sample: MultipleChoice, tries: Tries) -> Answer:
    """Request the loglikelihoods of all choices. Raises openai.APIError and NoLikelihood."""
    request = body(task, sample)
    response = await send(client.completions.with_raw_response.create(**request), tries)
    return read(request, sample, response.content, request_id=response.request_id)


def read(
    request: dict[str, Any], sample: MultipleChoice, content: bytes, *, request_id: str | None
) -> Answer:
    """Return the answer in *content*, the JSON of the answer to *request*. Raises NoLikelihood."""
    try:
        completion = msgspec.json.decode(content, type=_Completion)
        likelihoods = _weighed(sample, request["prompt"], completion.choices)
    except (msgspec.DecodeError, NoLikelihood) as error:
        raise NoLikelihood(
            f"no log probabilities of the choices: {error}", request_id=request_id
        ) from error
    return Answer(
        text=max(likelihoods, key=lambda one: one.value).choice,
        loglikelihoods=likelihoods,
        model=completion.model,
        prompt_tokens=completion.usage.prompt_tokens if completion.usage else None,
        request_id=request_id,
    )


def body(task: Task, sample: MultipleChoice) -> dict[str, Any]:
    """Return the arguments of `completions.create`; of *task* the model and *extra* count."""
    return {
        "model": task.model,
        "prompt": [sample.prompt, *(sample.text(choice) for choice in sample.choices)],
        "echo": True,
        "max_tokens": 0,
        # Not 0, which some servers read as "none". The numbers do not depend on it.
        "logprobs": 1,
        "temperature": 0,
        "extra_body": task.extra or None,
    }


def _weighed(
    sample: MultipleChoice, texts: list[str], answers: list[_Choice]
) -> list[Loglikelihood]:
    """Return the choices' loglikelihoods. Raises NoLikelihood if *answers* do not echo *texts*."""
    answers = sorted(answers, key=lambda answer: answer.index)
    if [answer.text for answer in answers] != texts:
        raise NoLikelihood("the answer is not the echo of its prompts")
    prompt, *continued = (answer.logprobs for answer in answers)
    return [
        Loglikelihood(choice=choice, value=sum(values), tokens=len(values))
        for choice, values in zip(
            sample.choices, (_continuation(prompt, whole) for whole in continued), strict=True
        )
    ]


def _continuation(prompt: _Logprobs, whole: _Logprobs) -> list[float]:
    """Return the log probabilities of the tokens that *whole* has after those of *prompt*."""
    begin = len(prompt.tokens)
    values = [value for value in whole.token_logprobs[begin:] if value is not None]
    if not values or not begin + len(values) == len(whole.tokens) == len(whole.token_logprobs):
        raise NoLikelihood("a token of a choice has none")
    if whole.tokens[:begin] != prompt.tokens:
        raise NoLikelihood(
            f"{prompt.tokens[-1]!r}, the prompt's last token, is another one before a choice:"
            " let the prompt end without white space"
        )
    return values

"""litellm against a chat model, whole and streamed, and deepeval through it."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import litellm
from task import MAX_TOKENS, TASKS, row, sums, write

IN_FLIGHT = 16


def main(base_url: str, model: str, out: str) -> None:
    """Write the scores to the file *out*."""
    # deepeval keeps files of its own where it runs, and reports home unless this is set.
    os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "1"
    from deepeval.models import LiteLLMModel  # noqa: PLC0415 - it reads the line above

    name = f"openai/{model}"
    given = {
        "model": name,
        "api_base": base_url,
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
        "response_format": {"type": "text"},
        "num_retries": 0,
    }
    limits = {"max_tokens": MAX_TOKENS, "num_retries": 0}
    judge = LiteLLMModel(model=name, base_url=base_url, generation_kwargs=limits)

    def whole(question: str) -> str:
        answer = litellm.completion(messages=_chat(question), **given)
        assert answer.usage.completion_tokens > 0, "no usage"  # noqa: S101
        return answer.choices[0].message.content

    def streamed(question: str) -> str:
        chunks = litellm.completion(messages=_chat(question), stream=True, **given)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    def by_deepeval(question: str) -> str:
        text, _ = judge.generate(question)
        return text

    samples = sums()
    questions = [question for question, _ in samples]
    ways = zip(TASKS, (whole, streamed, by_deepeval), strict=True)
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        rows = [row(task, samples, list(pool.map(way, questions))) for task, way in ways]
    harness = f"litellm {version('litellm')}, deepeval {version('deepeval')}"
    write(out, harness, rows)


def _chat(question: str) -> list[dict]:
    return [{"role": "user", "content": question}]


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Asks each question with OpenAI's client: whole, streamed, and as a response."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
from openai import OpenAI

DATA = Path(__file__).parents[2] / "data"
MAX_TOKENS = 48
IN_FLIGHT = 16


def questions() -> list[dict]:
    """Return the samples: 62 sums and 12 short questions."""
    files = (DATA / "sums.jsonl", DATA / "questions.jsonl")
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def row(task: str, samples: list[dict], answers: list[str]) -> dict:
    """Return the share of answers that contain the target, with the answers."""
    right = sum(sample["target"] in answer for sample, answer in zip(samples, answers, strict=True))
    return {"task": task, "score": right / len(samples), "samples": answers}


def main(base_url: str, model: str, out: str) -> None:
    """Ask all questions in each way, and write the scores to the file *out*."""
    client = OpenAI(base_url=base_url, max_retries=0)
    chat = {"model": model, "temperature": 0, "max_tokens": MAX_TOKENS}

    def whole(sample: dict) -> str:
        answer = client.chat.completions.create(messages=sample["messages"], **chat)
        return answer.choices[0].message.content

    def streamed(sample: dict) -> str:
        chunks = client.chat.completions.create(messages=sample["messages"], stream=True, **chat)
        return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)

    def response(sample: dict) -> str:
        return client.responses.create(
            model=model,
            input=sample["messages"],
            temperature=0,
            max_output_tokens=MAX_TOKENS,
            store=False,
        ).output_text

    samples = questions()
    ways = {"chat": whole, "chat, streamed": streamed, "response": response}
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        rows = [row(task, samples, list(pool.map(way, samples))) for task, way in ways.items()]
    scores = {"harness": f"openai {openai.__version__}", "rows": rows}
    Path(out).write_text(json.dumps(scores))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The tasks of this recipe, and what inspect-ai found for each sample."""

import json
from importlib.metadata import version
from pathlib import Path

from inspect_ai import Task, eval  # noqa: A004  its own name
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, Model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import tool

DATA = Path(__file__).parents[2] / "data"
SUMS = 16
WEIGHED = 6
"""Sums whose log probabilities are compared: in process each takes a second."""
MAX_TOKENS = 24
WEATHER = {"Paris": "17", "London": "8", "Berlin": "21", "Tokyo": "30"}
"""City → what the tool returns: no model knows it without a call."""
PICTURES = Path(__file__).parent / "pictures"
QUESTION = "What colour is this?"


def sums(count: int = SUMS, **options: object) -> Task:
    """Return the task of answering the first *count* sums, greedily."""
    lines = (DATA / "sums.jsonl").read_text().splitlines()[:count]
    read = [json.loads(line) for line in lines]
    samples = [
        Sample(input=[ChatMessageUser(content=one["messages"][0]["content"])], target=one["target"])
        for one in read
    ]
    config = GenerateConfig(temperature=0, max_tokens=MAX_TOKENS, **options)
    return Task(name="sums", dataset=samples, solver=generate(), scorer=includes(), config=config)


def weather() -> Task:
    """Return the task of calling a tool for each city; the answer has to contain its result."""
    samples = [
        Sample(input=f"What is the weather in {city}?", target=result)
        for city, result in WEATHER.items()
    ]
    return Task(
        name="weather",
        dataset=samples,
        solver=[use_tools(get_weather()), generate()],
        scorer=includes(),
        config=GenerateConfig(temperature=0, max_tokens=2 * MAX_TOKENS),
    )


@tool
def get_weather():  # noqa: ANN201  inspect-ai reads the types of what it returns
    """Return the tool that a model may call."""

    async def execute(city: str) -> str:
        """Return the weather in a city.

        Args:
            city: The city's name.
        """
        return WEATHER[city]

    return execute


def pictures() -> list[tuple[str, Path]]:
    """Return the name of each picture's colour, and its file."""
    return [(file.stem.partition("-")[0], file) for file in sorted(PICTURES.iterdir())]


def colours() -> Task:
    """Return the task of naming the colour of each picture, greedily."""
    samples = [
        Sample(
            input=[
                ChatMessageUser(content=[ContentImage(image=str(file)), ContentText(text=QUESTION)])
            ],
            target=name,
        )
        for name, file in pictures()
    ]
    config = GenerateConfig(temperature=0, max_tokens=MAX_TOKENS)
    return Task(
        name="colours", dataset=samples, solver=generate(), scorer=includes(), config=config
    )


def texts(row: str, task: Task, model: Model) -> dict:
    """Return a row of scores whose samples are the model's last texts."""
    return _row(row, task, model, lambda sample: sample.output.completion)


def calls(row: str, task: Task, model: Model) -> dict:
    """Return a row of scores whose samples are calls of tools, what they returned, and a text."""

    def called(sample: object) -> list[str]:
        asked = [
            f"{call.function} {json.dumps(call.arguments)}"
            for message in sample.messages
            for call in getattr(message, "tool_calls", None) or []
        ]
        returned = [one.text for one in sample.messages if one.role == "tool"]
        return [*asked, *returned, sample.output.completion]

    return _row(row, task, model, called)


def logprobs(row: str, task: Task, model: Model, *, at_once: int = 8) -> dict:
    """Return a row of scores whose samples are the log probabilities of the texts' tokens.

    *at_once* samples are generated at the same time.
    """
    return _row(
        row,
        task,
        model,
        lambda sample: [one.logprob for one in sample.output.choices[0].logprobs.content],
        at_once=at_once,
    )


def _row(row: str, task: Task, model: Model, got: object, *, at_once: int = 8) -> dict:
    (log,) = eval(task, model=model, log_dir="logs", display="none", max_connections=at_once)
    if log.status != "success":
        raise SystemExit(f"{row}: {log.status}: {log.error and log.error.message}")
    samples = sorted(log.samples, key=lambda sample: sample.id)
    (score,) = log.results.scores
    return {
        "task": row,
        "score": score.metrics["accuracy"].value,
        "samples": [got(sample) for sample in samples],
    }


def write(out: str, rows: list[dict]) -> None:
    """Write the scores to the file *out*."""
    scores = {"harness": f"inspect-ai {version('inspect-ai')}", "rows": rows}
    Path(out).write_text(json.dumps(scores))

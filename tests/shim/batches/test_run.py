"""The lines of one batch: what is sent, what is sent again, and what is written of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from backends.config import FakeModelConfig
from backends.fake import FakeChat
from shim.batches.attempts import Attempts, Stopped
from shim.batches.batch import Batch, Counts
from shim.batches.input import check
from shim.batches.line_request import AnswerCut, LineAnswer, LineRequest
from shim.batches.lines import Lines
from shim.batches.results import LineError, Results
from shim.batches.run import Run
from shim.batches.starts import Starts
from shim.batches.turns import Turns
from shim.serving.metrics import Metrics
from shim.serving.models import Models
from shim.serving.served_model import ServedModel

from .test_input import line

Answer = Callable[[int], Awaitable[LineAnswer]]
"""Returns the answer to the line with a number."""

GONE = LineError("gone", "not run")


def answer(status: int = 200, body: Any = None, **headers: str) -> LineAnswer:
    """Return an answer in JSON."""
    given = {"content-type": "application/json", "x-request-id": "r", **headers}
    return LineAnswer(
        status=status,
        headers=[(name.replace("_", "-").encode(), text.encode()) for name, text in given.items()],
        body=json.dumps({} if body is None else body).encode(),
    )


def models(*slots: int) -> Models:
    """Return a model for each number of *slots*: `m0`, `m1` and so on."""
    configs = [
        FakeModelConfig(id=f"m{index}", source="chat", max_running=count)
        for index, count in enumerate(slots)
    ]
    metrics = Metrics().requests
    return Models(ServedModel(each, FakeChat(each.options), metrics) for each in configs)


class Folder:
    """The folder of one batch of lines `0`, `1` … of the model `m0`, or of *models*."""

    def __init__(self, path: Path, count: int, *, models: tuple[str, ...] = ("m0",)) -> None:
        self.path = path
        (path / "input.jsonl").write_text(
            "".join(
                line(str(n), body={"model": models[n % len(models)], "n": n}) + "\n"
                for n in range(count)
            )
        )
        self.lines = Lines(path / "input.jsonl")
        check(
            self.lines,
            endpoint="/v1/chat/completions",
            most_lines=count,
            most_inputs=0,
            line_bytes=1000,
        )
        self.sent: Counter[int] = Counter()

    async def run(
        self, answered: Answer, turns: Turns, *, stop: asyncio.Event | None = None
    ) -> Results:
        """Run what has no result, with the answers of *answered*, until *stop*."""

        async def send(request: LineRequest) -> LineAnswer:
            number = json.loads(request.body)["n"]
            self.sent[number] += 1
            return await answered(number)

        results = self.results()
        starts = Starts(self.path / "starts")
        attempts = Attempts(send)
        run = Run(
            batch(),
            self.lines,
            results,
            starts,
            attempts=attempts,
            turns=turns,
            metrics=Metrics().batches,
        )
        stopping = asyncio.create_task(_stop(attempts, stop))
        try:
            await run.all_lines()
        finally:
            stopping.cancel()
            starts.close()
            await results.close()
        return results

    def results(self) -> Results:
        """Read the results of the folder."""
        results = Results(self.path, "batch_1", len(self.lines))
        results.read()
        return results

    def files(self) -> tuple[list[Any], list[Any]]:
        """Write the files of results, and return their lines."""
        answers, errors = self.results().write_files(self.lines, GONE)
        return _read(answers), _read(errors)


async def _stop(attempts: Attempts, when: asyncio.Event | None) -> None:
    if when is not None:
        await when.wait()
        attempts.stop()


def _read(path: Path | None) -> list[Any]:
    return [] if path is None else [json.loads(text) for text in path.read_text().splitlines()]


def batch() -> Batch:
    """Return a batch without a key."""
    return Batch(
        id="batch_1",
        owner="",
        endpoint="/v1/chat/completions",
        input_file_id="file-1",
        completion_window="24h",
        created_at=0,
        expires_at=1,
    )


async def test_results_are_in_the_order_of_the_lines(tmp_path: Path) -> None:
    """Answers are in the order of the input, however they come; failures in the other file."""
    folder = Folder(tmp_path, 4)

    async def answered(number: int) -> LineAnswer:
        for _ in range(10 - number):
            await asyncio.sleep(0)
        return answer(400 if number == 1 else 200, {"usage": {"prompt_tokens": 3}})

    results = await folder.run(answered, Turns(lambda: models(4)))
    answers, errors = folder.files()

    assert results.counts == Counts(total=4, completed=3, failed=1)
    assert results.usage.input_tokens == 9
    assert [each["custom_id"] for each in answers] == ["0", "2", "3"]
    assert [each["response"]["status_code"] for each in errors] == [400]
    assert {each["error"] for each in (*answers, *errors)} == {None}


@pytest.mark.parametrize(
    ("statuses", "sent"),
    [([429, 503, 502, 503, 503, 200], 6), ([500, 503, 500, 500], 4), ([404], 1), ([0, 0, 200], 3)],
)
async def test_faults_that_pass_are_sent_again(
    tmp_path: Path, statuses: list[int], sent: int
) -> None:
    """An overload is waited for; what may be the line's own fault has three attempts, as a cut."""
    folder = Folder(tmp_path, 1)
    left = iter(statuses)

    async def answered(_: int) -> LineAnswer:
        status = next(left)
        if not status:
            raise AnswerCut
        return answer(status, retry_after_ms="0")

    # A cut answer says nothing of when to come back.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("shim.batches.attempts._FIRST_PAUSE", 0.0)
        await folder.run(answered, Turns(lambda: models(1)))
    found = [each["response"]["status_code"] for part in folder.files() for each in part]

    assert folder.sent[0] == sent
    assert found == statuses[-1:]


async def test_models_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Of each model twice its slots are in flight, also if another model's never answers."""
    folder = Folder(tmp_path, 40, models=("m0", "m1"))
    stuck = asyncio.Event()

    async def answered(number: int) -> LineAnswer:
        if number % 2:
            await stuck.wait()
        if sum(folder.sent.values()) == 20 + 6:
            stuck.set()
        return answer()

    results = await folder.run(answered, Turns(lambda: models(1, 3)))

    assert results.counts.completed == 40


async def test_batches_take_turns(tmp_path: Path) -> None:
    """A batch that comes later gets as many turns as one with more lines that was there before."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    long, short = Folder(tmp_path / "a", 100), Folder(tmp_path / "b", 10)
    turns = Turns(lambda: models(1))
    began = asyncio.Event()

    async def answered(_: int) -> LineAnswer:
        began.set()
        await asyncio.sleep(0)
        return answer()

    running = asyncio.create_task(long.run(answered, turns))
    await began.wait()
    await short.run(answered, turns)
    before = long.sent.total()
    await running

    assert before < 30


async def test_a_stop_leaves_lines_for_the_next_start(tmp_path: Path) -> None:
    """What is in flight ends, what waits to be sent again does not, and the rest runs later."""
    folder = Folder(tmp_path, 20)
    stop = asyncio.Event()

    async def answered(number: int) -> LineAnswer:
        stop.set()
        await asyncio.sleep(0.01)
        return answer(503 if number == 0 else 200)

    with pytest.raises(Stopped):
        await folder.run(answered, Turns(lambda: models(1)), stop=stop)
    first = dict(folder.sent)

    async def fine(_: int) -> LineAnswer:
        return answer()

    results = await folder.run(fine, Turns(lambda: models(1)))

    assert set(first) == {0, 1}
    assert results.counts == Counts(total=20, completed=20)
    assert folder.sent == {**dict.fromkeys(range(20), 1), 0: 2}


async def test_a_line_that_kills_the_server_is_given_up(tmp_path: Path) -> None:
    """One that was in flight at two crashes runs last and alone, one at three gets an error."""
    folder = Folder(tmp_path, 6)
    (tmp_path / "starts").write_bytes(b"2\n2\n2\n1\n1\n3\n")
    order: list[int] = []

    async def answered(number: int) -> LineAnswer:
        order.append(number)
        await asyncio.sleep(0)
        return answer()

    await folder.run(answered, Turns(lambda: models(4)))
    answers, errors = folder.files()

    assert order == [2, 3, 4, 5, 0]
    assert [each["custom_id"] for each in answers] == ["0", "2", "3", "4", "5"]
    assert errors[0]["response"] is None
    assert errors[0]["error"]["code"] == "server_error"


async def test_an_orderly_stop_is_not_a_crash(tmp_path: Path) -> None:
    """A line that is stopped with the server, however often, is started again."""
    folder = Folder(tmp_path, 1)

    for _ in range(4):
        stop = asyncio.Event()

        async def busy(_: int, stop: asyncio.Event = stop) -> LineAnswer:
            stop.set()
            return answer(503)

        with pytest.raises(Stopped):
            await folder.run(busy, Turns(lambda: models(1)), stop=stop)

    assert folder.sent[0] == 4


async def test_lines_without_a_result_get_an_error(tmp_path: Path) -> None:
    """Of a batch that ends early each line has its place in one of the files."""
    folder = Folder(tmp_path, 3)

    answers, errors = folder.files()

    assert answers == []
    assert [each["custom_id"] for each in errors] == ["0", "1", "2"]
    assert errors[0]["error"] == {"code": "gone", "message": "not run"}


async def test_a_body_that_is_not_json_is_a_string(tmp_path: Path) -> None:
    """Subtitles are a string; JSON of another server is put on one line."""
    folder = Folder(tmp_path, 2)

    async def answered(number: int) -> LineAnswer:
        if number:
            return LineAnswer(
                status=200,
                headers=[(b"content-type", b"text/plain; charset=utf-8"), (b"x-request-id", b"r")],
                body=b"1\n2\n",
            )
        return LineAnswer(
            status=200,
            headers=[(b"content-type", b"application/json"), (b"x-request-id", b"r")],
            body=b'{\n "a": "b"\n}\n',
        )

    await folder.run(answered, Turns(lambda: models(2)))
    answers, _ = folder.files()

    assert [each["response"]["body"] for each in answers] == [{"a": "b"}, "1\n2\n"]

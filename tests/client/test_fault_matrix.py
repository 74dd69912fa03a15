"""Faults, routes, streamed or not: what the stock client sees, and that the server is well after.

The expected cells are those of the table in `docs/faults.md`, and of no other place.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import openai
import pytest

from tests.client.stock import collected, says
from tests.live import KEY, ROOT, LiveServer, serving

# The stock client warns of the end of its method for translations.
pytestmark = pytest.mark.filterwarnings("ignore:^deprecated$:DeprecationWarning")

PAGE = ROOT / "docs" / "faults.md"

RETRIES = 1
"""How often the client tries again; by default it would do so twice."""

ENGINES = {
    "ok": "",
    "full": "stall_after = 1\nstall_seconds = 600",
    "dead": "dead = true\nretry_after = 0.02",
    "dies": "fail_after = 1\nretry_after = 0.02",
    "hangs": "stall_after = 1\nstall_seconds = 600",
}
"""Options of the models of each kind: `ok-chat`, `full-chat` …"""

CONFIG = f"""
[server]
api_keys = ["{KEY}"]
allow_faults = true
[server.limits]
body_bytes = 65536
upload_bytes = 65536
""" + "".join(
    f"""
[[models]]
id = "{state}-{kind}"
backend = "fake"
source = "{kind}"
max_running = {1 if state == "full" else 64}
max_waiting = {0 if state == "full" else 64}
[models.options]
{options.replace("after = 1", "after = 0") if kind == "embedding" else options}
"""
    for kind in ("chat", "speech", "embedding")
    for state, options in ENGINES.items()
)

WORDS = "one two three"


class Case(NamedTuple):
    """A row: what is wrong with the request, or with what answers it."""

    state: str = "ok"
    """The first part of the model's name."""
    header: str | None = None
    timeout: float = 20.0
    key: str = KEY
    text: str = WORDS


CASES = {
    "the queue is full": Case(state="full"),
    "the engine is dead": Case(state="dead"),
    "the engine dies in the answer": Case(state="dies"),
    "the body is too large": Case(text="word " * 20_000),
    "the body is not JSON": Case(),
    "the key is wrong": Case(key="sk-wrong"),
    "the model is unknown": Case(state="no"),
    "the client leaves": Case(state="hangs"),
}
"""The rows that are not named by a header."""


Route = Callable[[Any, Case, dict[str, Any]], Awaitable[Any]]
"""Sends a request of a client; the last argument is passed on to it."""


def chats(client: Any, case: Case, more: dict[str, Any]) -> Awaitable[Any]:
    """Ask for a chat."""
    return client.chat.completions.create(
        model=f"{case.state}-chat", messages=says(case.text), **more
    )


def completions(client: Any, case: Case, more: dict[str, Any]) -> Awaitable[Any]:
    """Ask for a completion."""
    return client.completions.create(model=f"{case.state}-chat", prompt=case.text, **more)


def responses(client: Any, case: Case, more: dict[str, Any]) -> Awaitable[Any]:
    """Ask for a response."""
    return client.responses.create(model=f"{case.state}-chat", input=case.text, **more)


def embeddings(client: Any, case: Case, more: dict[str, Any]) -> Awaitable[Any]:
    """Ask for a vector."""
    return client.embeddings.create(model=f"{case.state}-embedding", input=case.text, **more)


def transcriptions(client: Any, case: Case, more: dict[str, Any]) -> Awaitable[Any]:
    """Upload a recording."""
    file = case.text.replace(" ", "\n").encode()
    return client.audio.transcriptions.create(model=f"{case.state}-speech", file=file, **more)


def translations(client: Any, case: Case, more: dict[str, Any]) -> Awaitable[Any]:
    """Upload a recording to translate it."""
    file = case.text.replace(" ", "\n").encode()
    return client.audio.translations.create(model=f"{case.state}-speech", file=file, **more)


ROUTES: dict[str, tuple[str, Route, bool]] = {
    "chat": ("/chat/completions", chats, False),
    "chat, streamed": ("/chat/completions", chats, True),
    "completion": ("/completions", completions, False),
    "completion, streamed": ("/completions", completions, True),
    "response": ("/responses", responses, False),
    "response, streamed": ("/responses", responses, True),
    "embedding": ("/embeddings", embeddings, False),
    "transcription": ("/audio/transcriptions", transcriptions, False),
    "transcription, streamed": ("/audio/transcriptions", transcriptions, True),
    "translation": ("/audio/translations", translations, False),
}
"""The columns: a path, what sends a request to it, and whether that is streamed."""


def is_whole(answer: Any) -> bool:
    """Return whether *answer*, or the list of a stream's items, has all words, or a vector."""
    if hasattr(answer, "data"):
        return len(answer.data[0].embedding) == 32
    text = "".join(map(str, answer)) if isinstance(answer, list) else str(answer)
    return "one" in text and "three" in text and is_finished(answer)


def is_finished(answer: Any) -> bool:
    """Return whether the items of a stream have its end."""
    if not isinstance(answer, list):
        return True
    kinds = {getattr(item, "type", "") for item in answer}
    reasons = [choice.finish_reason for item in answer for choice in getattr(item, "choices", ())]
    return any(reasons) or bool(kinds & {"response.completed", "transcript.text.done"})


class Watched:
    """A stock client, how many requests it has sent for each column, and how its server is."""

    def __init__(self, live: LiveServer, http: Any) -> None:
        self.sent: Counter[str] = Counter()
        self._url = live.url
        self._http = http
        http.event_hooks = {"request": [self._count]}
        # Not the strict one of the other tests: some answers here are not as OpenAI's types say.
        self._client = openai.AsyncOpenAI(base_url=live.base_url, api_key=KEY, http_client=http)

    async def _count(self, request: Any) -> None:
        self.sent[request.headers.get("x-column", "")] += 1

    def of(self, case: Case, column: str) -> Any:
        """Return the client for one cell."""
        fault = {} if case.header is None else {"x-shim-fault": case.header}
        return self._client.with_options(
            api_key=case.key,
            max_retries=RETRIES,
            timeout=case.timeout,
            default_headers={"x-column": column, **fault},
        )

    async def until_running(self, count: int) -> None:
        """Return when *count* requests have a slot, of all models."""
        async with asyncio.timeout(20):
            while await self._running() != count:
                pass

    async def _running(self) -> float:
        answer = await self._http.get(
            f"{self._url}/metrics", headers={"authorization": f"Bearer {KEY}"}
        )
        return sum(map(float, re.findall(r"(?m)^shim_requests_running\{.*\} (.+)", answer.text)))

    async def is_well(self) -> bool:
        """Return whether all slots are free soon, `/health` is 200, and answers are right."""
        await self.until_running(0)
        health = await self._http.get(f"{self._url}/health")
        case, columns = Case(), ("chat", "embedding", "transcription")
        answers = [await outcome(self.of(case, column), case, column) for column in columns]
        return health.status_code == 200 and answers == ["answer"] * 3


async def seen(watched: Watched, name: str, column: str) -> str:
    """Return what the client sees in one cell, and in how many attempts: `RateLimitError, 2`."""
    case = CASES.get(name) or Case(header=name, timeout=TIMEOUTS.get(name, 20))
    client = watched.of(case, column)
    before = watched.sent[column]
    try:
        if name == "the body is not JSON":
            what = await unreadable(client, column)
        else:
            what = await outcome(client, case, column)
    # Any exception is what the client sees.
    except Exception as error:  # noqa: BLE001
        what = SAME.get(type(error).__name__, type(error).__name__)
    return f"{what}, {watched.sent[column] - before}"


TIMEOUTS = {"stall=600": 0.2, "stall=600; after=1": 1, "stall=600; attempts=1": 1}
"""Seconds that the client waits for an answer; 20 in other rows. Where some of it, or a second
attempt, must arrive in time, also on a busy machine, it waits longer."""

SAME = {"ReadTimeout": "APITimeoutError", "RemoteProtocolError": "APIConnectionError"}
"""Names of httpx's errors in a stream, which clients before 3.0 do not rename."""


async def outcome(client: Any, case: Case, column: str) -> str:
    """Return whether the answer is whole; raise what the client raises."""
    _, send, streamed = ROUTES[column]
    answer = await send(client, case, {"stream": True} if streamed else {})
    if streamed:
        answer = await collected(answer)
    return "answer" if is_whole(answer) else "short answer"


async def unreadable(client: Any, column: str) -> str:
    """Send half an object; raise what the client raises."""
    path, _, _ = ROUTES[column]
    headers = {"content-type": "application/json"}
    await client.post(path, content=b'{"model": ', cast_to=object, options={"headers": headers})
    return "answer"


async def left(watched: Watched, name: str, column: str) -> str:
    """Leave when the engine computes; return the number of attempts."""
    task = asyncio.create_task(seen(watched, name, column))
    await watched.until_running(1)
    task.cancel()
    await asyncio.wait([task])
    await watched.until_running(0)
    assert task.cancelled()
    return f"-, {watched.sent[column]}"


# ── the server ────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve all models above."""
    file = tmp_path_factory.mktemp("matrix") / "shim.toml"
    file.write_text(CONFIG)
    with serving("--config", str(file)) as live:
        yield live


@asynccontextmanager
async def holding(watched: Watched) -> AsyncIterator[None]:
    """Take the only slot of each of the full models while the block runs."""
    case = Case(state="full")
    columns = ("chat", "embedding", "transcription")
    tasks = [asyncio.create_task(outcome(watched.of(case, "-"), case, name)) for name in columns]
    await watched.until_running(len(tasks))
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


# ── the table ─────────────────────────────────────────────────────────────────


def table() -> dict[str, dict[str, str]]:
    """Return the page's cells by row and column."""
    rows = [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().split("## The matrix")[1].splitlines()
        if line.startswith("|")
    ]
    (_, *columns), _, *cells = rows
    return {name: dict(zip(columns, row, strict=True)) for name, *row in cells}


TABLE = table()

SLOW = {"the queue is full"}
"""Rows with a Retry-After of several seconds, which the client waits for."""


class Row(NamedTuple):
    """A row as it was seen."""

    name: str
    seen: dict[str, str]
    well: bool


@pytest.fixture(scope="module")
async def watched(live: LiveServer) -> AsyncIterator[Watched]:
    """Connect the stock client."""
    async with openai.DefaultAsyncHttpxClient() as http:
        yield Watched(live, http)


async def cells(watched: Watched, name: str) -> list[str]:
    """Send the requests of one row, all at once where they do not disturb each other."""
    if name == "the client leaves":
        return [await left(watched, name, column) for column in ROUTES]
    async with AsyncExitStack() as stack:
        if name == "the queue is full":
            await stack.enter_async_context(holding(watched))
        return await asyncio.gather(*(seen(watched, name, column) for column in ROUTES))


ROWS = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in TABLE]


@pytest.fixture(scope="module", params=ROWS)
async def row(request: pytest.FixtureRequest, watched: Watched) -> Row:
    """Send the requests of one row; then see how the server is."""
    watched.sent.clear()
    found = dict(zip(ROUTES, await cells(watched, request.param), strict=True))
    return Row(request.param, found, await watched.is_well())


@pytest.mark.parametrize("column", ROUTES)
async def test_what_the_client_sees(row: Row, column: str) -> None:
    """The stock client raises, or returns, what the page says, after that many attempts."""
    assert row.seen[column] == TABLE[row.name][column]


async def test_the_server_is_well(row: Row) -> None:
    """After the fault no slot is held, `/health` is 200, and the next answers are right."""
    assert row.well


def test_the_size() -> None:
    """The page has at least 80 cells, and a column for each route."""
    assert sum(map(len, TABLE.values())) >= 80
    assert all([*cells] == [*ROUTES] for cells in TABLE.values())

"""The client: keys, addresses, timeouts, readiness, and the count of retries."""

import threading

import openai
import pytest
from openai import AsyncOpenAI

from evals.address import public
from evals.ask import chat
from evals.ask.client import await_ready, connect
from evals.ask.retries import Tries
from evals.ask.task import Task
from evals.dataset import Dialogue
from evals.failures import NoKey, ServerNotReady
from tests.evals.scripted_server import Reply, ScriptedServer, completion, error

TASK = Task(model="m")


async def test_a_loopback_server_needs_no_key(server: ScriptedServer, dialogue: Dialogue) -> None:
    """Without a key a placeholder goes to a server on this machine."""
    async with connect(base_url=server.base_url) as client:
        await chat.ask(client, TASK, dialogue, Tries())

    assert server.requests[0].headers["authorization"] == "Bearer no-key"


def test_another_machine_needs_a_key() -> None:
    """Without a key nothing is sent to another machine, and the message says what to set."""
    with pytest.raises(NoKey, match=r"https://api\.example\.com/v1 .* OPENAI_API_KEY"):
        connect(base_url="https://user:word@api.example.com/v1")


async def test_the_usual_environment_is_read(
    server: ScriptedServer, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPENAI_BASE_URL and OPENAI_API_KEY replace flags that are missing."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    async with connect() as client:
        await chat.ask(client, TASK, dialogue, Tries())

    assert server.requests[0].headers["authorization"] == "Bearer sk-secret"


async def test_no_proxy_before_loopback(
    server: ScriptedServer, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment is not used for a server on this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async with connect(base_url=server.base_url, max_retries=0) as client:
        answer = await chat.ask(client, TASK, dialogue, Tries())

    assert answer.text == "4"


def test_patience_by_default() -> None:
    """The defaults are 300 s and three retries."""
    client = connect(base_url="http://127.0.0.1:9/v1")

    assert isinstance(client.timeout, openai.Timeout)
    assert (client.timeout.read, client.max_retries) == (300.0, 3)


async def test_silence_ends_in_a_timeout(server: ScriptedServer, dialogue: Dialogue) -> None:
    """A server that is silent for longer than the timeout has failed."""
    hold = threading.Event()
    server.script.append(Reply(hold=hold))

    async with connect(base_url=server.base_url, timeout=0.1, max_retries=0) as client:
        with pytest.raises(openai.APITimeoutError):
            await chat.ask(client, TASK, dialogue, Tries())

    hold.set()


def test_public_addresses_hold_no_secrets() -> None:
    """User, password and query never reach a report."""
    assert public("https://u:p@host:1/v1?key=k") == "https://host:1/v1"


async def test_retries_are_counted_on_success(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """A 429 and then an answer is one retry of the SDK."""
    server.script.extend([error(429), completion("4")])
    tries = Tries()

    answer = await chat.ask(client, TASK, dialogue, tries)

    assert (answer.text, tries) == ("4", Tries(sdk=1))


async def test_retries_are_counted_on_failure(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """After the last retry its failure is raised, and every retry is counted."""
    server.script.extend([error(500), error(500), error(500)])
    tries = Tries()

    with pytest.raises(openai.InternalServerError):
        await chat.ask(client, TASK, dialogue, tries)

    assert (len(server.requests), tries) == (3, Tries(sdk=2))


async def test_a_server_that_becomes_ready(server: ScriptedServer, client: AsyncOpenAI) -> None:
    """The client waits for a server that answers 503, and counts the failed probes."""
    server.unready = 2

    assert await await_ready(client) == 2


async def test_a_server_without_a_list_of_models_is_ready(client: AsyncOpenAI) -> None:
    """A 404 is an answer: the server that sends it runs."""
    assert await await_ready(client, path="/nothing") == 0


async def test_nobody_there() -> None:
    """Without an answer in time the message names the address and the reason."""
    async with connect(base_url="http://127.0.0.1:9/v1") as client:
        with pytest.raises(ServerNotReady, match=r"http://127\.0\.0\.1:9/v1/ was not ready within"):
            await await_ready(client, seconds=0.1)


async def test_a_server_that_never_gets_ready(server: ScriptedServer) -> None:
    """The reason is on one line, without the key that the server repeats in it."""
    server.models = Reply(503, b"<p>sk-secret</p>\n" * 99, kind="text/html")

    async with connect(base_url=server.base_url, api_key="sk-secret") as client:
        with pytest.raises(ServerNotReady, match="was not ready within") as refusal:
            await await_ready(client, seconds=0.1)

    assert "sk-secret" not in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("key", ["sk-secret\n", " sk-secret\r\n"])
def test_a_variable_with_a_line_end(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is sent without the line end that it was read with."""
    monkeypatch.setenv("OPENAI_API_KEY", key)

    assert connect(base_url="http://127.0.0.1:9/v1").api_key == "sk-secret"


def test_a_key_that_no_header_carries() -> None:
    """The message names its source, and does not repeat it."""
    with pytest.raises(NoKey, match="the key in --api-key cannot be sent") as refusal:
        connect(base_url="http://127.0.0.1:9/v1", api_key="sk-sécret")

    assert "cret" not in str(refusal.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"])  # noqa: S104
def test_this_machine(host: str) -> None:
    """No spelling of its address needs a key, not even the one that servers print."""
    assert connect(base_url=f"http://{host}:9/v1").api_key == "no-key"

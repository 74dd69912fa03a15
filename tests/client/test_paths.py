"""Base URLs as people set them, Azure's too, and the errors for paths that are no route."""

from typing import Any

import httpx
import pytest
from openai import AzureOpenAI, NotFoundError, OpenAI

from tests.client.raw import connecting, head
from tests.client.stock import says
from tests.live import KEY, LiveServer

# The client's own word for a route that it still has.
pytestmark = pytest.mark.filterwarnings("ignore:^deprecated$:DeprecationWarning")

BASES = ["", "/", "/v1", "/v1/", "/v1/v1", "/openai/v1", "//v1", "/v1/chat/completions"]


def client(server: LiveServer, base: str) -> OpenAI:
    """Connect the stock client with a base URL that ends in *base*."""
    return OpenAI(base_url=f"{server.url}{base}", api_key=KEY, max_retries=0)


@pytest.mark.parametrize("base", BASES)
def test_base_urls(fakes: LiveServer, base: str) -> None:
    """The stock client's own calls are all answered."""
    openai = client(fakes, base)
    file = ("a.wav", b"good morning")

    chat = openai.chat.completions.create(model="echo", messages=says("a b"))  # type: ignore[arg-type]
    text = openai.completions.create(model="echo", prompt="a b")
    response = openai.responses.create(model="echo", input="a b")
    vector = openai.embeddings.create(model="vectors", input="a b")
    said = openai.audio.transcriptions.create(model="lines", file=file)
    translated = openai.audio.translations.create(model="lines", file=file)

    assert (chat.choices[0].message.content, text.choices[0].text) == ("a b", "a b")
    assert (response.output_text, len(vector.data)) == ("a b", 1)
    assert (said.text, translated.text) == ("good morning", "good morning")
    assert "echo" in [model.id for model in openai.models.list()]
    assert openai.models.retrieve("org/echo").id == "org/echo"


@pytest.mark.parametrize("base", ["/m/echo/v1", "/m/org/echo/v1/v1", "/m/echo", "/m/echo//v1"])
def test_with_a_model_in_the_url(fakes: LiveServer, base: str) -> None:
    """A base URL that names a model may be set so, too."""
    answer = client(fakes, base).chat.completions.create(model="x", messages=says("a b"))  # type: ignore[arg-type]

    assert answer.choices[0].message.content == "a b"


# ── Azure's ───────────────────────────────────────────────────────────────────


def azure(server: LiveServer, path: str = "", **options: Any) -> AzureOpenAI:
    """Connect the stock client for Azure, which sends the key in a header of its own."""
    given = {"api_key": KEY, "api_version": "2024-10-21", "max_retries": 0, **options}
    return AzureOpenAI(azure_endpoint=f"{server.url}{path}", **given)


@pytest.mark.parametrize("path", ["", "/", "/v1"])
def test_azure(fakes: LiveServer, path: str) -> None:
    """A deployment is a model, by its name or an alias; so it is where no route names one."""
    openai = azure(fakes, path)
    file = ("a.wav", b"good morning")

    chat = openai.chat.completions.create(model="team/a/echo", messages=says("a b"))  # type: ignore[arg-type]
    text = openai.completions.create(model="echo", prompt="a b")
    said = openai.audio.transcriptions.create(model="lines", file=file)
    vector = openai.embeddings.create(model="vectors", input="a b")
    response = openai.responses.create(model="echo", input="a b")

    assert (chat.choices[0].message.content, text.choices[0].text) == ("a b", "a b")
    assert (said.text, len(vector.data), response.output_text) == ("good morning", 1, "a b")
    assert "echo" in [model.id for model in openai.models.list()]


def test_a_deployment(fakes: LiveServer) -> None:
    """The URL's deployment answers, not the body's model; an unknown one is an unknown model."""
    chosen = azure(fakes, azure_deployment="echo")
    answer = chosen.chat.completions.create(model="gpt-4o", messages=says("a b"))  # type: ignore[arg-type]

    with pytest.raises(NotFoundError, match="`none` does not exist") as refusal:
        azure(fakes).chat.completions.create(model="none", messages=says("a"))  # type: ignore[arg-type]

    assert answer.choices[0].message.content == "a b"
    assert refusal.value.code == "model_not_found"


async def test_engines(http: httpx.AsyncClient, fakes: LiveServer) -> None:
    """So is the engine, in the paths of OpenAI's older clients."""
    for path, body in (
        ("/v1/engines/echo/completions", {"prompt": "a b"}),
        ("/v1/engines/org/echo/chat/completions", {"messages": says("a b")}),
        ("/v1/engines/vectors/embeddings", {"input": "a b"}),
    ):
        answer = await http.post(f"{fakes.url}{path}", json=body)

        assert answer.status_code == 200, path


def test_azures_key(fakes: LiveServer) -> None:
    """The header is as good as a bearer's key, and no better."""
    url = f"{fakes.base_url}/models"
    for headers, status in (
        ({"api-key": KEY}, 200),
        ({"api-key": KEY, "authorization": "Bearer"}, 200),
        ({"api-key": "no"}, 401),
        ({"api-key": ""}, 401),
        ({"x-api-key": KEY}, 401),
    ):
        assert httpx.get(url, headers=headers).status_code == status


# ── what is not there ─────────────────────────────────────────────────────────

NOWHERE = [
    "/",
    "/v1",
    "/v2/chat/completions",
    "/v1/fine_tuning/jobs",
    "/api/generate",
    "/v1/responses/r_1",
]


@pytest.mark.parametrize("path", NOWHERE)
async def test_the_base_url_is_named(http: httpx.AsyncClient, fakes: LiveServer, path: str) -> None:
    """A path that is no route is a 404 in OpenAI's shape, which names the right base URL."""
    answer = await http.get(f"{fakes.url}{path}")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "unknown_url")
    assert f"{fakes.url}/v1" in error["message"]


@pytest.mark.parametrize("host", ["[::1", "a b", "x" * 5000, "evil.example:99999", "", "\u00e9"])
async def test_odd_hosts(fakes: LiveServer, host: str) -> None:
    """An invalid host does not make the error another one, or a long one."""
    async with connecting(fakes) as connect:
        raw = await connect()
        raw.send(head(method="GET", path="/nowhere").replace(b"localhost", host.encode("latin-1")))
        answer = await raw.answer()

    assert answer.status in (400, 404)
    assert len(answer.body) < 4000


async def test_no_host(fakes: LiveServer) -> None:
    """Where the client names no host, the server's own address is named."""
    async with connecting(fakes) as connect:
        raw = await connect()
        raw.send(b"GET /nowhere HTTP/1.0\r\n\r\n")

        assert f"{fakes.url}/v1".encode() in await raw.ended()


async def test_slashes(fakes: LiveServer) -> None:
    """Slashes that a client writes twice, or behind a path, change nothing."""
    async with connecting(fakes) as connect:
        for path in ("//v1//models", "/v1/models/", "/models//", "/v1//models//org//echo//"):
            raw = await connect()
            raw.send(head(method="GET", path=path))

            assert (await raw.answer()).status == 200


# ── methods ───────────────────────────────────────────────────────────────────

GETS = ["/health", "/ready", "/metrics", "/openapi.json", "/v1/models", "/v1/models/echo"]
POSTS = ["/v1/chat/completions", "/chat/completions", "/v1/audio/transcriptions", "/tokenize"]


@pytest.mark.parametrize("path", [*GETS, "/models", "/tokenizer_info"])
async def test_head_and_options(http: httpx.AsyncClient, fakes: LiveServer, path: str) -> None:
    """HEAD is answered as GET without a body; OPTIONS names both, and needs no key."""
    url = f"{fakes.url}{path}"
    got, headed = await http.get(url), await http.head(url)
    async with httpx.AsyncClient() as keyless:
        asked = await keyless.options(url)

    assert headed.status_code == got.status_code
    assert headed.content == b""
    assert headed.headers["content-type"] == got.headers["content-type"]
    assert (asked.status_code, asked.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", GETS)
async def test_a_get_that_is_posted(http: httpx.AsyncClient, fakes: LiveServer, path: str) -> None:
    """Another method is a 405 that names those that are allowed."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
        answer = await http.request(method, f"{fakes.url}{path}")

        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert "Allowed here: GET, HEAD, OPTIONS." in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", POSTS)
async def test_a_post_that_is_got(http: httpx.AsyncClient, fakes: LiveServer, path: str) -> None:
    """So it is where only POST is."""
    for method in ("GET", "DELETE"):
        answer = await http.request(method, f"{fakes.url}{path}")

        assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")
        assert answer.json()["error"]["code"] == "method_not_allowed"
    asked = await http.options(f"{fakes.url}{path}", headers={"authorization": ""})
    assert (asked.status_code, asked.headers["allow"]) == (204, "OPTIONS, POST")

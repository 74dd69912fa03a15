"""The stock client's files: upload, pages, content, deletion, keys and limits."""

import asyncio
import filecmp
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.client.raw import connecting, head
from tests.client.stock import KINDS, answered, connect
from tests.live import KEY, LiveServer, serving

OTHER_KEY = "sk-other"
LINES = b'{"custom_id": "a"}\n{"custom_id": "b"}\n'
FILE_BYTES = 300_000
MOST_BYTES = 1 << 20


def storing_in(folder: Path) -> Any:
    """Serve files in *folder*, in strict mode, with two keys and small limits."""
    return serving(
        "--model",
        "echo=fake:chat",
        SHIM_STRICT="true",
        SHIM_API_KEYS=f"{KEY},{OTHER_KEY}",
        SHIM_BATCHES_DIRECTORY=str(folder),
        SHIM_BATCHES_FILE_BYTES=str(FILE_BYTES),
        SHIM_BATCHES_MAX_BYTES=str(MOST_BYTES),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where files are kept."""
    return tmp_path_factory.mktemp("batches") / "new"


@pytest.fixture(scope="module")
def storing(folder: Path) -> Iterator[LiveServer]:
    """Serve files."""
    with storing_in(folder) as live:
        yield live


@pytest.fixture(params=KINDS)
async def client(request: pytest.FixtureRequest, storing: LiveServer) -> AsyncIterator[Any]:
    """Return either client; remove its files at the end."""
    client = connect(request.param, storing)
    yield client
    for file in (await answered(client.files.list())).data:
        await answered(client.files.delete(file.id))
    await answered(client.close())


async def test_the_life_of_a_file(client: Any) -> None:
    """What is uploaded is described, listed and read back, until it is deleted."""
    named = ("лекция.jsonl", LINES)
    file = await answered(client.files.create(file=named, purpose="batch"))
    described = await answered(client.files.retrieve(file.id))
    listed = await answered(client.files.list())
    content = await answered(client.files.content(file.id))
    waited = await answered(client.files.wait_for_processing(file.id))
    deleted = await answered(client.files.delete(file.id))
    with pytest.raises(openai.NotFoundError) as gone:
        await answered(client.files.retrieve(file.id))

    assert described == file == waited
    assert (file.object, file.bytes, file.purpose) == ("file", len(LINES), "batch")
    assert file.filename == "лекция.jsonl"
    assert file.expires_at == file.created_at + 30 * 24 * 3600
    assert [each.id for each in listed.data] == [file.id]
    assert content.read() == LINES
    assert (deleted.id, deleted.deleted) == (file.id, True)
    assert gone.value.code == "file_not_found"


async def created(client: Any, count: int, purpose: str = "batch") -> list[str]:
    """Upload *count* files, one after the other; return their ids."""
    return [
        (await answered(client.files.create(file=LINES, purpose=purpose))).id for _ in range(count)
    ]


async def ids(pages: Any) -> list[str]:
    """Return the ids in a list that the client follows from page to page."""
    if hasattr(pages, "__aiter__"):
        return [file.id async for file in pages]
    return [file.id for file in pages]


async def test_pages(client: Any) -> None:
    """The client follows pages of three through ten files, in both orders, and by purpose."""
    made = await created(client, 10)
    other = await created(client, 2, "user_data")

    newest_first = await ids(client.files.list(limit=3, purpose="batch"))
    oldest_first = await ids(client.files.list(limit=3, purpose="batch", order="asc"))

    assert newest_first == made[::-1]
    assert oldest_first == made
    assert await ids(client.files.list()) == (made + other)[::-1]
    assert await ids(client.files.list(purpose="batch_output")) == []


async def test_deleting_along_a_list(client: Any) -> None:
    """A page follows a file that was deleted when the page before was read."""
    made = await created(client, 5)

    seen = []
    page = await answered(client.files.list(limit=2))
    while True:
        for file in page.data:
            await answered(client.files.delete(file.id))
            seen.append(file.id)
        if not page.has_next_page():
            break
        page = await answered(page.get_next_page())

    assert seen == made[::-1]
    assert (await answered(client.files.list())).data == []


async def test_expiry(client: Any) -> None:
    """A file lives as long as its upload says."""
    after: Any = {"anchor": "created_at", "seconds": 3600}

    file = await answered(client.files.create(file=LINES, purpose="batch", expires_after=after))

    assert file.expires_at == file.created_at + 3600


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"purpose": "training"}, "purpose"),
        ({"expires_after": {"anchor": "created_at", "seconds": 60}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "now", "seconds": 3600}}, "expires_after.anchor"),
        ({"expires_after": {"seconds": 3600}}, "expires_after.anchor"),
        ({"extra_body": {"colour": "red"}}, "colour"),
        ({"file": ("a" * 256, LINES)}, "file"),
    ],
    ids=["purpose", "seconds", "anchor", "no anchor", "unknown", "name"],
)
async def test_a_wrong_field(client: Any, more: dict[str, Any], param: str) -> None:
    """An upload with a wrong field is refused by its name, and nothing is stored."""
    with pytest.raises(openai.BadRequestError) as refusal:
        await answered(client.files.create(**{"file": LINES, "purpose": "batch", **more}))

    assert refusal.value.param == param
    assert (await answered(client.files.list())).data == []


async def test_an_unknown_field(client: Any) -> None:
    """Outside of strict mode an unknown field is ignored."""
    lenient = {"x-shim-strict": "false"}

    file = await answered(
        client.files.create(
            file=LINES, purpose="batch", extra_body={"colour": "red"}, extra_headers=lenient
        )
    )

    assert (await answered(client.files.retrieve(file.id))).bytes == len(LINES)


def test_a_file_before_its_fields(storing: LiveServer) -> None:
    """The fields may follow the file, as some clients send them."""
    parts = [("file", ("a.jsonl", LINES)), ("purpose", (None, "batch"))]
    with httpx.Client(headers={"authorization": f"Bearer {KEY}"}) as http:
        stored = http.post(f"{storing.base_url}/files", files=parts)
        without = http.post(f"{storing.base_url}/files", files=parts[:1])
        deleted = http.delete(f"{storing.base_url}/files/{stored.json()['id']}")

    assert (stored.status_code, stored.json()["purpose"]) == (200, "batch")
    assert (without.status_code, without.json()["error"]["param"]) == (400, "purpose")
    assert deleted.status_code == 200


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"order": "up"}, "order"),
        ({"after": "file-1"}, "after"),
        ({"purpose": "training"}, "purpose"),
    ],
)
async def test_a_wrong_query(client: Any, query: dict[str, Any], param: str) -> None:
    """A list with a wrong parameter is refused by its name: an `after` must not be ignored."""
    with pytest.raises(openai.BadRequestError) as refusal:
        await answered(client.files.list(**query))

    assert refusal.value.param == param


async def test_keys(client: Any, storing: LiveServer) -> None:
    """A file belongs to the key that it was sent with: to another key it does not exist."""
    (file,) = await created(client, 1)

    with openai.OpenAI(base_url=storing.base_url, api_key=OTHER_KEY, max_retries=0) as other:
        for ask in (other.files.retrieve, other.files.content, other.files.delete):
            with pytest.raises(openai.NotFoundError):
                ask(file)
        listed = other.files.list().data

    assert listed == []
    assert (await answered(client.files.retrieve(file))).id == file


async def test_limits(client: Any, folder: Path, storing: LiveServer) -> None:
    """A file that is too large is a 413; one beyond the quota is not tried again."""
    with pytest.raises(openai.APIStatusError) as large:
        await answered(client.files.create(file=b"a" * (FILE_BYTES + 1), purpose="batch"))
    size = FILE_BYTES - 10_000
    for _ in range(MOST_BYTES // size):
        await answered(client.files.create(file=b"a" * size, purpose="user_data"))
    with pytest.raises(openai.BadRequestError) as full:
        await answered(
            client.with_options(max_retries=2).files.create(file=b"a" * size, purpose="batch")
        )
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as http:
        metrics = (await http.get(f"{storing.url}/metrics")).text

    assert (large.value.status_code, large.value.code) == (413, "content_too_large")
    assert full.value.code == "storage_quota_exceeded"
    assert str(MOST_BYTES) in full.value.message
    assert "x-stainless-retry-count" in full.value.request.headers
    assert full.value.request.headers["x-stainless-retry-count"] == "0"
    assert f"shim_file_bytes {float(3 * size)}" in metrics
    assert "shim_files 3.0" in metrics
    assert list((folder / "uploads").iterdir()) == []


async def until_some(folder: Path, count: int) -> None:
    """Wait until *folder* has *count* files."""
    async with asyncio.timeout(30):
        while len(list(folder.iterdir())) != count:  # noqa: ASYNC110, ASYNC240  no event
            await asyncio.sleep(0.01)


async def test_a_kill_in_an_upload(tmp_path: Path) -> None:
    """What a client or the server does not end is gone, and all else is there."""
    uploads = tmp_path / "uploads"
    part = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    with storing_in(tmp_path) as server:
        with openai.OpenAI(base_url=server.base_url, api_key=KEY) as client:
            whole = client.files.create(file=LINES, purpose="batch").id
        async with connecting(server) as connect_raw:
            kind = "content-type: multipart/form-data; boundary=b"
            for is_last in (False, True):
                raw = await connect_raw()
                raw.send(head("content-length: 290000", kind, path="/v1/files") + part + b"a")
                await until_some(uploads, 1)
                if is_last:
                    break
                await raw.close()
                await until_some(uploads, 0)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        begun = list(uploads.iterdir())
    with (
        storing_in(tmp_path) as server,
        openai.OpenAI(base_url=server.base_url, api_key=KEY) as client,
    ):
        listed = [file.id for file in client.files.list()]
        content = client.files.content(whole).read()

    assert len(begun) == 1
    assert list(uploads.iterdir()) == []
    assert listed == [whole]
    assert content == LINES


def resident_bytes(server: LiveServer) -> int:
    """Return how much memory the process has had at most."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) << 10


@pytest.mark.slow
def test_a_large_file_takes_no_memory(tmp_path: Path) -> None:
    """A file of 200 MB goes to the disk and back in pieces of a megabyte."""
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * (200 << 12))
    with (
        serving("--model", "echo=fake:chat", SHIM_BATCHES_DIRECTORY=str(tmp_path / "b")) as server,
        openai.OpenAI(base_url=server.base_url, api_key=KEY, timeout=120) as client,
    ):
        before = resident_bytes(server)
        file = client.files.create(file=large, purpose="user_data")
        client.files.content(file.id).write_to_file(tmp_path / "back")
        more = resident_bytes(server) - before

    assert file.bytes == 200 << 20
    assert filecmp.cmp(large, tmp_path / "back", shallow=False)
    assert more < 32 << 20


def test_a_server_without_a_directory(fakes: LiveServer) -> None:
    """The routes of a server that stores no files say how to switch them on."""
    with openai.OpenAI(base_url=fakes.base_url, api_key=KEY, max_retries=0) as client:
        for ask in (
            client.files.list,
            lambda: client.files.create(file=LINES, purpose="batch"),
            lambda: client.files.retrieve("file-1"),
        ):
            with pytest.raises(openai.NotFoundError, match="SHIM_BATCHES_DIRECTORY") as refusal:
                ask()

            assert refusal.value.code == "not_enabled"

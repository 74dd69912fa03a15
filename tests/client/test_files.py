"""The stock client's files: upload, pages, content, deletion, keys and limits."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest

from tests.client.stock import KINDS, answered, connect
from tests.live import KEY, LiveServer, serving

OTHER_KEY = "sk-other"
LINES = b'{"custom_id": "a"}\n{"custom_id": "b"}\n'


@pytest.fixture(scope="module")
def storing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve files, in strict mode and with two keys."""
    folder = tmp_path_factory.mktemp("batches")
    with serving(
        "--model",
        "echo=fake:chat",
        SHIM_STRICT="true",
        SHIM_API_KEYS=f"{KEY},{OTHER_KEY}",
        SHIM_BATCHES_DIRECTORY=str(folder),
        SHIM_BATCHES_FILE_BYTES="5000000",
    ) as live:
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
    file = await answered(
        client.files.create(
            file=("лекция.jsonl", LINES),
            purpose="batch",
        )
    )
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

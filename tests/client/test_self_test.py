"""A model whose first call cannot work, under a live server and its command line."""

import os
import subprocess
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.client.stock import connect, says
from tests.live import BUILTIN, CLIPS, KEY, PYTHON, LiveServer, serving

# What a release with another interface does: the models load, and no recording can be opened.
BROKEN = """
import av

def broken(*_, **__):
    raise TypeError("open() got an unexpected keyword argument 'metadata_errors'")

av.open = av.container.open = broken
"""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a Python whose PyAV cannot open files."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "sitecustomize.py").write_text(BROKEN)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(scope="module")
def half(broken: dict[str, str]) -> Iterator[LiveServer]:
    """Serve the built-in models, of which the one for speech cannot work."""
    with serving("--api-key", KEY, **broken) as live:
        yield live


async def test_it_is_not_ready(half: LiveServer) -> None:
    """`/ready` is a 503, which names the model to those with a key; the process lives."""
    key = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=half.url) as http:
        health, ready = await http.get("/health"), await http.get("/ready")
        shown = await http.get("/ready", headers=key)

    assert health.status_code == 200
    assert (ready.status_code, ready.json()) == (503, {"ready": False})
    assert shown.status_code == 503
    assert shown.json() == {"ready": False, "models": {"toy-speech": False, "toy-chat": True}}


@pytest.mark.parametrize("stream", [False, True])
async def test_it_is_refused(half: LiveServer, *, stream: bool) -> None:
    """A request is a 503 that names the model, which the client raises without retries."""
    client = connect("async", half, max_retries=5)

    with pytest.raises(openai.InternalServerError) as failure:
        await client.audio.transcriptions.create(
            model="whisper-1", file=CLIPS / "en-01-espeak-en-us-f4.flac", stream=stream
        )

    await client.close()
    assert failure.value.status_code == 503
    assert failure.value.code == "model_unavailable"
    assert "`whisper-1` cannot answer: its self-test failed" in failure.value.body["message"]
    assert failure.value.response.headers["x-should-retry"] == "false"


async def test_others_go_on(half: LiveServer) -> None:
    """The model beside it answers."""
    client = connect("async", half)

    answer = await client.chat.completions.create(
        model="toy-chat", messages=says("What is 3 plus 4?"), temperature=0
    )

    await client.close()
    assert "7" in answer.choices[0].message.content


def test_it_counts_nowhere() -> None:
    """A server that nobody has asked anything has no batch of a self-test in its metrics."""
    with serving("--api-key", KEY) as fresh:
        metrics = httpx.get(f"{fresh.url}/metrics", headers={"authorization": f"Bearer {KEY}"})

    assert 'shim_requests_running{model="toy-speech"} 0.0' in metrics.text
    assert "shim_batch_size_count" not in metrics.text


def test_the_only_model(broken: dict[str, str]) -> None:
    """A server whose only model cannot work ends with one line that says why."""
    command = [PYTHON, "-m", "shim", "serve", "--port", "0"]

    done = subprocess.run(  # noqa: S603
        [*command, "--model", f"mine=whisper:{BUILTIN / 'speech'}"],
        env={**os.environ, **broken},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "Error: The model 'mine' failed its self-test: TypeError: open() got an unexpected keyword "
        "argument 'metadata_errors'\n"
    )

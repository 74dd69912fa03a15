"""What faster-whisper gives offline, the server gives online: alone, and 32 at once."""

import asyncio
import io
import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import httpx
import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from backends.audio.samples import FULL_SCALE, Samples
from backends.whisper.features import Extractor, one_thread_each
from tests.fidelity.options import ROWS, SURE, SURE_OFFLINE, Row
from tests.fidelity.recordings import recording
from tests.fidelity.transcripts import Transcript, assert_transcript, text_of
from tests.live import BUILTIN, CLIPS, KEY, LiveServer, serving
from tests.reference import decode_audio

pytestmark = pytest.mark.usefixtures("frozen_garbage")

CASES = [(row, name) for row in ROWS for name in row.recordings]
FIRST = [at for at, (row, name) in enumerate(CASES) if name == row.recordings[0]]
"""One case of each row."""
ALONE = {"defaults", "long", "words", "vad", "translation"}
"""Rows that are tried alone in the quick run, where 32 in flight are compared for all of them."""
IN_FLIGHT = 32

Offline = Callable[[int], Transcript]


@pytest.fixture(scope="module")
def batching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the built-in speech model so that as many are in work as are in flight."""
    config = tmp_path_factory.mktemp("fidelity") / "shim.toml"
    config.write_text(
        f'[server]\napi_keys = ["{KEY}"]\n[[models]]\nid = "whisper-1"\nbackend = "whisper"\n'
        f'source = "{BUILTIN / "speech"}"\nmax_running = {IN_FLIGHT}\n'
        '[models.options]\ndevice = "cpu"\ncompute_type = "int8"\ncpu_threads = 1\nmax_batch = 8\n'
    )
    with serving("--config", str(config)) as live:
        yield live


def loaded() -> WhisperModel:
    """Load the built-in speech model as its users would offline.

    But for the spectrogram, which is ours: its last bit, which OpenBLAS chooses by threads and
    blocks, is enough to change what a toy makes of 50 seconds. `test_features.py` compares it with
    faster-whisper's.
    """
    model = WhisperModel(str(BUILTIN / "speech"), device="cpu", compute_type="int8", cpu_threads=1)
    model.feature_extractor = Spectrogram(model.feature_extractor, Samples([]))
    return model


class Spectrogram(Extractor):
    """Ours, of whatever samples faster-whisper has decoded."""

    def __call__(self, audio: NDArray[np.float32], *args: Any, **given: Any) -> NDArray[np.float32]:
        """Return the log-mel spectrogram of *audio*."""
        self._samples = Samples([(audio * FULL_SCALE).astype(np.int16)])
        return super().__call__(audio, *args, **given)


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    """Load a model for several calls."""
    return loaded()


@pytest.fixture(scope="module")
def offline() -> Offline:
    """Transcribe a case as its users would offline, once."""

    @cache
    def transcribe(at: int) -> Transcript:
        row, name = CASES[at]
        # Anew for each: faster-whisper keeps a window's length from one call to the next.
        with one_thread_each():
            segments, info = loaded().transcribe(
                decode_audio(io.BytesIO(recording(name))), word_timestamps=row.words, **row.offline
            )
            return list(segments), info

    return transcribe


async def online(http: httpx.AsyncClient, row: Row, name: str) -> dict[str, Any]:
    """Transcribe a case through HTTP."""
    granularities = ["segment", "word"] if row.words else ["segment"]
    form = {
        "model": "whisper-1",
        "response_format": "verbose_json",
        "timestamp_granularities[]": granularities,
        **{key: str(v).lower() if isinstance(v, bool) else v for key, v in row.form.items()},
    }
    answer = await http.post(f"audio/{row.route}", data=form, files={"file": recording(name)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def client(server: LiveServer) -> httpx.AsyncClient:
    """Return a client of *server*."""
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.AsyncClient(base_url=server.base_url, headers=headers, timeout=300)


def test_the_table_is_wide() -> None:
    """At least forty sets of options are compared."""
    assert len({row.name for row in ROWS}) == len(ROWS) >= 40


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(
            at,
            id=f"{row.name}, {name}",
            marks=() if at in FIRST and row.name in ALONE else pytest.mark.slow,
        )
        for at, (row, name) in enumerate(CASES)
    ],
)
async def test_alone(batching: LiveServer, offline: Offline, at: int) -> None:
    """A lone request is answered with the very text, times, tokens and numbers."""
    expected = offline(at)

    async with client(batching) as http:
        found = await online(http, *CASES[at])

    assert_transcript(found, expected)


@pytest.mark.parametrize(
    "cases",
    [FIRST, pytest.param(range(len(CASES)), marks=pytest.mark.slow)],
    ids=["a case of each row", "all cases"],
)
async def test_32_in_flight(batching: LiveServer, offline: Offline, cases: Sequence[int]) -> None:
    """With 32 different requests in flight each is answered as it is alone."""
    order = random.Random(7).sample(cases, len(cases))  # noqa: S311
    expected = {at: offline(at) for at in order}
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one(http: httpx.AsyncClient, at: int) -> dict[str, Any]:
        async with slots:
            return await online(http, *CASES[at])

    async with client(batching) as http:
        found = await asyncio.gather(*(one(http, at) for at in order))

    for at, answer in zip(order, found, strict=True):
        assert_transcript(answer, expected[at])


async def generations(server: LiveServer) -> tuple[float, float]:
    """Return how many windows the server has decoded, in how many batches."""
    async with client(server) as http:
        told = (await http.get(f"{server.url}/metrics")).text
    lines = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    labels = '{call="generate",model="whisper-1"}'
    return float(lines[f"shim_batch_size_sum{labels}"]), float(
        lines[f"shim_batch_size_count{labels}"]
    )


@pytest.mark.slow
async def test_equal_options_share_batches(batching: LiveServer, whisper: WhisperModel) -> None:
    """Requests that agree in their options are decoded together, and get what they get alone."""
    clips = sorted(CLIPS.glob("en-*.flac"))[:IN_FLIGHT]
    alone = [whisper.transcribe(decode_audio(str(clip)), **SURE_OFFLINE)[0] for clip in clips]
    windows, batches = await generations(batching)

    async with client(batching) as http:
        found = await asyncio.gather(*(online(http, Row("", (), SURE), c.stem) for c in clips))

    assert [answer["text"] for answer in found] == [text_of(list(segments)) for segments in alone]
    more_windows, more_batches = await generations(batching)
    assert more_windows - windows >= 2 * (more_batches - batches)


async def test_token_logprobs(batching: LiveServer, offline: Offline) -> None:
    """A token's log probability is the one that faster-whisper's words are weighed with."""
    at = next(i for i, (row, _) in enumerate(CASES) if row.name == "words")
    segments, _ = offline(at)
    form = {"model": "whisper-1", "include[]": "logprobs", "temperatures[]": "0"}

    async with client(batching) as http:
        file = {"file": recording(CASES[at][1])}
        found = (await http.post("audio/transcriptions", data=form, files=file)).json()

    words = [word for segment in segments for word in segment.words or ()]
    assert [token["token"] for token in found["logprobs"]] == [word.word for word in words]
    for token, word in zip(found["logprobs"], words, strict=True):
        assert math.exp(token["logprob"]) == pytest.approx(float(word.probability), abs=1e-3)

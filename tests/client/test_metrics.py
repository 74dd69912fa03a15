"""`/metrics`: behind the key, in Prometheus's format, counting what was done."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.live import CLIPS, LiveServer

CLIP = CLIPS / "en-01-espeak-en-us-f4.flac"


async def metrics(http: httpx.AsyncClient) -> dict[str, float]:
    """Return the sums of all samples of the model for speech, by name."""
    answer = await http.get(http.base_url.join("/metrics"))
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.labels.get("model") == "toy-speech":
                sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


async def test_a_key_is_asked_for(server: LiveServer) -> None:
    """What is served here is nobody else's business."""
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get("/metrics")).status_code == 401


async def test_a_transcription_is_counted(builtin_http: httpx.AsyncClient) -> None:
    """After a transcription there are more seconds of audio, and the calls that they took."""
    before = await metrics(builtin_http)

    await builtin_http.post(
        "audio/transcriptions", data={"model": "whisper-1"}, files={"file": CLIP.read_bytes()}
    )

    after = await metrics(builtin_http)
    assert after["shim_audio_seconds_total"] - before.get("shim_audio_seconds_total", 0) > 1.5
    for name in ("shim_batch_size", "shim_engine_wait_seconds", "shim_engine_seconds"):
        assert after[f"{name}_count"] - before.get(f"{name}_count", 0) >= 3


async def test_a_refusal_is_not(builtin_http: httpx.AsyncClient) -> None:
    """What was never transcribed adds nothing."""
    before = await metrics(builtin_http)

    await builtin_http.post(
        "audio/transcriptions", data={"model": "whisper-1"}, files={"file": b"no audio"}
    )

    assert await metrics(builtin_http) == before

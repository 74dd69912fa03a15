"""What clients see of an engine that dies in the server's process."""

import json
import threading
import time
from typing import Any

from litestar.testing import TestClient

from backends.config import BUILTIN
from shim.app import create_app
from shim.settings import Settings
from tests.backends.faults import LAUNCH_FAILURE, Faults, faults
from tests.backends.recordings import clips

__all__ = ["faults"]

CHAT = {
    "model": "toy-chat",
    "temperature": 0,
    "messages": [{"role": "user", "content": "Count to ten"}],
}


def test_a_device_that_is_lost(faults: Faults) -> None:
    """An error and [DONE] for the stream, 503 for others; other models answer; then all do."""
    load = threading.Event()

    def before(name: str, _args: Any, options: dict[str, Any]) -> None:
        if name == "generate_batch":
            take = options["callback"]
            options["callback"] = lambda step: lose() if step.step == 5 else take(step)

    def lose() -> None:
        faults.before = lambda _name, _args, _options: None
        faults.before_load = lambda: load.wait(60) and None
        raise RuntimeError(LAUNCH_FAILURE)

    with TestClient(create_app(Settings(models=BUILTIN))) as client:
        alone = client.post("/v1/chat/completions", json=CHAT).json()
        faults.before = before

        stream = client.post("/v1/chat/completions", json={**CHAT, "stream": True})

        *_, error, done = stream.text.strip().split("\n\n")
        assert json.loads(error.removeprefix("data: "))["error"]["code"] == "server_is_overloaded"
        assert done == "data: [DONE]"
        refused = client.post("/v1/chat/completions", json=CHAT)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        assert client.get("/ready").json()["models"] == {"toy-speech": True, "toy-chat": False}
        file = {"file": ("a.flac", clips()[0].read_bytes())}
        heard = client.post("/v1/audio/transcriptions", files=file, data={"model": "toy-speech"})
        assert heard.status_code == 200

        load.set()
        end = time.monotonic() + 60
        while client.get("/ready").status_code != 200:
            assert time.monotonic() < end
        again = client.post("/v1/chat/completions", json=CHAT).json()
        assert again["choices"] == alone["choices"]
        metrics = client.get("/metrics").text
    assert 'shim_engine_restarts_total{model="toy-chat"} 1.0' in metrics
    assert 'shim_engine_failed_calls_total{call="generate",model="toy-chat"} 1.0' in metrics

"""Run the image as confined as it promises to run, ask it through the stock client, stop it.

Usage: check.py docker|podman IMAGE. Prints the image's size and the seconds until it was ready.
"""
# ruff: noqa: INP001, S101, T201 - a script that checks, run by path

import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from engine import Engine
from openai import AuthenticationError, OpenAI

KEY = "a-key-for-this-test"
USER = "10001"
PATIENCE = 120.0
"""Seconds until the server must be ready."""
GRACE = "20"
"""Seconds that it has to end after SIGTERM, before SIGKILL."""
DATA = Path(__file__).parents[1] / "evals" / "data"


def main(name: str, image: str) -> None:
    """Check that the image refuses, serves, is confined, and ends."""
    engine = Engine(name)
    facts = engine.image(image)
    print(f"size: {facts['Size'] / 1e6:.0f} MB")

    keyless = engine.run(image)
    assert keyless.returncode == 1, keyless
    print(f"without a key: {keyless.stderr.strip().splitlines()[-1]}")

    # The key travels by the environment: a command line is open to all.
    os.environ["SHIM_API_KEYS"] = KEY
    options = ("--env", "SHIM_API_KEYS", "--publish", "127.0.0.1::8000")
    with engine.running(image, *options) as container:
        address = ready(engine, container)
        check_answers(f"http://{address}/v1")
        check_confinement(engine, container)
        engine.ask("exec", container, *health_check(facts))
        has_ray = not engine.attempt("exec", container, "python3", "-c", "import ray").returncode
        check_end(engine, container)
        assert status(address) is None
    assert engine.attempt("inspect", container).returncode, "the container is still there"

    if has_ray:
        print("on a cluster in the container:")
        command = ("serve", "toys", "--cluster", "local")
        with engine.running(image, *options, command=command) as container:
            check_answers(f"http://{ready(engine, container)}/v1")
            check_end(engine, container)


def ready(engine: Engine, container: str) -> str:
    """Wait until the server is ready; return its address and print how long that took."""
    begin = time.monotonic()
    address = engine.ask("port", container, "8000").splitlines()[0]
    while status(address) != http.HTTPStatus.OK:
        assert time.monotonic() - begin < PATIENCE, "the server is not ready"
        time.sleep(0.05)
    print(f"ready: {time.monotonic() - begin:.1f} s")
    return address


def health_check(facts: dict[str, Any]) -> list[str]:
    """Return the command of the image's health check, which docker and podman keep apart."""
    test: list[str] = (facts.get("Healthcheck") or facts["Config"]["Healthcheck"])["Test"]
    return test[1:]  # without "CMD"


def status(address: str) -> int | None:
    """Return what `/ready` answers, or None if nobody does."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def check_answers(base_url: str) -> None:
    """List, chat, transcribe, and be turned away with a wrong key."""
    client = OpenAI(base_url=base_url, api_key=KEY)
    print(f"models: {', '.join(model.id for model in client.models.list())}")

    question = "What is 3 plus 4?"
    chat = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": question}]
    )
    answer = chat.choices[0].message.content
    assert answer
    print(f"chat: {question} {answer}")

    clip = json.loads((DATA / "speech.jsonl").read_text().splitlines()[0])
    heard = client.audio.transcriptions.create(model="whisper-1", file=DATA / clip["audio"])
    assert heard.text
    print(f"transcription: {heard.text} (said: {clip['target']})")

    try:
        OpenAI(base_url=base_url, api_key="wrong").models.list()
    except AuthenticationError as error:
        print(f"wrong key: {error.status_code}")
    else:
        sys.exit("a wrong key was let in")


def check_confinement(engine: Engine, container: str) -> None:
    """Check that it is not root, and that /tmp and /cache are all that it can write to."""
    assert engine.ask("exec", container, "id", "-u") == USER
    search = "find / -path /proc -prune -o -path /dev -prune -o -type d -writable -print"
    writable = engine.attempt("exec", container, "sh", "-c", search).stdout.split()
    assert sorted(writable) == ["/cache", "/tmp"], writable  # noqa: S108 - the container's
    print(f"user: {USER}, writable: {', '.join(sorted(writable))}")


def check_end(engine: Engine, container: str) -> None:
    """Check that SIGTERM ends it in order."""
    begin = time.monotonic()
    engine.ask("stop", "--time", GRACE, container)
    code = engine.ask("inspect", "--format", "{{.State.ExitCode}}", container)
    assert code == "0", f"it ended with {code}"
    print(f"stopped: {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])

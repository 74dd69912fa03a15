"""Paths of clients with another base URL."""

import time

import pytest

from shim.app import create_app
from shim.http.paths import KnownPaths, after_base
from shim.settings import Settings

PATHS = sorted(route.path_format for route in create_app(Settings()).routes)

known = KnownPaths(None, PATHS).known  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [path for path in PATHS if "{" not in path])
def test_paths_of_routes(path: str) -> None:
    """A route's own path is not changed; `/v1` is added to paths of recordings without it."""
    assert known(path) in (path, f"/v1{path}")


V1 = [
    "chat/completions",
    "completions",
    "responses",
    "embeddings",
    "models",
    "models/org/echo",
    "models/v1/chat/completions",
    "files",
    "files/file-1",
    "files/file-1/content",
    "audio/transcriptions",
    "audio/translations",
]
BASES = [
    "/",
    "//",
    "/v1/",
    "/v1//",
    "//v1/",
    "/v1/v1/",
    "/openai/v1/",
    "/v1/openai/",
    "/openai/",
    "/v1/chat/completions/",
    "/v1/completions/",
    "/v1/chat/completions/v1/",
    "/v1/audio/transcriptions/",
    "/chat/completions/",
]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("path", V1)
def test_behind_another_base(base: str, path: str) -> None:
    """The part that the client's call adds comes last, and decides."""
    assert known(base + path) == f"/v1/{path}"
    assert known(f"{base}{path}/") == f"/v1/{path}"


@pytest.mark.parametrize("path", ["/tokenize", "/tokenizer_info", "/health", "/openapi.json"])
def test_at_the_root(path: str) -> None:
    """Routes outside of `/v1` are found below it too."""
    assert known(f"/v1{path}") == path
    assert known(f"/v1/chat/completions{path}") == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/",
        "/openai/v1",
        "/v1/chat",
        "/v1/chat/chat/completions",
        "/v1/completions/chat",
        "/v1/chat/completions/v1",
        "/v1/fine_tuning/jobs",
        "/v1/responses/resp_1",
        "/v1/chat/completions/x",
        "/v2/chat/completions",
        "/api/chat",
        "/V1/chat/completions",
        "/v1/../metrics",
        "/x/metrics",
    ],
)
def test_unknown_paths(path: str) -> None:
    """Any other path is unknown."""
    assert known(path) is None


def test_long_paths() -> None:
    """A path as long as a request's head takes a few milliseconds."""
    started = time.thread_time()
    for path in ("/v1" * 10_000, "/chat" * 6_000, "/chat/completions" * 1_900, "/" * 32_000):
        known(path)

    assert time.thread_time() - started < 0.05


def test_after_base() -> None:
    """The rest of the path is returned if only a base URL's segments precede the word."""
    assert after_base("/openai/deployments/a/b", "/deployments/") == "a/b"
    assert after_base("/v1/openai/deployments/a/b", "/deployments/") == "a/b"
    assert after_base("/x/deployments/a/b", "/deployments/") is None
    assert after_base("/v1/models", "/deployments/") is None

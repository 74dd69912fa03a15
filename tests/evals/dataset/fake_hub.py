"""A real HTTP server with the two routes of the Hugging Face hub that are read: info and files."""

import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.threaded_http import ThreadedHttp

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(ThreadedHttp):
    """Has one data set, `owner/set`, whose branch of Parquet files holds *files*."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.fetched: list[str] = []
        super().__init__(self._handler())

    def info(self) -> dict[str, Any]:
        """Return the description of the data set, as the hub's API gives it."""
        siblings = [
            {
                "rfilename": name,
                "size": len(content),
                "blobId": "b" * 40,
                "lfs": {"size": len(content), "sha256": _sha256(content), "pointerSize": 130},
            }
            for name, content in self.files.items()
        ]
        readme = {"rfilename": "README.md", "size": 1, "blobId": "c" * 40}
        return {"id": "owner/set", "sha": COMMIT, "siblings": [readme, *siblings]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/api/datasets/owner/set/revision/refs%2Fconvert%2Fparquet":
                    self.answer(json.dumps(hub.info()).encode(), kind="application/json")
                elif match := re.fullmatch(f"/datasets/owner/set/resolve/{COMMIT}/(.*)", path):
                    if self.command == "GET":
                        hub.fetched.append(match[1])
                    content = hub.files[match[1]]
                    self.answer(content, etag=f'"{_sha256(content)}"', **{"X-Repo-Commit": COMMIT})
                else:
                    self.answer(b"{}", status=404, **{"X-Error-Code": "RepoNotFound"})

            do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

            def answer(
                self, body: bytes, *, status: int = 200, kind: str = "x/y", **headers: str
            ) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

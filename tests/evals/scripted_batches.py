"""`/v1/files` and `/v1/batches` for a scripted server, in memory."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any
from urllib.parse import urlsplit

from tests.evals.scripted_server import Reply, Request, error


@dataclass
class ScriptedBatches:
    """Answers a batch's lines by *answer*, at the *looks*-th look at it; other requests too.

    *edit* may change the results of a batch, a dictionary from ids to lines. Errors in *refuse* are
    found in every batch.
    """

    answer: Callable[[Request], Reply]
    looks: int = 2
    ends: str = "completed"
    edit: Callable[[dict[str, Any]], None] = lambda _: None
    refuse: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        """Answer *request*."""
        address = urlsplit(request.path)
        _, _, kind, *more = address.path.split("/")
        if kind == "files":
            return self._files(request, more)
        if kind == "batches":
            return self._batches(request, more)
        return self.answer(request)

    def _files(self, request: Request, more: list[str]) -> Reply:
        if request.method == "DELETE":
            if self.files.pop(more[0], None) is None:
                return error(404)
            return _json({"id": more[0], "object": "file", "deleted": True})
        if more:
            return Reply(body=self.files[more[0]], kind="application/octet-stream")
        if request.method == "GET":
            return _list([{"id": id_, "object": "file"} for id_ in self.files])
        head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
        parts = BytesParser().parsebytes(head + request.body).get_payload()
        form = {part.get_param("name", header="content-disposition"): part for part in parts}
        self.uploads.append(form["purpose"].get_payload())
        id_ = f"file-{len(self.uploads)}"
        self.files[id_] = form["file"].get_payload(decode=True)
        return _json({"id": id_, "object": "file"})

    def _batches(self, request: Request, more: list[str]) -> Reply:
        if more[1:] == ["cancel"]:
            self.looks, self.ends = 1, "cancelled"
            return _json(self.batches[more[0]])
        if more:
            return _json(self._look(self.batches[more[0]]))
        if request.method == "GET":
            return _list(list(self.batches.values())[::-1])
        wanted = request.json
        batch = {
            "id": f"batch_{len(self.batches) + 1}",
            "object": "batch",
            "created_at": int(time.time()),
            "status": "in_progress",
            "endpoint": wanted["endpoint"],
            "input_file_id": wanted["input_file_id"],
            "metadata": wanted["metadata"],
            "looks": 0,
        }
        self.batches[batch["id"]] = batch
        return _json(batch)

    def _look(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["looks"] += 1
        if batch["looks"] < self.looks or batch["status"] != "in_progress":
            return batch
        if self.refuse:
            batch |= {"status": "failed", "errors": {"object": "list", "data": self.refuse}}
            return batch
        results = self._run(batch)
        self.edit(results)
        for name, fine in (("output_file_id", True), ("error_file_id", False)):
            chosen = [one for one in results.values() if _is_fine(one) == fine]
            if chosen:
                batch[name] = f"{batch['id']}-{name}"
                self.files[batch[name]] = "".join(f"{json.dumps(one)}\n" for one in chosen).encode()
        failed = sum(not _is_fine(one) for one in results.values())
        counts = {"total": len(results), "completed": len(results) - failed, "failed": failed}
        batch |= {"status": self.ends, "request_counts": counts}
        return batch

    def _run(self, batch: dict[str, Any]) -> dict[str, Any]:
        lines = [json.loads(text) for text in self.files[batch["input_file_id"]].splitlines()]
        assert {line["url"] for line in lines} == {batch["endpoint"]}
        self.lines += lines
        results = {}
        for line in reversed(lines):  # in any order
            body = json.dumps(line["body"]).encode()
            reply = self.answer(Request(line["url"], {}, body))
            results[line["custom_id"]] = {
                "id": "batch_req_1",
                "custom_id": line["custom_id"],
                "response": {
                    "status_code": reply.status,
                    "request_id": reply.headers.get("x-request-id"),
                    "body": json.loads(reply.body),
                },
                "error": None,
            }
        return results


def _is_fine(result: dict[str, Any]) -> bool:
    return bool(result["response"]) and result["response"]["status_code"] < 400


def _json(value: dict[str, Any]) -> Reply:
    return Reply(body=json.dumps(value).encode())


def _list(data: list[dict[str, Any]]) -> Reply:
    return _json({"object": "list", "data": data, "has_more": False})

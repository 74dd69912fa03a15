"""Sends a request and returns the answer, whole or streamed, in one form that can be compared."""

import base64
import json
from typing import Any

import httpx
import numpy as np

from tools.parity import responses

Answer = dict[str, Any]


def ask(url: str, path: str, body: dict[str, Any], *, stream: bool) -> Answer:
    """Send *body* to the server at *url*; return its answer in the common form."""
    if not stream:
        answer = httpx.post(f"{url}{path}", json=body, timeout=120)
        return _whole(answer.status_code, answer.json())
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    with httpx.stream("POST", f"{url}{path}", json={**body, **usage}, timeout=120) as answer:
        if answer.status_code != httpx.codes.OK:
            answer.read()
            return _whole(answer.status_code, answer.json())
        try:
            lines = [line[6:] for line in answer.iter_lines() if line.startswith("data: ")]
        except httpx.RemoteProtocolError:
            return {"stream": "breaks off"}
    events = [json.loads(line) for line in lines if line != "[DONE]"]
    return responses.folded(events) if "type" in events[0] else _folded(events)


def _whole(status: int, body: Any) -> Answer:
    if status != httpx.codes.OK:
        return {"status": status}
    match body["object"]:
        case "response":
            return responses.whole(body)
        case "list":
            return _embedded(body)
    return {
        "choices": {choice["index"]: _choice(choice) for choice in body["choices"]},
        "usage": _usage(body["usage"]),
        "prompt_logprobs": body.get("prompt_logprobs"),
        "prompt_token_ids": body.get("prompt_token_ids"),
    }


def _embedded(body: Any) -> Answer:
    usage = body["usage"]
    return {
        "vectors": {item["index"]: _numbers(item["embedding"]) for item in body["data"]},
        "usage": (usage["prompt_tokens"], usage["total_tokens"]),
    }


def _numbers(vector: str | list[float]) -> list[float]:
    if isinstance(vector, list):
        return vector
    return np.frombuffer(base64.b64decode(vector), "<f4").tolist()


def _usage(usage: Any) -> tuple[int, int, int]:
    return usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]


def _choice(choice: Any) -> Answer:
    message = choice.get("message", choice)
    return {
        # An empty content and a missing one mean the same.
        "text": message.get("content", message.get("text")) or "",
        "reasoning": message.get("reasoning") or "",
        "calls": [
            (call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        ],
        "logprobs": choice.get("logprobs"),
        "finish_reason": choice["finish_reason"],
        **{
            name: choice.get(name)
            for name in ("stop_reason", "token_ids", "prompt_token_ids", "prompt_logprobs")
        },
    }


def _folded(events: list[Any]) -> Answer:
    answer: Answer = {"choices": {}, "prompt_logprobs": None, "prompt_token_ids": None}
    for event in events:
        if "error" in event:
            return {"error in the stream": event["error"]["code"]}
        if event.get("usage"):
            answer["usage"] = _usage(event["usage"])
        answer["prompt_token_ids"] = event.get("prompt_token_ids") or answer["prompt_token_ids"]
        for choice in event["choices"]:
            _add(answer["choices"].setdefault(choice["index"], _nothing()), choice)
    return answer


def _nothing() -> Answer:
    names = ("logprobs", "finish_reason", "stop_reason", "token_ids")
    more = dict.fromkeys((*names, "prompt_token_ids", "prompt_logprobs"))
    return {"text": "", "reasoning": "", "calls": [], **more}


def _add(so_far: Answer, choice: Any) -> None:
    delta = choice.get("delta", choice)
    so_far["text"] += delta.get("content", delta.get("text")) or ""
    so_far["reasoning"] += delta.get("reasoning") or ""
    for call in delta.get("tool_calls") or ():
        calls = so_far["calls"]
        if call["index"] == len(calls):
            calls.append(("", ""))
        name, arguments = calls[call["index"]]
        function = call["function"]
        calls[call["index"]] = (
            name + (function.get("name") or ""),
            arguments + (function.get("arguments") or ""),
        )
    for name in ("finish_reason", "stop_reason", "prompt_token_ids"):
        so_far[name] = so_far[name] if choice.get(name) is None else choice[name]
    if choice.get("token_ids"):
        so_far["token_ids"] = (so_far["token_ids"] or []) + choice["token_ids"]
    if choice.get("logprobs"):
        so_far["logprobs"] = _joined(so_far["logprobs"], choice["logprobs"])


def _joined(before: Any, new: Any) -> Any:
    if before is None:
        return new
    return {
        name: (before[name] or []) + (values or []) if isinstance(values, list) else values
        for name, values in new.items()
    }

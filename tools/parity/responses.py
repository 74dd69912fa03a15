"""Turns a response, whole or streamed, into the common form of `answers.py`."""

from typing import Any

Answer = dict[str, Any]

OUTPUT = "response.output_text.delta"
PIECES = {
    OUTPUT,
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
}


def whole(response: Any) -> Answer:
    """Return *response* in the common form."""
    usage = response["usage"]
    return {
        "status": response["status"],
        "incomplete": (response.get("incomplete_details") or {}).get("reason"),
        "items": [_item(item) for item in response["output"]],
        "logprobs": [
            _logprob(entry)
            for item in response["output"]
            if item["type"] == "message"
            for entry in item["content"][0].get("logprobs") or ()
        ],
        "usage": (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]),
        "reasoning_tokens": usage["output_tokens_details"]["reasoning_tokens"],
    }


def folded(events: list[Any]) -> Answer:
    """Return the *events* of a stream in the common form; deltas are joined."""
    pieces: dict[int, str] = {}
    logprobs: list[Any] = []
    for event in events:
        if event["type"] == "error":
            return {"error in the stream": event.get("code")}
        if event["type"] in PIECES:
            at = event["output_index"]
            pieces[at] = pieces.get(at, "") + event["delta"]
        if event["type"] == OUTPUT:
            logprobs += map(_logprob, event.get("logprobs") or ())
    last = events[-1]
    return {
        **whole(last["response"]),
        "pieces": [pieces[at] for at in sorted(pieces)],
        "pieces' logprobs": logprobs,
        "last": last["type"],
    }


def _item(item: Any) -> tuple[str, ...]:
    match item["type"]:
        case "function_call":
            said = item["name"], item["arguments"]
        case _:
            said = tuple(part["text"] for part in item["content"])
    return item["type"], *said, str(item["status"])


def _logprob(entry: Any) -> tuple[Any, ...]:
    rivals = [(rival["token"], rival["logprob"]) for rival in entry["top_logprobs"] or ()]
    return entry["token"], entry["logprob"], rivals

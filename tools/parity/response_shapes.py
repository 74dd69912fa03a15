"""The requests to `/v1/responses` that are sent to both servers."""

from typing import Any

from tools.parity.shapes import CALL, OPENAI_LENGTH, SUM, TALKED, WEATHER, Shape

PATH = "/v1/responses"

CUT = (
    "vLLM calls an item that was cut `completed`, and ends its stream with "
    "`response.completed`. OpenAI says `incomplete` in both places."
)
NO_END = (
    "vLLM's stream omits the log probability of the last token, the end of text. Its whole "
    "answer has it."
)
BREAKS_OFF = "vLLM answers 200 and breaks off the stream. OpenAI answers 400."
NOT_KEPT = "vLLM answers 404 to an unknown id. OpenAI answers 400."
NOT_HERE = "vLLM omits tools that it cannot call. Shim refuses them."
TRUNCATED = (
    "With `truncation: auto` vLLM cuts the prompt in the middle of a message. OpenAI drops "
    "whole messages. Shim refuses."
)


def _response(name: str, departure: str = "", **body: Any) -> Shape:
    base = {"input": "What is 3 plus 4?", "temperature": 0, "max_output_tokens": 24}
    stream_departure = str(body.pop("in_stream", ""))
    name = f"responses: {name}" if name else "responses"
    return Shape(name, PATH, {**base, **body}, departure, stream_departure=stream_departure)


FUNCTIONS = [{"type": "function", **WEATHER, "strict": True}, {"type": "function", **SUM}]
REPEATED = "Repeat the words red blue green."
TALKED_OVER = [
    {"role": "developer", "content": [{"type": "input_text", "text": "Be concise."}]},
    {"role": "user", "content": "What is 2 plus 2?"},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "4", "annotations": []}],
    },
    {
        "role": "user",
        "content": [{"type": "input_text", "text": "And 5"}, {"type": "input_text", "text": "?"}],
    },
]
ROUND = [
    {"role": "user", "content": "What is 3 plus 4?"},
    {"type": "function_call", "call_id": "c1", "name": "sum", "arguments": '{"a": 3, "b": 4}'},
    {"type": "function_call_output", "call_id": "c1", "output": "7"},
]


def _called(name: str, pattern: str, departure: str = "", **body: Any) -> Shape:
    given = {"tools": FUNCTIONS, "max_output_tokens": 160, "structured_outputs": {"regex": pattern}}
    return _response(name, departure, **{**given, **body})


def _formed(schema: Any) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "name": "x", "schema": schema}}


RESPONSES = (
    _response(""),
    _response("a longer answer", input=REPEATED),
    _response("messages, history, parts", input=TALKED_OVER),
    _response("instructions", instructions="Be concise."),
    _response("no limit", max_output_tokens=None),
    _response("cut", CUT, input=REPEATED, max_output_tokens=2),
    _response("seed", input=REPEATED, temperature=1.5, seed=7),
    _response("top_p", temperature=1.5, seed=7, top_p=0.5),
    _response("stop", input=REPEATED, stop=["blue"]),
    _response(
        "top_logprobs",
        include=["message.output_text.logprobs"],
        top_logprobs=2,
        in_stream=NO_END,
    ),
    _response("json_schema", text=_formed({"enum": ["red", "blue"]})),
    _response("json_object", CUT, text={"format": {"type": "json_object"}}),
    _response("regex", structured_outputs={"regex": "[0-9]{3}"}),
    _response("tools, auto, text", tools=FUNCTIONS),
    _response("tools, required", tools=FUNCTIONS, tool_choice="required", max_output_tokens=160),
    _response(
        "tools, named",
        tools=FUNCTIONS,
        tool_choice={"type": "function", "name": "weather"},
        max_output_tokens=160,
    ),
    _called("tools, a call", CALL),
    _called("tools, two calls", CALL + r"\n" + CALL),
    _called("tools, text and a call", TALKED + CALL),
    _called("tools, cut", CALL, CUT, max_output_tokens=20),
    _response("tools, a result", tools=FUNCTIONS, input=ROUND),
    _response("refused, too hot", temperature=3),
    _response("refused, a prompt beyond the context", input="a " * 3000),
    _response("refused, a completion beyond the context", OPENAI_LENGTH, max_output_tokens=2047),
    _response("refused, no item", input=[]),
    _response("refused, an invalid schema", text=_formed({"type": 1}), in_stream=BREAKS_OFF),
    _response("refused, a choice without any", tool_choice="required"),
    _response("refused, an unknown id", NOT_KEPT, previous_response_id="resp_1"),
    _response("refused, a built-in tool", NOT_HERE, tools=[{"type": "web_search"}]),
    _response("refused, a cut prompt", TRUNCATED, input="a " * 3000, truncation="auto"),
)

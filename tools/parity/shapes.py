"""The chats and texts that are sent to both servers, and what all requests share."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """A request, and the reason why its answers differ, if they do."""

    name: str
    path: str
    body: dict[str, Any]
    departure: str = ""
    """Empty: the answers are the same."""
    streams: bool = True
    """True if the request is also sent with `stream`."""
    stream_departure: str = ""
    """The reason why only the streamed answers differ."""


CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"

QUESTION = [{"role": "user", "content": "What is 3 plus 4?"}]
REPEAT = [{"role": "user", "content": "Repeat the words red blue green."}]
TALK = [
    {"role": "system", "content": "Be concise."},
    {"role": "user", "content": "What is 2 plus 2?"},
    {"role": "assistant", "content": "4"},
    {"role": "user", "content": [{"type": "text", "text": "And 5"}, {"type": "text", "text": "?"}]},
]

WEATHER = {
    "name": "weather",
    "description": "Tells the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Rome", "Oslo"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
SUM = {
    "name": "sum",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
}
TOOLS = [{"type": "function", "function": WEATHER}, {"type": "function", "function": SUM}]
STRICT = [{"type": "function", "function": {**tool, "strict": True}} for tool in (WEATHER, SUM)]
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}, "n": {"type": "integer", "maximum": 9}},
    "required": ["colour", "n"],
    "additionalProperties": False,
}

# What a model trained on Hermes' form would write; the small model is constrained to it.
CALL = r'<tool_call>\n\{"name": "weather", "arguments": \{"city": "(Rome|Oslo)"\}\}\n</tool_call>'
TALKED = r"It is (red|blue)\. "

RARE = {"temperature": 2, "seed": 3, "ignore_eos": True}

OPENAI_N = (
    "vLLM refuses more than one choice at temperature 0. OpenAI answers, and harnesses send "
    "such requests."
)
STRICT_TYPES = "vLLM converts a value of a wrong type. OpenAI refuses it."
OPENAI_LENGTH = (
    "A prompt plus `max_tokens` beyond the context is a 400 at OpenAI. vLLM shortens the "
    "completion."
)
IN_STREAM = "vLLM answers 200 and sends the error as an event. OpenAI answers 400."
UNASKED = "vLLM counts the token that it generates although `max_tokens` is 0."
RANKED = (
    "OpenAI orders alternatives by probability. vLLM puts the drawn token first and drops the "
    "least probable alternative."
)
BYTES = (
    "A token that is part of a character is empty at vLLM, and the character's last token is "
    "all of it. Shim gives each token's own bytes."
)


ENDS = (
    "vLLM's grammars allow any amount of white space, and the small model never ends it. Shim "
    "allows one space."
)
FITS = (
    "vLLM enforces a tool's schema only if the tool is `strict`. Shim does so for every call "
    "that `tool_choice` requires."
)
NARROW = "vLLM refuses a `top_p` of 0. OpenAI allows it."
STOPS = "vLLM's server takes four stop strings. Its engine, and Shim, take more."
ONE_ENGINE = (
    "vLLM keeps the grammar engine of its first constraint. Shim chooses one by the kind of the "
    "constraint."
)


def _chat(name: str, departure: str = "", *, streams: bool = True, **body: Any) -> Shape:
    base = {"messages": QUESTION, "temperature": 0, "max_tokens": 24}
    stream_departure = str(body.pop("in_stream", ""))
    return Shape(name, CHAT, {**base, **body}, departure, streams, stream_departure)


def _text(name: str, departure: str = "", *, streams: bool = True, **body: Any) -> Shape:
    base = {"prompt": "The colours are red, ", "temperature": 0, "max_tokens": 12}
    stream_departure = str(body.pop("in_stream", ""))
    return Shape(name, TEXT, {**base, **body}, departure, streams, stream_departure)


def _forced(name: str, pattern: str, departure: str = "", **body: Any) -> Shape:
    given = {"tools": TOOLS, "max_tokens": 160, "structured_outputs": {"regex": pattern}}
    return _chat(name, departure, **{**given, **body})


SAMPLING = [
    _chat("chat"),
    _chat("chat: a longer answer", messages=REPEAT),
    _chat("chat: system, history, parts", messages=TALK),
    _chat("chat: max_completion_tokens", max_tokens=None, max_completion_tokens=3),
    _chat("chat: no limit", max_tokens=None),
    _chat("chat: cut", messages=REPEAT, max_tokens=2),
    _chat("chat: seed", temperature=1.5, seed=7, messages=REPEAT),
    _chat("chat: seed, two choices", temperature=1.5, seed=7, n=2),
    _chat("chat: top_p", temperature=1.5, seed=7, top_p=0.5),
    _chat("chat: top_k", temperature=1.5, seed=7, top_k=3),
    _chat("chat: min_p", temperature=1.5, seed=7, min_p=0.2),
    _chat("chat: repetition_penalty", messages=REPEAT, repetition_penalty=1.5),
    _chat("chat: presence_penalty", messages=REPEAT, presence_penalty=1.5),
    _chat("chat: frequency_penalty", messages=REPEAT, frequency_penalty=-1.5),
    _chat("chat: logit_bias", logit_bias={"2": -100}),
    _chat("chat: stop", messages=REPEAT, stop=["blue"]),
    _chat("chat: stop, included", messages=REPEAT, stop="blue", include_stop_str_in_output=True),
    _chat("chat: stop_token_ids", messages=REPEAT, stop_token_ids=[4, 5, 6, 63]),
    _chat("chat: min_tokens", min_tokens=20),
    _chat("chat: ignore_eos", ignore_eos=True),
    _chat("chat: bad_words", bad_words=["7"]),
    _chat("chat: allowed_token_ids", allowed_token_ids=[60, 61, 62, 2]),
    _chat("chat: priority", priority=3),
    _chat("chat: special tokens", skip_special_tokens=False, ignore_eos=True, max_tokens=5),
    _chat("chat: n at temperature 0", OPENAI_N, n=2),
    _chat("chat: top_p 0", NARROW, top_p=0, temperature=1),
]

TOLD = [
    _chat("chat: logprobs", logprobs=True),
    _chat("chat: top_logprobs", logprobs=True, top_logprobs=5, messages=REPEAT),
    _chat("chat: top_logprobs, drawn", RANKED, logprobs=True, top_logprobs=2, **RARE),
    _chat("chat: prompt_logprobs", prompt_logprobs=2, streams=False),
    _chat("chat: return_token_ids", return_token_ids=True),
    _chat("chat: include_usage", stream_options=None),
]

TEMPLATES = [
    _chat("chat: add_generation_prompt", add_generation_prompt=False),
    _chat(
        "chat: continue_final_message",
        messages=[*REPEAT, {"role": "assistant", "content": "red"}],
        add_generation_prompt=False,
        continue_final_message=True,
    ),
    _chat("chat: chat_template_kwargs", chat_template_kwargs={"anything": 1}),
    _chat("chat: reasoning_effort", reasoning_effort="low"),
    _chat("chat: truncate_prompt_tokens", truncate_prompt_tokens=5),
]

FORMS = [
    _chat("chat: text", response_format={"type": "text"}),
    _chat("chat: json_object", response_format={"type": "json_object"}),
    _chat(
        "chat: json_schema",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    ),
    _chat("chat: choice", structured_outputs={"choice": ["red", "blue"]}),
    _chat("chat: regex", structured_outputs={"regex": "[0-9]{3}"}),
    _chat("chat: grammar", structured_outputs={"grammar": 'root ::= "red" | "blue"'}),
    _chat("chat: json", structured_outputs={"json": SCHEMA}),
    _chat(
        "chat: an invalid schema",
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": 1}},
        },
        in_stream=IN_STREAM,
    ),
    _chat("chat: an invalid regex", structured_outputs={"regex": "(("}, in_stream=IN_STREAM),
]

CALLS = [
    _chat("tools: auto, text", tools=TOOLS),
    _chat("tools: none", tools=TOOLS, tool_choice="none"),
    _chat("tools: required", FITS, tools=TOOLS, tool_choice="required", max_tokens=160),
    _chat("tools: required, strict", tools=STRICT, tool_choice="required", max_tokens=160),
    _chat("tools: required, cut", tools=STRICT, tool_choice="required", max_tokens=14),
    _chat("tools: required, cut later", tools=STRICT, tool_choice="required", max_tokens=26),
    _chat(
        "tools: named",
        ENDS,
        tools=STRICT,
        tool_choice={"type": "function", "function": {"name": "sum"}},
        max_tokens=160,
    ),
    _forced("tools: auto, a call", CALL),
    _forced("tools: auto, two calls", CALL + r"\n" + CALL),
    _forced("tools: auto, text and a call", TALKED + CALL),
    _forced("tools: auto, cut", CALL, max_tokens=20),
    _forced("tools: one at most", CALL + r"\n" + CALL, parallel_tool_calls=False),
    _forced("tools: two choices", CALL, temperature=1, seed=3, n=2),
    _chat(
        "tools: a result",
        tools=TOOLS,
        messages=[
            *QUESTION,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "sum", "arguments": '{"a": 3, "b": 4}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "7"},
        ],
    ),
    _chat(
        "tools: an empty list",
        "vLLM refuses an empty list of tools. OpenAI reads it as no tools.",
        tools=[],
    ),
    _chat(
        "tools: a choice of an unknown tool",
        tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "x"}},
    ),
    _chat("tools: a choice without any", tool_choice="required"),
]

REFUSED = [
    _chat("refused: too hot", temperature=3),
    _chat(
        "refused: a prompt beyond the context", messages=[{"role": "user", "content": "a " * 3000}]
    ),
    _chat("refused: a completion beyond the context", OPENAI_LENGTH, max_tokens=2047),
    _chat("refused: no message", messages=[]),
    _chat("refused: a string for a number", STRICT_TYPES, max_tokens="5"),
    _chat("refused: a number for a boolean", STRICT_TYPES, logprobs=1),
    _chat(
        "refused: an image",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
                ],
            }
        ],
    ),
    _chat("refused: a template of the request", chat_template="{{ messages }}"),
]

TEXTS = [
    _text("completions"),
    _text("completions: token ids", prompt=[60, 61, 62]),
    _text("completions: texts", prompt=["red", "blue", "What is"]),
    _text("completions: lists of ids", prompt=[[60, 61], [62]]),
    _text("completions: two of each", prompt=["red", "blue"], n=2, temperature=1, seed=5),
    _text("completions: logprobs", logprobs=3),
    _text("completions: echo", echo=True),
    _text("completions: echo, logprobs", echo=True, logprobs=2, max_tokens=1),
    _text("completions: echo, no token", UNASKED, echo=True, logprobs=2, max_tokens=0),
    _text("completions: loglikelihood", prompt=[[60, 61, 62]], echo=True, logprobs=1, max_tokens=1),
    _text("completions: parts of characters", BYTES, prompt="für 😀", echo=True, logprobs=1),
    _text("completions: stop", stop=["."], max_tokens=40),
    _text("completions: eight stop strings", STOPS, stop=[*"abcdefg", "."], max_tokens=40),
    _text("completions: max_tokens null", max_tokens=None),
    _text("completions: prompt_logprobs", prompt_logprobs=1, streams=False),
    _text("completions: return_token_ids", return_token_ids=True),
    _text("completions: choice", structured_outputs={"choice": ["red", "blue"]}),
    _text("completions: json_schema", structured_outputs={"json": SCHEMA}, max_tokens=30),
    _text("completions: add_special_tokens", add_special_tokens=False),
    _text("completions: ignore_eos, min_tokens", ignore_eos=True, min_tokens=3),
    _text("completions: no prompt", prompt=""),
    _text("completions: suffix", suffix="x"),
]

DEFAULTS = (
    _chat("defaults: a choice", structured_outputs={"choice": ["red", "blue"]}),
    _chat("defaults: a regex", structured_outputs={"regex": "[0-9]{3}"}),
    _chat("defaults: a regex of Unicode", ONE_ENGINE, structured_outputs={"regex": r"\p{Lu}{3}"}),
    _chat(
        "defaults: json_schema",
        ENDS,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    ),
    _chat("defaults: tools, text", tools=TOOLS),
    _chat("defaults: tools, required", FITS, tools=TOOLS, tool_choice="required", max_tokens=160),
)

PLAIN = (*SAMPLING, *TOLD, *TEMPLATES, *FORMS, *CALLS, *REFUSED, *TEXTS)

# ── other models ──────────────────────────────────────────────────────────────


def _thinks(name: str, pattern: str, departure: str = "", **body: Any) -> Shape:
    given = {"structured_outputs": {"regex": pattern}, "max_tokens": 60}
    return _chat(f"reasoning: {name}", departure, **{**given, **body})


REASONING = (
    _thinks("thoughts, then an answer", "<think>(red|blue) is 3</think>It is 7"),
    _thinks("an open beginning", "(red|blue) is 3</think>It is 7"),
    _thinks("cut", "<think>(red|blue) is 3</think>It is 7", max_tokens=8),
    _thinks("hidden", "(red|blue) is 3</think>It is 7", include_reasoning=False),
    _thinks("switched off", "It is 7", chat_template_kwargs={"enable_thinking": False}),
    _thinks("and a call", "<think>red</think>" + CALL, tools=TOOLS, max_tokens=160),
    _thinks(
        "with log probabilities", "<think>red</think>It is 7", logprobs=True, return_token_ids=True
    ),
)

ADAPTED = (
    _chat("adapter: a chat", model="odd"),
    _chat("adapter: drawn", model="odd", temperature=1, seed=3, messages=REPEAT),
    _text("adapter: a text", model="odd", logprobs=1),
    _text("adapter: echo", model="odd", echo=True, logprobs=1, max_tokens=1),
    _chat("adapter: the model itself", logprobs=True),
    _chat("adapter: one that is not there", model="none"),
)


def _sees(name: str, *urls: str, departure: str = "", **body: Any) -> Shape:
    parts: list[Any] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    parts.append({"type": "text", "text": "What is it?"})
    messages = [{"role": "user", "content": parts}]
    return _chat(f"images: {name}", departure, messages=messages, **body)


# Two by two pixels.
RED = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARA"
    "wQCgAf7gP9i18U1AAAAABJRU5ErkJggg=="
)
BLUE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAD0lEQVR4nGNgYPgPRm"
    "AKABf2A/1+6zfzAAAAAElFTkSuQmCC"
)

IMAGES = (
    # The model is untrained: its answers are full of parts of characters.
    _sees("one", RED, logprobs=True, departure=BYTES),
    _sees("another", BLUE, logprobs=True),
    _sees("two", RED, BLUE, n=2, temperature=1, seed=3),
    _sees("none", logprobs=True, departure=BYTES),
    _sees("no image", "data:image/png;base64,AAAA"),
    _sees(
        "another kind of URL",
        "data:text/plain,a",
        departure="vLLM answers 501, which OpenAI's client retries. Shim answers 400.",
    ),
    _sees(
        "a host that is not listed",
        "http://127.0.0.1:9/a.png",
        departure="vLLM fetches from any host unless some are listed. Shim fetches from listed "
        "hosts only.",
    ),
    _sees(
        "a file of the server",
        "file:///etc/hostname",
        departure="vLLM answers 500. Shim answers 400, because the request is wrong.",
    ),
)

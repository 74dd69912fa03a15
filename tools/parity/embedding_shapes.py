"""The requests to `/v1/embeddings` that are sent to both servers."""

from typing import Any

from tools.parity.shapes import Shape

PATH = "/v1/embeddings"


def _embedding(name: str, given: Any, departure: str = "", **body: Any) -> Shape:
    name = f"embeddings: {name}"
    return Shape(name, PATH, {"input": given, **body}, departure, streams=False)


EMBEDDINGS = (
    _embedding("a text", "What is 3 plus 4?"),
    _embedding("texts", ["What is 3 plus 4?", "red", "Repeat the word horse. " * 80]),
    _embedding("token ids", [60, 61, 62]),
    _embedding("lists of ids", [[60, 61], [62]]),
    _embedding("float", "red", encoding_format="float"),
    _embedding("base64", ["red", "blue"], encoding_format="base64"),
    _embedding("dimensions", "red", dimensions=32),
    _embedding("truncate_prompt_tokens", "a " * 3000, truncate_prompt_tokens=-1),
    _embedding("use_activation", "red", use_activation=False),
    _embedding("add_special_tokens", "red", add_special_tokens=False),
    _embedding("refused, unsupported dimensions", "red", dimensions=33),
    _embedding("refused, too long", ["red", "a " * 3000]),
    _embedding("refused, nothing", ""),
    _embedding("refused, no text", []),
    _embedding("refused, an empty text among others", ["red", ""]),
    _embedding("refused, unknown ids", [10**6]),
    _embedding("refused, another format", "red", encoding_format="xml"),
)

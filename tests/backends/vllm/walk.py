"""A model that draws evenly among the tokens that a grammar allows: the worst there can be."""

import random
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from tests.live import MODELS

END = 2
MOST = 400
"""Tokens after which a text has not ended."""


def vocabulary() -> Any:
    """Load the tokenizer of the tests' model."""
    return import_module("transformers").AutoTokenizer.from_pretrained(MODELS / "chat-hf")


def fresh(tokenizer: Any, *, compact: bool = False) -> Any:
    """Return the grammar engines of an engine without an earlier request."""
    structured = SimpleNamespace(
        disable_any_whitespace=compact, disable_additional_properties=False
    )
    model = SimpleNamespace(
        hf_config=SimpleNamespace(model_type="llama"), get_vocab_size=lambda: len(tokenizer)
    )
    config = SimpleNamespace(
        structured_outputs_config=structured, model_config=model, speculative_config=None
    )
    return import_module("backends.vllm.requests.grammars").BackendByKind(config, tokenizer)


def draw(engines: Any, kind: str, text: str, tokenizer: Any, *, seed: int) -> str:
    """Return a text of what the constraint *text* of that *kind* allows, which ends if it may."""
    kinds = import_module("vllm.v1.structured_output.backend_types").StructuredOutputOptions
    bits = import_module("numpy").unpackbits
    dice = random.Random(seed)  # noqa: S311
    grammar = engines.compile_grammar(kinds[kind], text, {END})
    mask = engines.allocate_token_bitmask(1)
    tokens: list[int] = []
    for _ in range(MOST):
        grammar.fill_bitmask(mask, 0)
        allowed = bits(mask.numpy().view("uint8"), bitorder="little").nonzero()[0]
        token = END if END in allowed else int(dice.choice(allowed))
        if token == END:
            return str(tokenizer.decode(tokens))
        tokens.append(token)
        assert grammar.accept_tokens("r", [token])
    pytest.fail(f"{kind} did not end: {tokenizer.decode(tokens)!r}")

"""A model's tokenizer for everything but rendering prompts; long work runs in two threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

from vllm.tokenizers import cached_tokenizer_from_config

from backends.failures import InvalidOption

T = TypeVar("T")

_SHORT_TEXT = 4096
"""Characters of the longest text that is tokenized on the event loop: a millisecond or two."""
_SHORT_IDS = 1024
"""Token ids that are decoded one by one on the event loop: at most a millisecond."""
_THREADS = 2
"""Number of long jobs that run at once: a text of a million characters takes up to 400 MB."""


class Tokenizer:
    """The tokenizer of one engine, safe to share between threads.

    vLLM's renderer works with copies of the same tokenizer. They are not used here, because their
    number grows with the number of simultaneous calls, and a copy may be made on the event loop.
    """

    def __init__(self, model_config: Any) -> None:
        """Take the engine's `vllm.config.ModelConfig`."""
        self._tokenizer = cached_tokenizer_from_config(model_config)
        # The first call replaces the truncation and padding of the tokenizer's file. Later calls
        # change nothing, so that threads may share the tokenizer and `count` has no limit.
        self._tokenizer.encode("")
        # None for a tokenizer that is written in Python.
        self._fast: Any = getattr(self._tokenizer, "backend_tokenizer", None)
        self._last = max(self._tokenizer.max_token_id, model_config.get_vocab_size() - 1)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tokenizer")

    @property
    def max_chars_per_token(self) -> int:
        """Number of characters of the longest token."""
        return int(self._tokenizer.max_chars_per_token)

    @property
    def is_fast(self) -> bool:
        """Whether it is one of Hugging Face's `tokenizers`, and not written in Python."""
        return self._fast is not None

    @property
    def truncates_left(self) -> bool:
        """Whether truncation removes a prompt's beginning if the request names no side."""
        return bool(self._tokenizer.truncation_side == "left")

    def ids(self, text: str) -> list[int]:
        """Return the token ids of *text*, without special ones that it does not name; blocks."""
        return self._ids(text, special=False)

    def count(self, text: str) -> int:
        """Return the number of *text*'s tokens, without special ones; blocks."""
        if self._fast is None:
            return len(self._tokenizer.encode(text, add_special_tokens=False))
        return len(self._encoding(text, special=False))

    async def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Return the token ids of *text*."""
        encode = partial(self._ids, text, special=add_special_tokens)
        return await self._run(encode, short=len(text) <= _SHORT_TEXT)

    async def decode(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*; raise InvalidOption if one is unknown."""
        return await self._run(partial(self._text, tokens), short=len(tokens) <= _SHORT_IDS)

    async def texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens* by itself; raise InvalidOption if one is unknown."""
        return await self._run(partial(self._texts, tokens), short=len(tokens) <= _SHORT_IDS)

    def _ids(self, text: str, *, special: bool) -> list[int]:
        if self._fast is None:
            return list(self._tokenizer.encode(text, add_special_tokens=special))
        return list(self._encoding(text, special=special).ids)

    def _encoding(self, text: str, *, special: bool) -> Any:
        # The same ids as transformers' own `encode`, without offsets, which takes half the time.
        # Unlike the method for one text, this one releases the interpreter's lock.
        (encoding,) = self._fast.encode_batch_fast([text], add_special_tokens=special)
        return encoding

    def _text(self, tokens: tuple[int, ...]) -> str:
        if tokens and not 0 <= min(tokens) <= max(tokens) <= self._last:
            raise InvalidOption("There are token ids beyond the vocabulary.", option="tokens")
        if self._fast is None or self._tokenizer.clean_up_tokenization_spaces:
            return str(self._tokenizer.decode(list(tokens)))
        # transformers would call the method for one text, which holds the interpreter's lock.
        (text,) = self._fast.decode_batch([tokens], skip_special_tokens=False)
        return str(text)

    def _texts(self, tokens: tuple[int, ...]) -> list[str]:
        text = cache(lambda token: self._text((token,)))
        return [text(token) for token in tokens]

    async def _run(self, work: Callable[[], T], *, short: bool) -> T:
        """Return the result of *work*, which runs in a thread unless it is *short*."""
        if short:
            return work()
        # A cancelled job keeps its thread until it ends: there are never more than two threads.
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def info(self, *, max_model_len: int) -> dict[str, Any]:
        """Return the tokenizer's class, special tokens and chat template, as transformers has them.

        *max_model_len* is the engine's own limit in tokens, under `model_max_length`.
        """
        tokenizer = self._tokenizer
        return {
            "tokenizer_class": type(tokenizer).__name__,
            "bos_token": tokenizer.bos_token,
            "eos_token": tokenizer.eos_token,
            "pad_token": tokenizer.pad_token,
            "chat_template": getattr(tokenizer, "chat_template", None),
            "model_max_length": max_model_len,
        }

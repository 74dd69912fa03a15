"""A model's tokenizer for everything but rendering prompts; long work is done in two threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

from vllm.tokenizers import cached_tokenizer_from_config

from backends.failures import InvalidOption

T = TypeVar("T")

_SHORT_TEXT = 4096
"""Characters that are tokenized within a millisecond or two."""
_SHORT_IDS = 1024
"""Token ids that are decoded one by one within a millisecond."""
_THREADS = 2
"""Long jobs at once: a text of a million characters takes up to 400 MB."""


class Tokenizer:
    """The tokenizer of one engine, which threads may share.

    It is the one that vLLM has made its renderer's copies of: those grow in number with the calls
    at once, and a copy is made where it is wanted, which can be the event loop.
    """

    def __init__(self, model_config: Any) -> None:
        self._tokenizer = cached_tokenizer_from_config(model_config)
        # Its first call resets what a tokenizer's file says of truncation and padding. Later ones
        # change nothing, so that threads may share it and a count has no limit.
        self._tokenizer.encode("")
        # None: one that is written in Python.
        self._fast: Any = getattr(self._tokenizer, "backend_tokenizer", None)
        self._last = max(self._tokenizer.max_token_id, model_config.get_vocab_size() - 1)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tokenizer")

    @property
    def max_chars_per_token(self) -> int:
        """Characters of the longest token."""
        return int(self._tokenizer.max_chars_per_token)

    @property
    def truncates_left(self) -> bool:
        """Whether a prompt loses its beginning where it is cut and the request names no side."""
        return bool(self._tokenizer.truncation_side == "left")

    def count(self, text: str) -> int:
        """Return the number of *text*'s tokens, without special ones; blocks."""
        if self._fast is None:
            return len(self._tokenizer.encode(text, add_special_tokens=False))
        return len(self._encoding(text, special=False))

    async def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Return the token ids of *text*."""
        encode = partial(self._ids, text, special=add_special_tokens)
        return await self._done(encode, short=len(text) <= _SHORT_TEXT)

    async def decode(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*; raise InvalidOption for unknown ones."""
        return await self._done(partial(self._text, tokens), short=len(tokens) <= _SHORT_IDS)

    async def texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens* by itself; raise InvalidOption for unknown ones."""
        return await self._done(partial(self._texts, tokens), short=len(tokens) <= _SHORT_IDS)

    def _ids(self, text: str, *, special: bool) -> list[int]:
        if self._fast is None:
            return list(self._tokenizer.encode(text, add_special_tokens=special))
        return list(self._encoding(text, special=special).ids)

    def _encoding(self, text: str, *, special: bool) -> Any:
        # As transformers does it, without offsets, which takes half the time. Unlike the method
        # for one text this one releases the interpreter's lock.
        (encoding,) = self._fast.encode_batch_fast([text], add_special_tokens=special)
        return encoding

    def _text(self, tokens: tuple[int, ...]) -> str:
        if tokens and not 0 <= min(tokens) <= max(tokens) <= self._last:
            raise InvalidOption("There are token ids beyond the vocabulary.", option="tokens")
        if self._fast is None or self._tokenizer.clean_up_tokenization_spaces:
            return str(self._tokenizer.decode(list(tokens)))
        # As for texts: transformers would call the method for one, which holds the lock.
        (text,) = self._fast.decode_batch([tokens], skip_special_tokens=False)
        return str(text)

    def _texts(self, tokens: tuple[int, ...]) -> list[str]:
        text = cache(lambda token: self._text((token,)))
        return [text(token) for token in tokens]

    async def _done(self, work: Callable[[], T], *, short: bool) -> T:
        """Return what *work* returns."""
        if short:
            return work()
        # Cancelled while it runs, it keeps its thread: there are never more than two.
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def described(self, *, max_model_len: int) -> dict[str, Any]:
        """Return what transformers knows of the tokenizer."""
        tokenizer = self._tokenizer
        return {
            "tokenizer_class": type(tokenizer).__name__,
            "bos_token": tokenizer.bos_token,
            "eos_token": tokenizer.eos_token,
            "pad_token": tokenizer.pad_token,
            "chat_template": getattr(tokenizer, "chat_template", None),
            "model_max_length": max_model_len,
        }

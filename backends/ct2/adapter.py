"""Chat through CTranslate2's Generator, the built-in default: runs on a CPU without torch."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import (
    Batch,
    ChatBackend,
    Finish,
    Generated,
    Generation,
    Prompt,
    PromptEcho,
    TextDelta,
)
from backends.config import Ct2ModelConfig, Ct2Options
from backends.in_thread import in_thread
from backends.self_test import one_token
from backends.text.chat_template import ChatTemplate
from backends.text.text_only import refuse_beyond_text, refuse_prompt_beyond_text
from backends.text.threads import TextThreads
from backends.text.token_bytes import TokenBytes
from backends.threaded_engine import ThreadedBackend

from .batched_calls import BatchedGenerator
from .choices import Choice, Sent
from .logprobs import LogprobReader
from .prompts import Prompts
from .sampling import ENGINE, arguments, refuse_unsupported

if TYPE_CHECKING:
    from ctranslate2 import Generator

_LONGEST_CONTEXT = 1 << 24
"""Most tokens that a tokenizer's context length may have: no model had over 10 million so far."""

_LENGTH_DIFFERENCE = 64
"""The default but for int8: at SmolLM2-135M it delays the longest prompt by 2 s at most."""


class Ct2Chat(ThreadedBackend[BatchedGenerator]):
    """A ChatBackend over one loaded Generator, which computes several requests together."""

    def __init__(
        self,
        engine: BatchedGenerator,
        template: ChatTemplate,
        prompts: Prompts,
        *,
        max_model_len: int,
        max_stall_seconds: float,
    ) -> None:
        super().__init__(engine, max_stall_seconds=max_stall_seconds)
        self._template = template
        self._prompts = prompts
        self._token_bytes = TokenBytes.of(template.tokenizer)
        self.max_model_len = max_model_len

    async def self_test(self) -> None:
        """Generate one token."""
        await one_token(self)

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*."""
        refuse_prompt_beyond_text(prompt, engine=ENGINE)
        return await self._prompts.tokenize(prompt, add_special_tokens=add_special_tokens)

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*."""
        return await self._prompts.detokenize(tokens)

    async def token_texts(self, tokens: tuple[int, ...]) -> list[str]:
        """Return the text of each of *tokens*."""
        return await self._prompts.token_texts(tokens)

    def tokenizer_info(self) -> dict[str, Any]:
        """Return `tokenizer_config.json` of the model's directory."""
        return self._template.info

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Yield tokens as the engine's callback gets them; closing stops them at the next one."""
        sampling = generation.sampling
        refuse_beyond_text(generation, engine=ENGINE)
        refuse_unsupported(sampling)
        prompt, limit = await self._prompts.read(generation.prompt, max_tokens=sampling.max_tokens)
        top = sampling.top_logprobs
        reader = None if top is None else LogprobReader(self._token_bytes, top=top)
        if generation.echo:
            yield await self._echo(generation.prompt, prompt, reader)
        sent: asyncio.Queue[Sent] = asyncio.Queue()
        choices = [
            Choice(
                index,
                self._template,
                sampling.stop,
                reader,
                prompt=prompt,
                limit=limit,
                arguments=arguments(sampling, self._template.tokenizer.get_vocab_size()),
                send=sent.put_nowait,
            )
            for index in range(sampling.n)
        ]
        if not limit:
            for choice in choices:
                yield choice.finish_empty()
            return
        async with aclosing(self._generated(choices, sent)) as items:
            async for item in items:
                yield item

    async def _generated(
        self, choices: "list[Choice]", sent: "asyncio.Queue[Sent]"
    ) -> AsyncGenerator[TextDelta | Finish, None]:
        """Yield what *choices* put into *sent* until the last of them has finished."""
        loop = asyncio.get_running_loop()

        def on_end(call: "Future[None]") -> None:
            if not call.cancelled() and (error := call.exception()) is not None:
                loop.call_soon_threadsafe(sent.put_nowait, error)

        calls = self._engine.generate(choices)
        for call in calls:
            call.add_done_callback(on_end)
        unfinished = len(choices)
        try:
            while unfinished:
                items = await sent.get()
                if isinstance(items, BaseException):
                    raise items
                for item in items:
                    unfinished -= isinstance(item, Finish)
                    yield item
        finally:
            for choice, call in zip(choices, calls, strict=True):
                choice.left = True
                call.cancel()

    async def _echo(
        self, prompt: Prompt, tokens: list[str], reader: LogprobReader | None
    ) -> PromptEcho:
        """Return the echo of *prompt*, whose tokens are *tokens*."""
        ids = self._template.ids(tokens)
        text = prompt if isinstance(prompt, str) else self._template.decode([ids])[0]
        if reader is None:
            return PromptEcho(text=text)
        read = partial(reader.echo, text, ids)
        return await asyncio.wrap_future(self._engine.score(tokens, read))


@asynccontextmanager
async def open_backend(
    config: Ct2ModelConfig, on_batch: Callable[[Batch], None], on_restart: Callable[[], None]
) -> AsyncGenerator[ChatBackend, None]:
    """Load the model of *config* from a directory or the model hub, and yield its backend.

    *on_batch* is called in an engine's thread after every call of the engine, *on_restart* before
    each try to replace an engine that died. Raises what the hub's client,
    ChatTemplate and CTranslate2 raise, and ValueError if neither *config* nor the tokenizer has the
    length of the context.
    """
    options = config.options
    directory = await asyncio.to_thread(_directory, config.source, options.revision)
    template = ChatTemplate(directory)
    max_model_len = options.max_model_len or _context(template.model_max_length)
    start = partial(_start, directory, config, on_batch)
    engine = await start()
    with TextThreads.opened(config.id) as reading, TextThreads.opened(config.id) as tokenizing:
        prompts = Prompts(
            template,
            reading=reading,
            tokenizing=tokenizing,
            max_model_len=max_model_len,
            shorten=config.max_tokens_beyond_context == "shorten",
        )
        chat = Ct2Chat(
            engine,
            template,
            prompts,
            max_model_len=max_model_len,
            max_stall_seconds=config.max_stall_seconds,
        )
        async with chat.supervised(
            start, name=config.id, max_restarts=config.max_restarts, on_restart=on_restart
        ):
            yield chat


async def _start(
    directory: Path, config: Ct2ModelConfig, on_batch: Callable[[Batch], None]
) -> BatchedGenerator:
    """Load the model in *directory* and return its engine, which does not run yet."""
    options = config.options
    generator = await in_thread(partial(_load, directory, options))
    difference = options.max_length_difference
    if difference is None:
        difference = 0 if generator.compute_type.startswith("int8") else _LENGTH_DIFFERENCE
    return BatchedGenerator(
        generator,
        asyncio.get_running_loop(),
        batches=options.inter_threads,
        max_length_difference=difference,
        on_batch=on_batch,
        name=config.id,
    )


def _context(stated: int) -> int:
    """Return *stated*, a tokenizer's context length in tokens; raise ValueError if it is unknown.

    transformers writes 10^30 for a length that it does not know: no prompt would be too long.
    """
    if not 0 < stated <= _LONGEST_CONTEXT:
        raise ValueError("The tokenizer does not state `model_max_length`: set `max_model_len`.")
    return stated


def _load(directory: Path, options: Ct2Options) -> "Generator":
    from ctranslate2 import Generator

    return Generator(
        str(directory),
        device=options.device,
        compute_type=options.compute_type,
        inter_threads=BatchedGenerator.threads(options.inter_threads),
        intra_threads=_intra_threads(options),
    )


def _intra_threads(options: Ct2Options) -> int:
    """Return the threads of a batch.

    They wait for one another: where other work takes their cores, several can be far slower than
    one. So the default is half of the cores that the process may use.
    """
    if options.intra_threads is not None:
        return options.intra_threads
    cores = len(os.sched_getaffinity(0))
    return max(1, min(4, cores // 2 // options.inter_threads))


def _directory(source: str, revision: str | None) -> Path:
    """Return *source* if it is a directory, else download that repository of the hub."""
    if (path := Path(source)).is_dir():
        return path
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(source, revision=revision))

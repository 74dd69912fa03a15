"""Chat through CTranslate2's Generator, the built-in default: runs on a CPU without torch."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from backends.base import ChatBackend, Generated, Generation, Prompt, PromptEcho, TokenLogprob
from backends.config import Ct2ModelConfig
from backends.self_test import one_token
from backends.text.chat_template import ChatTemplate
from backends.text.text_only import refuse_beyond_text, refuse_prompt_beyond_text
from backends.text.threads import TextThreads
from backends.text.token_bytes import TokenBytes

from .choices import Choice
from .logprobs import LogprobReader
from .prompts import Prompts
from .sampling import ENGINE, arguments, refuse_unsupported

if TYPE_CHECKING:
    from ctranslate2 import GenerationStepResult, Generator

T = TypeVar("T")
Step = tuple["GenerationStepResult", tuple[TokenLogprob, ...]]
"""One token of one choice, as the engine's callback gets it, and its log probability if wanted."""

_LONGEST_CONTEXT = 1 << 24
"""Most tokens that a tokenizer's context length may have: no model had over 10 million so far."""
_BATCH_TOKENS = 65_536
"""Most tokens of all prompts in one call of the engine: each takes 4 kB in the built-in model."""


class Ct2Chat:
    """A ChatBackend over one loaded Generator; each running request occupies one thread."""

    def __init__(
        self,
        generator: "Generator",
        template: ChatTemplate,
        prompts: Prompts,
        threads: ThreadPoolExecutor,
        *,
        max_model_len: int,
    ) -> None:
        self._generator = generator
        self._template = template
        self._threads = threads
        self._prompts = prompts
        self._token_bytes = TokenBytes.of(template.tokenizer)
        self.max_model_len = max_model_len

    async def ready(self) -> bool:
        """Return True: weights that are loaded stay usable."""
        return True

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
        """Yield tokens as the engine's callback gets them; closing stops it at the next token."""
        sampling = generation.sampling
        refuse_beyond_text(generation, engine=ENGINE)
        refuse_unsupported(sampling)
        prompt, limit = await self._prompts.read(generation.prompt, max_tokens=sampling.max_tokens)
        top = sampling.top_logprobs
        reader = None if top is None else LogprobReader(self._token_bytes, top=top)
        if generation.echo:
            yield await self._in_thread(self._echo, generation.prompt, prompt, reader)
        choices = [
            Choice(index, self._template, sampling.stop, reader, prompt_tokens=len(prompt))
            for index in range(sampling.n)
        ]
        if not limit:
            for choice in choices:
                yield choice.finish_empty()
            return
        run = partial(
            self._generator.generate_batch,
            max_length=limit,
            include_prompt_in_result=False,
            return_logits_vocab=reader is not None,
            **arguments(sampling, self._template.tokenizer.get_vocab_size()),
        )
        # CTranslate2 hands the logits of a whole batch to the first of its callbacks.
        size = 1 if reader else max(1, _BATCH_TOKENS // len(prompt))
        for start in range(0, len(choices), size):
            batch = choices[start : start + size]
            async for step, logprobs in self._steps(_continuing(run, prompt, len(batch)), batch):
                for item in batch[step.batch_id].feed(step, logprobs):
                    yield item

    async def _in_thread(self, job: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, job, *arguments)

    def _echo(self, prompt: Prompt, tokens: list[str], reader: LogprobReader | None) -> PromptEcho:
        """Return the echo of *prompt*, whose tokens are *tokens*; blocks."""
        ids = self._template.ids(tokens)
        text = prompt if isinstance(prompt, str) else self._template.decode([ids])[0]
        if reader is None:
            return PromptEcho(text=text)
        return reader.echo(
            text, ids, self._generator.forward_batch([tokens], return_log_probs=True)
        )

    async def _steps(
        self, run: "partial[Any]", choices: "list[Choice]"
    ) -> AsyncGenerator[Step, None]:
        """Run the engine in a thread and yield its steps, until it returns or raises."""
        loop = asyncio.get_running_loop()
        steps: asyncio.Queue[Step | None] = asyncio.Queue()
        closed = threading.Event()

        def on_step(step: "GenerationStepResult") -> bool:
            choice = choices[step.batch_id]
            loop.call_soon_threadsafe(steps.put_nowait, (step, choice.logprobs(step)))
            return closed.is_set() or choice.finished

        running = loop.run_in_executor(self._threads, partial(run, callback=on_step))
        running.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while (step := await steps.get()) is not None:
                yield step
            running.result()
        finally:
            closed.set()


def _continuing(run: "partial[Any]", prompt: list[str], copies: int) -> "partial[Any]":
    """Return the call that continues *prompt*, a list of tokens, *copies* times.

    The tokens before the last one are computed once for all copies. Computed for each copy, 2,040
    tokens took 9 GB and over a minute for 128 copies.
    """
    if copies == 1:
        return partial(run, [prompt])
    last = [prompt[-1:]] * copies
    return partial(run, last, static_prompt=prompt[:-1], cache_static_prompt=False)


@asynccontextmanager
async def open_backend(config: Ct2ModelConfig) -> AsyncGenerator[ChatBackend, None]:
    """Load the model of *config* from a directory or the model hub, and yield its backend.

    Raises what the hub's client, ChatTemplate and CTranslate2 raise, and ValueError if neither
    *config* nor the tokenizer has the length of the context.
    """
    options = config.options
    loop = asyncio.get_running_loop()
    with (
        ThreadPoolExecutor(config.max_running, thread_name_prefix=config.id) as threads,
        TextThreads.opened(config.id) as reading,
        TextThreads.opened(config.id) as tokenizing,
    ):
        directory = await loop.run_in_executor(
            threads, partial(_directory, config.source, options.revision)
        )
        template = ChatTemplate(directory)
        generator = await loop.run_in_executor(threads, partial(_load, directory, config))
        max_model_len = options.max_model_len or _context(template.model_max_length)
        prompts = Prompts(
            template,
            reading=reading,
            tokenizing=tokenizing,
            max_model_len=max_model_len,
            shorten=config.max_tokens_beyond_context == "shorten",
        )
        yield Ct2Chat(generator, template, prompts, threads, max_model_len=max_model_len)


def _context(stated: int) -> int:
    """Return *stated*, a tokenizer's context length in tokens; raise ValueError if it is unknown.

    transformers writes 10^30 for a length that it does not know: no prompt would be too long.
    """
    if not 0 < stated <= _LONGEST_CONTEXT:
        raise ValueError("The tokenizer does not state `model_max_length`: set `max_model_len`.")
    return stated


def _load(directory: Path, config: Ct2ModelConfig) -> "Generator":
    from ctranslate2 import Generator

    options = config.options
    return Generator(
        str(directory),
        device=options.device,
        compute_type=options.compute_type,
        inter_threads=options.inter_threads,
        intra_threads=options.intra_threads,
    )


def _directory(source: str, revision: str | None) -> Path:
    """Return *source* if it is a directory, else download that repository of the hub."""
    if (path := Path(source)).is_dir():
        return path
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(source, revision=revision))

"""Chat through CTranslate2's Generator: the embedded default, on CPU, without torch."""

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
from backends.text.token_bytes import Pieces

from .choices import Choice
from .logprobs import Scores
from .prompts import Prompts
from .sampling import ENGINE, arguments, refuse_unsupported

if TYPE_CHECKING:
    from ctranslate2 import GenerationStepResult, Generator

T = TypeVar("T")
Step = tuple["GenerationStepResult", tuple[TokenLogprob, ...]]

_LONGEST_CONTEXT = 1 << 24
"""Tokens; no model has had more than 10 million."""
_BATCH_TOKENS = 65_536
"""Tokens of all prompts in one call of the engine: each takes 4 kB in the built-in model."""


class Ct2Chat:
    """A loaded Generator; every running request holds one thread."""

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
        self._pieces = Pieces.of(template.tokenizer)
        self.max_model_len = max_model_len

    async def ready(self) -> bool:
        """Answer yes: loaded weights stay usable."""
        return True

    async def self_test(self) -> None:
        """Draw one token."""
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
        """Return what the model's directory says of its tokenizer."""
        return self._template.info

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Pass tokens on as the engine's callback brings them; closing stops it at the next one."""
        sampling = generation.sampling
        refuse_beyond_text(generation, engine=ENGINE)
        refuse_unsupported(sampling)
        prompt, limit = await self._prompts.read(generation.prompt, wanted=sampling.max_tokens)
        top = sampling.top_logprobs
        scores = None if top is None else Scores(self._pieces, top=top)
        if generation.echo:
            yield await self._in_thread(self._echo, generation.prompt, prompt, scores)
        choices = [
            Choice(index, self._template, sampling.stop, scores, prompt_tokens=len(prompt))
            for index in range(sampling.n)
        ]
        if not limit:
            for choice in choices:
                yield choice.nothing()
            return
        run = partial(
            self._generator.generate_batch,
            max_length=limit,
            include_prompt_in_result=False,
            return_logits_vocab=scores is not None,
            **arguments(sampling, self._template.tokenizer.get_vocab_size()),
        )
        # CTranslate2 hands the logits of a whole batch to the first of its callbacks.
        size = 1 if scores else max(1, _BATCH_TOKENS // len(prompt))
        for start in range(0, len(choices), size):
            batch = choices[start : start + size]
            async for step, weighed in self._steps(_continuing(run, prompt, len(batch)), batch):
                for item in batch[step.batch_id].take(step, weighed):
                    yield item

    async def _in_thread(self, job: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, job, *arguments)

    def _echo(self, said: Prompt, prompt: list[str], scores: Scores | None) -> PromptEcho:
        """Return the echo of *said*, which is the tokens *prompt*; blocks."""
        ids = self._template.ids(prompt)
        text = said if isinstance(said, str) else self._template.decode([ids])[0]
        if scores is None:
            return PromptEcho(text=text)
        log_probs = self._generator.forward_batch([prompt], return_log_probs=True)
        return scores.echo(text, ids, log_probs)

    async def _steps(
        self, run: "partial[Any]", choices: "list[Choice]"
    ) -> AsyncGenerator[Step, None]:
        """Run the engine in a thread and yield its steps here, until it returns or raises."""
        loop = asyncio.get_running_loop()
        steps: asyncio.Queue[Step | None] = asyncio.Queue()
        left = threading.Event()

        def on_step(step: "GenerationStepResult") -> bool:
            choice = choices[step.batch_id]
            loop.call_soon_threadsafe(steps.put_nowait, (step, choice.weighed(step)))
            return left.is_set() or choice.finished

        running = loop.run_in_executor(self._threads, partial(run, callback=on_step))
        running.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while (step := await steps.get()) is not None:
                yield step
            running.result()
        finally:
            left.set()


def _continuing(run: "partial[Any]", prompt: list[str], copies: int) -> "partial[Any]":
    """Return the call that continues *prompt* as often as *copies* says.

    The tokens before the last are read once and not by each copy: for 128 copies of 2,040 tokens
    that took 9 GB, and over a minute.
    """
    if copies == 1:
        return partial(run, [prompt])
    last = [prompt[-1:]] * copies
    return partial(run, last, static_prompt=prompt[:-1], cache_static_prompt=False)


@asynccontextmanager
async def open_backend(config: Ct2ModelConfig) -> AsyncGenerator[ChatBackend, None]:
    """Load *config*'s weights off the event loop, from a directory or the hub."""
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
    """Return the context length that a tokenizer states; raise ValueError if it states none.

    transformers writes 10^30 for a length that it does not know: no prompt would be too long.
    """
    if not 0 < stated <= _LONGEST_CONTEXT:
        raise ValueError("The tokenizer states no `model_max_length`: set `max_model_len`.")
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
    """Return *source* if it is a directory, else a snapshot of the hub's repository."""
    if (path := Path(source)).is_dir():
        return path
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(source, revision=revision))

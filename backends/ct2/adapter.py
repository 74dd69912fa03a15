"""Chat through CTranslate2's Generator: the embedded default, on CPU, without torch."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import ChatBackend, Generated, Generation, Prompt, PromptEcho
from backends.config import Ct2ModelConfig
from backends.pieces import Pieces
from backends.plain import refuse_beyond_text, refuse_prompt_beyond_text
from backends.templates import ChatTemplate

from .choices import Choice
from .sampling import ENGINE, arguments, refuse_unsupported, token_limit
from .scores import Scores

if TYPE_CHECKING:
    from ctranslate2 import GenerationStepResult, Generator


class Ct2Chat:
    """A loaded Generator; every running request holds one thread."""

    def __init__(
        self,
        generator: "Generator",
        template: ChatTemplate,
        threads: ThreadPoolExecutor,
        *,
        max_model_len: int,
    ) -> None:
        self._generator = generator
        self._template = template
        self._threads = threads
        self._pieces = Pieces.of(template.tokenizer)
        self.max_model_len = max_model_len

    async def ready(self) -> bool:
        """Answer yes: loaded weights stay usable."""
        return True

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*, found off the event loop."""
        refuse_prompt_beyond_text(prompt, engine=ENGINE)
        if not isinstance(prompt, str):
            return self._template.ids(self._template.tokens(prompt))
        encode = partial(self._template.tokenizer.encode, add_special_tokens=add_special_tokens)
        ids: list[int] = (await asyncio.to_thread(encode, prompt)).ids
        return ids

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """Return the text of *tokens*."""
        self._template.named(tokens, option="tokens")
        text: str = self._template.tokenizer.decode(list(tokens), skip_special_tokens=False)
        return text

    def tokenizer_info(self) -> dict[str, Any]:
        """Return what the model's directory says of its tokenizer."""
        return self._template.info

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Pass tokens on as the engine's callback brings them; closing stops it at the next one."""
        sampling = generation.sampling
        refuse_beyond_text(generation, engine=ENGINE)
        refuse_unsupported(sampling)
        prompt = self._template.tokens(generation.prompt)
        limit = token_limit(len(prompt), sampling.max_tokens, self.max_model_len)
        top = sampling.top_logprobs
        scores = None if top is None else Scores(self._pieces, top=top)
        if generation.echo:
            yield await self._echo(generation, prompt, scores)
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
        for batch in [choices] if scores is None else [[choice] for choice in choices]:
            async for step in self._steps(partial(run, [prompt] * len(batch)), batch):
                for item in batch[step.batch_id].take(step):
                    yield item

    async def _echo(
        self, generation: Generation, prompt: list[str], scores: Scores | None
    ) -> PromptEcho:
        ids = self._template.ids(prompt)
        said = generation.prompt
        text = said if isinstance(said, str) else await self.detokenize(tuple(ids))
        if scores is None:
            return PromptEcho(text=text)
        forward = partial(self._generator.forward_batch, [prompt], return_log_probs=True)
        log_probs = await asyncio.get_running_loop().run_in_executor(self._threads, forward)
        return scores.echo(text, ids, log_probs)

    async def _steps(
        self, run: "partial[Any]", choices: "list[Choice]"
    ) -> AsyncGenerator["GenerationStepResult", None]:
        """Run the engine in a thread and yield its steps here, until it returns or raises."""
        loop = asyncio.get_running_loop()
        steps: asyncio.Queue[GenerationStepResult | None] = asyncio.Queue()
        left = threading.Event()

        def on_step(step: "GenerationStepResult") -> bool:
            loop.call_soon_threadsafe(steps.put_nowait, step)
            return left.is_set() or choices[step.batch_id].finished

        running = loop.run_in_executor(self._threads, partial(run, callback=on_step))
        running.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while (step := await steps.get()) is not None:
                yield step
            running.result()
        finally:
            left.set()


@asynccontextmanager
async def open_backend(config: Ct2ModelConfig) -> AsyncGenerator[ChatBackend, None]:
    """Load *config*'s weights off the event loop, from a directory or the hub."""
    options = config.options
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(config.max_running, thread_name_prefix=config.id) as threads:
        directory = await loop.run_in_executor(
            threads, partial(_directory, config.source, options.revision)
        )
        template = ChatTemplate(directory)
        generator = await loop.run_in_executor(threads, partial(_load, directory, config))
        yield Ct2Chat(
            generator,
            template,
            threads,
            max_model_len=options.max_model_len or template.model_max_length,
        )


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

"""Chat through CTranslate2's Generator: the embedded default, on CPU, without torch."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tokenizers.decoders import DecodeStream

from .base import (
    ChatBackend,
    Finish,
    Generated,
    Generation,
    Prompt,
    PromptEcho,
    Sampling,
    TextDelta,
)
from .config import Ct2ModelConfig
from .ct2scores import Scores
from .failures import PromptTooLong, UnsupportedOption
from .pieces import Pieces
from .stopping import StopStrings
from .templates import ChatTemplate

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
        self._pieces = Pieces(template.tokenizer)
        self.max_model_len = max_model_len

    async def ready(self) -> bool:
        """Answer yes: loaded weights stay usable."""
        return True

    async def tokenize(self, prompt: Prompt, *, add_special_tokens: bool = True) -> list[int]:
        """Return the token ids of *prompt*, found off the event loop."""
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
        _refuse_unsupported(sampling)
        prompt = self._template.tokens(generation.prompt)
        limit = _token_limit(len(prompt), sampling.max_tokens, self.max_model_len)
        top = sampling.top_logprobs
        scores = None if top is None else Scores(self._pieces, top=top)
        if generation.echo:
            yield await self._echo(generation, prompt, scores)
        choices = [
            _Choice(index, self._template, sampling.stop, scores, prompt_tokens=len(prompt))
            for index in range(sampling.n)
        ]
        if not limit:
            for choice in choices:
                yield choice.nothing()
            return
        run = partial(
            self._generator.generate_batch,
            [prompt] * sampling.n,
            max_length=limit,
            include_prompt_in_result=False,
            return_logits_vocab=scores is not None,
            **_sampling_arguments(sampling, self._template.tokenizer.get_vocab_size()),
        )
        async for step in self._steps(run, choices):
            for item in choices[step.batch_id].take(step):
                yield item

    async def _echo(
        self, generation: Generation, prompt: list[str], scores: Scores | None
    ) -> PromptEcho:
        ids = self._template.ids(prompt)
        said = generation.prompt
        text = said if isinstance(said, str) else self._template.tokenizer.decode(ids)
        if scores is None:
            return PromptEcho(text=text)
        forward = partial(self._generator.forward_batch, [prompt], return_log_probs=True)
        log_probs = await asyncio.get_running_loop().run_in_executor(self._threads, forward)
        return scores.echo(text, ids, log_probs)

    async def _steps(
        self, run: "partial[Any]", choices: "list[_Choice]"
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


class _Choice:
    """One of the `n` texts on its way: tokens in, deltas and the finish out."""

    def __init__(
        self,
        index: int,
        template: ChatTemplate,
        stop: tuple[str, ...],
        scores: Scores | None,
        *,
        prompt_tokens: int,
    ) -> None:
        self.finished = False
        self._index = index
        self._tokenizer = template.tokenizer
        self._end_tokens = template.end_tokens
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._stop = StopStrings(stop)
        self._scores = scores
        self._prompt_tokens = prompt_tokens
        self._tokens = 0

    def take(self, step: "GenerationStepResult") -> list[TextDelta | Finish]:
        """Turn one token into what is to be sent; nothing after the finish."""
        if self.finished:  # the engine runs on until its callback is next asked
            return []
        self._tokens += 1
        ended = step.token in self._end_tokens
        text = self._stop.feed(self._decoder.step(self._tokenizer, step.token_id) or "")
        if self._stop.hit or step.is_last:
            self.finished = True
            text += self._stop.flush()
        weighed = (self._scores.drawn(step.token_id, step.logits),) if self._scores else ()
        items: list[TextDelta | Finish] = []
        if text or weighed:
            items.append(TextDelta(index=self._index, text=text, logprobs=weighed))
        if self.finished:
            items.append(self._finish("stop" if ended or self._stop.hit else "length"))
        return items

    def nothing(self) -> Finish:
        """Finish before the first token: none was asked for."""
        return self._finish("length")

    def _finish(self, reason: Literal["stop", "length"]) -> Finish:
        return Finish(
            index=self._index,
            reason=reason,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._tokens,
        )


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


def _token_limit(prompt: int, wanted: int | None, context: int) -> int:
    """Return how many tokens may be generated, as vLLM counts: prompt and completion together."""
    completion = 1 if wanted is None else wanted
    if prompt + completion > context:
        raise PromptTooLong.by(prompt=prompt, completion=completion, context=context)
    return context - prompt if wanted is None else wanted


def _refuse_unsupported(sampling: Sampling) -> None:
    """Refuse what CTranslate2's sampler lacks, wherever it would change the answer."""
    random = sampling.temperature is None or sampling.temperature > 0
    refused = {
        "presence_penalty": bool(sampling.presence_penalty),
        "frequency_penalty": bool(sampling.frequency_penalty),
        "min_p": random and bool(sampling.min_p),
        # Its random generators belong to threads and cannot be seeded per request.
        "seed": random and sampling.seed is not None,
        "logit_bias": bool(sampling.logit_bias),
        # Its logits are those after the penalty.
        "logprobs": sampling.top_logprobs is not None
        and sampling.repetition_penalty not in (None, 1),
    }
    for option, refuse in refused.items():
        if refuse:
            raise UnsupportedOption(
                f"`{option}` is not supported by this model's engine (CTranslate2).", option=option
            )


def _sampling_arguments(sampling: Sampling, vocabulary: int) -> dict[str, float]:
    """Translate to the Generator's names; its own default is greedy, OpenAI's is temperature 1.

    What OpenAI allows and the Generator refuses has its like: a nucleus of probability 0 is the
    most probable token, the *vocabulary* or more of the most probable are all.
    """
    penalty = {"repetition_penalty": sampling.repetition_penalty or 1.0}
    temperature = 1.0 if sampling.temperature is None else sampling.temperature
    if temperature == 0 or sampling.top_p == 0:
        return {"sampling_topk": 1, **penalty}
    top_k = max(sampling.top_k or 0, 0)
    return {
        "sampling_temperature": temperature,
        "sampling_topk": top_k if top_k < vocabulary else 0,
        "sampling_topp": 1.0 if sampling.top_p is None else sampling.top_p,
        **penalty,
    }

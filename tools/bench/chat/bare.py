"""vLLM's engine without a server, as a child: AsyncLLM, and a task for each request in flight.

python -m tools.bench.chat.bare MODEL '{"max_num_seqs": 256}'
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import uvloop
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.sampling_params import RequestOutputKind, SamplingParams
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.async_llm import AsyncLLM

from tools.bench.child import Run, answer


def start(model: str, options: dict[str, Any]) -> AsyncLLM:
    """Start the engine as servers do: vLLM's default batch sizes depend on the context."""
    arguments = AsyncEngineArgs(model=model, **options)
    return AsyncLLM.from_engine_args(arguments, usage_context=UsageContext.OPENAI_API_SERVER)


class Bare:
    """An engine whose prompts are tokens already, so that nothing more can be saved."""

    def __init__(self, engine: AsyncLLM) -> None:
        self._engine = engine
        self._tokenizer = engine.renderer.get_tokenizer()
        self._ids = map(str, count())

    def _prompt(self, text: str | list[int]) -> Any:
        ids = self._ids_of(text) if isinstance(text, str) else text
        (prompt,) = self._engine.renderer.render_cmpl([{"prompt_token_ids": ids}])
        return prompt

    def _ids_of(self, question: str) -> list[int]:
        turns = [{"role": "user", "content": question}]
        template = self._tokenizer.apply_chat_template
        whole = template(turns, add_generation_prompt=True, tokenize=False)
        ids: list[int] = self._tokenizer.encode(whole, add_special_tokens=False)
        return ids

    async def measure(
        self,
        *,
        fields: dict[str, Any],
        prompts: list[str] | list[list[int]],
        in_flight: int,
        kind: str,
    ) -> Run:
        """Have *prompts* continued, and scored if *fields* have `echo`.

        Raises RuntimeError for less than `max_tokens` tokens.
        """
        rendered = [self._prompt(prompt) for prompt in prompts]
        streamed = kind == "streamed"
        params = SamplingParams.from_optional(
            **{name: value for name, value in fields.items() if name != "echo"},
            prompt_logprobs=fields["logprobs"] if fields.get("echo") else None,
            output_kind=RequestOutputKind.DELTA if streamed else RequestOutputKind.FINAL_ONLY,
        )
        texts, tokens = [""] * len(prompts), [0] * len(prompts)
        latencies, firsts = [0.0] * len(prompts), [0.0] * len(prompts)

        async def keep_busy(todo: Iterator[tuple[int, Any]]) -> None:
            for place, prompt in todo:
                began = time.perf_counter()
                async for output in self._engine.generate(prompt, params, next(self._ids)):
                    (choice,) = output.outputs
                    if not tokens[place]:
                        firsts[place] = time.perf_counter() - began
                    texts[place] += choice.text
                    tokens[place] += len(choice.token_ids)
                latencies[place] = time.perf_counter() - began

        todo = iter(enumerate(rendered))
        began, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(in_flight):
                tasks.create_task(keep_busy(todo))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        if set(tokens) != {fields["max_tokens"]}:
            raise RuntimeError(f"{set(tokens)} tokens instead of {fields['max_tokens']}")
        return Run(seconds=seconds, texts=texts, latencies=latencies, firsts=firsts, cpu=cpu)


def main() -> None:
    """Start the engine, then answer jobs, all on the one loop that it belongs to."""
    model, options = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

        async def opened() -> Bare:
            return Bare(start(model, json.loads(options)))

        bare = runner.run(opened())
        answer(lambda **job: runner.run(bare.measure(**job)))


if __name__ == "__main__":
    main()

"""Asking the engine, and not leaving it with a question that nobody waits for."""

from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

from vllm.v1.engine.async_llm import AsyncLLM


async def answered(
    engine: AsyncLLM, prompt: Any, params: Any, **options: Any
) -> AsyncGenerator[Any, None]:
    """Yield what `AsyncLLM.generate` would; closing aborts, as there.

    So does cancelling while the engine is handed the request, of which vLLM's leaves a trace.
    """
    name = uuid4().hex
    asked = None
    finished = False
    try:
        asked = await engine.add_request(name, prompt, params, **options)
        _leave_undecoded(engine, name)
        while not finished:
            # Without waiting where there is something: it saves a turn of the loop.
            output = asked.get_nowait() or await asked.get()
            finished = output.finished
            yield output
    finally:
        if asked is not None:
            asked.close()
        if not finished and not engine.errored:
            if asked is None:
                await engine.abort(name)
            else:
                await engine.abort(asked.request_id, internal=True)


def _leave_undecoded(engine: AsyncLLM, name: str) -> None:
    """Have the tokens that log probabilities are of not decoded: `logprobs.py` reads them.

    Text is decoded as ever. What is decoded before this takes effect is decoded for nothing.
    """
    processor = engine.output_processor
    for each in processor.external_req_ids.get(name, ()):
        processor.request_states[each].logprobs_processor.tokenizer = None

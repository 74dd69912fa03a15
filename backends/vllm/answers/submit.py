"""Submits a request to vLLM's engine, and aborts it there if the caller stops early."""

from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

from vllm.v1.engine.async_llm import AsyncLLM


async def engine_outputs(
    engine: AsyncLLM, prompt: Any, params: Any, **options: Any
) -> AsyncGenerator[Any, None]:
    """Yield each `vllm.RequestOutput` that `AsyncLLM.generate` would; closing aborts the request.

    *options* are further arguments of `AsyncLLM.add_request`, and what that raises is raised here.
    Cancelling during `add_request` aborts too; vLLM's own `generate` leaks the request in that
    case.
    """
    name = uuid4().hex
    queue = None
    finished = False
    try:
        queue = await engine.add_request(name, prompt, params, **options)
        _skip_logprob_texts(engine, name)
        while not finished:
            # Without awaiting if an output is there already: that saves a turn of the event loop.
            output = queue.get_nowait() or await queue.get()
            finished = output.finished
            yield output
    finally:
        if queue is not None:
            queue.close()
        if not finished and not engine.errored:
            if queue is None:
                await engine.abort(name)
            else:
                await engine.abort(queue.request_id, internal=True)


def _skip_logprob_texts(engine: AsyncLLM, name: str) -> None:
    """Stop vLLM from decoding each logprob token to text; `logprobs.py` reads the vocabulary.

    The answer's text is decoded as before. vLLM may decode a few tokens before this takes effect;
    nobody reads those texts.
    """
    processor = engine.output_processor
    for request_id in processor.external_req_ids.get(name, ()):
        processor.request_states[request_id].logprobs_processor.tokenizer = None

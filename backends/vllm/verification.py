"""Constraints are compiled in a thread: it takes up to a quarter of a second within the bounds."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from vllm.sampling_params import SamplingParams


class Verification:
    """Verifies what constrains a request before vLLM does, which would on the event loop."""

    def __init__(self, config: Any, tokenizer: Any) -> None:
        """Take an engine's VllmConfig and its renderer's tokenizer."""
        self._verified_by = (
            config.model_config,
            config.speculative_config,
            config.structured_outputs_config,
            tokenizer,
        )
        # One: not all compilers of grammars may be used by several threads at once.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="constraints")

    async def of(self, params: SamplingParams) -> None:
        """Verify *params* if they constrain the output; raise vLLM's refusals.

        vLLM compiles the constraint to find out whether it is valid, and would do so again when it
        takes the request. So these *params* are not verified a second time.
        """
        if params.structured_outputs is None:
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, partial(params.verify, *self._verified_by))
        params.verify = _verified


def _verified(*_: Any) -> None:
    """Do nothing in place of `SamplingParams.verify`."""

"""Constraints are verified in a thread: it takes up to a quarter of a second within the bounds."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from vllm.sampling_params import SamplingParams, StructuredOutputsParams

from backends.base import Generation
from backends.failures import InvalidOption

from .constraints import Calls, as_schema, bound, refuse_fault
from .grammars import GUIDANCE, XGRAMMAR
from .protocol import constraint
from .schema_depth import is_too_deep
from .tool_schemas import find_fault


class Verification:
    """Verifies what constrains a request before vLLM does, which would on the event loop."""

    def __init__(
        self, config: Any, tokenizer: Any, *, holds_all: bool, max_spaces: int | None
    ) -> None:
        """Take an engine's VllmConfig and its renderer's tokenizer; for the rest see `Calls`."""
        self._config = config
        self._tokenizer = tokenizer
        self._chosen = config.structured_outputs_config
        # llguidance is pinned beside xgrammar, which has what llguidance has not.
        self._other = replace(self._chosen, backend=XGRAMMAR)
        self._holds_all = holds_all
        self._max_spaces = max_spaces
        # One: not all compilers of grammars may be used by several threads at once.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="constraints")

    async def of(self, params: SamplingParams, generation: Generation) -> None:
        """Verify *params* if they constrain the output; raise vLLM's refusals, and InvalidOption.

        vLLM compiles the constraint to find out whether it is valid, and would do so again when it
        takes the request. So these *params* are not verified a second time.
        """
        if params.structured_outputs is None:
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, partial(self._verify, params, generation))
        params.verify = _verified

    def _verify(self, params: SamplingParams, generation: Generation) -> None:
        wanted = params.structured_outputs
        config = self._config_for(wanted)
        option = constraint(generation) or "structured_outputs"
        if config.backend == XGRAMMAR:
            if wanted.structural_tag:
                calls = Calls(
                    generation,
                    option=option,
                    holds_all=self._holds_all,
                    max_spaces=self._max_spaces,
                )
                wanted.structural_tag = calls.held(wanted.structural_tag)
            elif (schema := as_schema(wanted.json)) is not None:
                refuse_fault(find_fault(schema), option=option)
        elif config.backend == GUIDANCE:
            schema = as_schema(wanted.json)
            if schema is not None and is_too_deep(schema):
                raise InvalidOption(f"The schema in `{option}` is too deep.", option=option)
            bound(wanted, max_spaces=self._max_spaces)
        models = self._config.model_config, self._config.speculative_config
        params.verify(*models, config, self._tokenizer)

    def _config_for(self, wanted: StructuredOutputsParams) -> Any:
        pinned = self._chosen.backend == GUIDANCE
        return self._other if pinned and needs_xgrammar(wanted) else self._chosen


def needs_xgrammar(wanted: StructuredOutputsParams) -> bool:
    """Return whether what is *wanted* is held by xgrammar beside llguidance (`grammars.py`)."""
    return wanted.structural_tag is not None or wanted.grammar is not None


def _verified(*_: Any) -> None:
    """Do nothing in place of `SamplingParams.verify`."""

"""Verifies constraints in a thread. Within the size limits that takes up to a quarter second."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from vllm.sampling_params import SamplingParams, StructuredOutputsParams

from backends.base import Generation
from backends.failures import InvalidOption

from .constraints import ToolCallConstraint, as_schema, refuse_fault, restrict_json
from .grammars import GUIDANCE, XGRAMMAR
from .schema_depth import is_too_deep
from .tool_schemas import find_fault


class ConstraintVerifier:
    """Verifies the constraint of a request before vLLM would do it on the event loop."""

    def __init__(
        self, config: Any, tokenizer: Any, *, enforces_all: bool, max_spaces: int | None
    ) -> None:
        """Take an engine's VllmConfig and its renderer's tokenizer.

        *enforces_all* and *max_spaces* are those of `ToolCallConstraint`.
        """
        self._config = config
        self._tokenizer = tokenizer
        self._chosen = config.structured_outputs_config
        # If llguidance is pinned, xgrammar serves the constraints that llguidance does not have.
        self._xgrammar = replace(self._chosen, backend=XGRAMMAR)
        self._enforces_all = enforces_all
        self._max_spaces = max_spaces
        # One thread, because not all grammar compilers may be used by several at once.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="constraints")

    async def verify(
        self, params: SamplingParams, generation: Generation, *, option: str | None
    ) -> None:
        """Verify the constraint in *params*, if there is one, and restrict it (`constraints.py`).

        *option* is reported if the constraint is refused. Raises InvalidOption and vLLM's own
        errors. vLLM compiles the constraint to verify it, and would do so again when it receives
        the request. So `params.verify` does nothing afterwards.
        """
        if params.structured_outputs is None:
            return
        verify = partial(self._verify, params, generation, option or "structured_outputs")
        await asyncio.get_running_loop().run_in_executor(self._thread, verify)
        params.verify = _do_nothing

    def _verify(self, params: SamplingParams, generation: Generation, option: str) -> None:
        constraint = params.structured_outputs
        config = self._config_for(constraint)
        if config.backend == XGRAMMAR:
            if constraint.structural_tag:
                calls = ToolCallConstraint(
                    generation,
                    option=option,
                    enforces_all=self._enforces_all,
                    max_spaces=self._max_spaces,
                )
                constraint.structural_tag = calls.adapted(constraint.structural_tag)
            elif (schema := as_schema(constraint.json)) is not None:
                refuse_fault(find_fault(schema), option=option)
        elif config.backend == GUIDANCE:
            schema = as_schema(constraint.json)
            if schema is not None and is_too_deep(schema):
                raise InvalidOption(f"The schema in `{option}` is too deep.", option=option)
            restrict_json(constraint, max_spaces=self._max_spaces)
        models = self._config.model_config, self._config.speculative_config
        params.verify(*models, config, self._tokenizer)

    def _config_for(self, constraint: StructuredOutputsParams) -> Any:
        pinned = self._chosen.backend == GUIDANCE
        return self._xgrammar if pinned and needs_xgrammar(constraint) else self._chosen


def needs_xgrammar(constraint: StructuredOutputsParams) -> bool:
    """Return whether xgrammar serves *constraint* where both engines are used (`grammars.py`)."""
    return constraint.structural_tag is not None or constraint.grammar is not None


def _do_nothing(*_: Any) -> None:
    """Replace `SamplingParams.verify`, which has been called already."""

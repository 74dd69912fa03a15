"""Chooses the grammar engine for a constraint by its kind, never by which request came first.

By itself vLLM uses xgrammar for the constraints that it accepts and llguidance for the rest, but
its engine keeps the grammar engine of the first request: later requests that need the other one
fail. llguidance enforces all that it accepts of JSON Schema and refuses the rest by name, and it
reads more regular expressions. Only xgrammar has structural tags, the grammars of vLLM's tool
calls, and EBNF. xgrammar serves Lark grammars too, because a long chain of rules crashes
llguidance's process.

The engine's process imports this module too: there `process/paced_scheduler.py` installs the class
below.
"""

from threading import Lock
from typing import Any

from vllm.config import VllmConfig
from vllm.tokenizers import cached_tokenizer_from_config
from vllm.v1.structured_output import StructuredOutputManager
from vllm.v1.structured_output.backend_guidance import GuidanceBackend
from vllm.v1.structured_output.backend_types import (
    StructuredOutputBackend,
    StructuredOutputGrammar,
    StructuredOutputOptions,
)
from vllm.v1.structured_output.backend_xgrammar import XgrammarBackend

GUIDANCE, XGRAMMAR = "guidance", "xgrammar"

_XGRAMMAR_KINDS = {StructuredOutputOptions.GRAMMAR, StructuredOutputOptions.STRUCTURAL_TAG}


def pin_grammar_engine(config: VllmConfig, *, both: bool) -> None:
    """Set the grammar engine of *config*: llguidance together with xgrammar, or xgrammar alone.

    *both*: whether `install` can run in the engine's process.
    """
    chosen = config.structured_outputs_config
    tokenizer = cached_tokenizer_from_config(config.model_config)
    # The masks of both engines must have the same length.
    fits = tokenizer is not None and len(tokenizer) <= config.model_config.get_vocab_size()
    if both and fits and GuidanceBackend.is_tokenizer_supported(tokenizer):
        chosen.backend = GUIDANCE
    else:
        chosen.backend, chosen.disable_any_whitespace = XGRAMMAR, True


class BackendByKind(StructuredOutputBackend):  # type: ignore[misc]  # vLLM has no types
    """Both grammar engines; each is created when a constraint first needs it."""

    def __init__(self, config: VllmConfig, tokenizer: Any) -> None:
        vocabulary = config.model_config.get_vocab_size()
        super().__init__(config, tokenizer=tokenizer, vocab_size=vocabulary)
        self._backends: dict[type, StructuredOutputBackend] = {}
        self._lock = Lock()

    def compile_grammar(
        self,
        request_type: StructuredOutputOptions,
        grammar_spec: str,
        stop_token_ids: set[int] | None = None,
    ) -> StructuredOutputGrammar:
        """Compile *grammar_spec* with the engine for its kind; called in vLLM's threads."""
        kind = XgrammarBackend if request_type in _XGRAMMAR_KINDS else GuidanceBackend
        return self._backend(kind).compile_grammar(request_type, grammar_spec, stop_token_ids)

    def _backend(self, kind: Any) -> StructuredOutputBackend:
        with self._lock:
            if kind not in self._backends:
                self._backends[kind] = kind(self.vllm_config, self.tokenizer, self.vocab_size)
            return self._backends[kind]

    def allocate_token_bitmask(self, max_num_seqs: int) -> Any:
        """Return masks of shape (*max_num_seqs*, words of 32 tokens) that both engines can fill."""
        return self._backend(XgrammarBackend).allocate_token_bitmask(max_num_seqs)

    def destroy(self) -> None:
        """Destroy the engines that have been created."""
        for backend in self._backends.values():
            backend.destroy()


def install(manager: StructuredOutputManager, config: VllmConfig) -> None:
    """Give *manager*, in the engine's process, both engines if *config* was pinned to them."""
    if config.structured_outputs_config.backend == GUIDANCE and manager.backend is None:
        manager.backend = BackendByKind(config, manager.tokenizer)

"""Which grammar engine holds a constraint: decided by the constraint, never by who came first.

By itself vLLM takes xgrammar for what that accepts and llguidance for the rest, but its engine
keeps the first that a request brought: later ones that need the other fail. Of the two llguidance
holds what it accepts of JSON Schema and refuses the rest by name, and it reads more regular
expressions. xgrammar alone has the grammars of vLLM's tool calls (structural tags), and EBNF. It
reads Lark's too, where rules that refer to each other in a long row end llguidance's process.

Imported in the engine's process too, where `process/paced_scheduler.py` gives
the engine the class below.
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

_OF_XGRAMMAR = {StructuredOutputOptions.GRAMMAR, StructuredOutputOptions.STRUCTURAL_TAG}


def pin(config: VllmConfig, *, both: bool) -> None:
    """Settle the grammar engine of *config*: llguidance, beside xgrammar, or xgrammar alone.

    *both*: whether the engine's process can be given `BackendByKind`.
    """
    chosen = config.structured_outputs_config
    tokenizer = cached_tokenizer_from_config(config.model_config)
    # The two engines' masks have to be of one length.
    fits = tokenizer is not None and len(tokenizer) <= config.model_config.get_vocab_size()
    if both and fits and GuidanceBackend.is_tokenizer_supported(tokenizer):
        chosen.backend = GUIDANCE
    else:
        chosen.backend, chosen.disable_any_whitespace = XGRAMMAR, True


class BackendByKind(StructuredOutputBackend):  # type: ignore[misc]  # vLLM has no types
    """Both grammar engines, each made when it is first needed."""

    def __init__(self, config: VllmConfig, tokenizer: Any) -> None:
        vocabulary = config.model_config.get_vocab_size()
        super().__init__(config, tokenizer=tokenizer, vocab_size=vocabulary)
        self._made: dict[type, StructuredOutputBackend] = {}
        self._making = Lock()

    def compile_grammar(
        self,
        request_type: StructuredOutputOptions,
        grammar_spec: str,
        stop_token_ids: set[int] | None = None,
    ) -> StructuredOutputGrammar:
        """Compile with the engine for that kind; called in vLLM's threads."""
        kind = XgrammarBackend if request_type in _OF_XGRAMMAR else GuidanceBackend
        return self._backend(kind).compile_grammar(request_type, grammar_spec, stop_token_ids)

    def _backend(self, kind: Any) -> StructuredOutputBackend:
        with self._making:
            if kind not in self._made:
                self._made[kind] = kind(self.vllm_config, self.tokenizer, self.vocab_size)
            return self._made[kind]

    def allocate_token_bitmask(self, max_num_seqs: int) -> Any:
        """Return masks of shape (*max_num_seqs*, words of 32 tokens), which both engines fill."""
        return self._backend(XgrammarBackend).allocate_token_bitmask(max_num_seqs)

    def destroy(self) -> None:
        """Let go of both."""
        for backend in self._made.values():
            backend.destroy()


def install(manager: StructuredOutputManager, config: VllmConfig) -> None:
    """Give *manager*, in the engine's process, both engines where *config* was pinned to them."""
    if config.structured_outputs_config.backend == GUIDANCE and manager.backend is None:
        manager.backend = BackendByKind(config, manager.tokenizer)

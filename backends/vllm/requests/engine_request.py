"""One request as vLLM's engine receives it, with what is needed to read its answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams

    from backends.vllm.answers.parsing import ChoiceParser


class EngineRequest(NamedTuple):
    """The arguments of `AsyncLLM.add_request`, and how the outputs are read."""

    prompt: Any
    """vLLM's rendered prompt: a dict with `type` and `prompt_token_ids`."""
    params: "SamplingParams"
    options: dict[str, Any]
    """Further arguments: `priority` and, for a chat, `reasoning_ended` and
    `reasoning_parser_kwargs`."""
    constraint: str | None = None
    """The option that limits which tokens may be drawn, such as `response_format`, if any."""
    copies: int = 1
    """How often each choice is repeated: greedy choices are identical, so one is computed."""
    parser: "Callable[[], ChoiceParser] | None" = None
    """Makes the parser of one choice; None: the whole answer is text."""
    names_tool: bool = False
    """Whether the request forces one tool; then `finish_reason` stays `stop`, as at OpenAI."""

    def lacks_media(self, first: Any) -> bool:
        """Return whether the engine failed because it did not have this prompt's media.

        *first* is the request's first `vllm.RequestOutput`. The only sign is an error before the
        first token.
        """
        return self.prompt["type"] == "multimodal" and any(
            choice.finish_reason == "error" and not choice.token_ids for choice in first.outputs
        )

"""vLLM's answer as the seam's items: one request's outputs → deltas and ends."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec.structs import replace

from backends.base import Delta, Finish, Generation, TextDelta
from backends.failures import EngineDead, InvalidOption

if TYPE_CHECKING:
    from .logprobs import Scores
    from .parsing import ChoiceParser


class Choices:
    """The choices of one request, counted while their pieces arrive."""

    def __init__(
        self,
        generation: Generation,
        *,
        copies: int,
        parser: "Callable[[], ChoiceParser] | None" = None,
        named: bool = False,
        constraint: str | None = None,
        scores: "Scores",
    ) -> None:
        self._stream = generation.stream
        self._empty = generation.sampling.max_tokens == 0
        """Whether the one token that vLLM insists on was not asked for."""
        self._copies = copies
        """As often is each choice given out: greedy decoding makes every choice the same."""
        hidden = parser is not None and generation.extras.get("include_reasoning") is False
        self._top = None if hidden else generation.sampling.top_logprobs
        self._ids = bool(generation.extras.get("return_token_ids")) and not hidden
        self._parser = parser
        self._parsers: dict[int, ChoiceParser] = {}
        self._named = named
        """Whether the request named the one tool to call: that is no reason to end."""
        self._constraint = constraint
        """The option by which the request constrains what may be drawn."""
        self._scores = scores
        self._counts: dict[int, int] = {}

    def items(self, output: Any) -> Iterator[Delta | Finish]:
        """Yield what is new in *output*, a `vllm.RequestOutput`."""
        for choice in output.outputs:
            tokens = self._counts.get(choice.index, 0) + len(choice.token_ids)
            self._counts[choice.index] = tokens
            if not self._empty:
                for delta in self._deltas(choice, output.prompt_token_ids):
                    yield from self._spread(delta)
            if choice.finish_reason is not None:
                yield from self._spread(self._finish(choice, output))

    def _deltas(self, choice: Any, prompt: Any) -> Iterator[Delta]:
        """Yield the new pieces; log probabilities and ids stand with the first text among them."""
        told = self._about(choice)
        if self._parser is None:
            # Nothing to tell while a prompt is read in chunks, half a character or a stop
            # string's possible beginning is held back.
            if choice.text or told:
                yield TextDelta(index=choice.index, text=choice.text, **told)
            return
        parser = self._parsers.setdefault(choice.index, self._parser())
        parse = parser.stream if self._stream else parser.whole
        deltas = list(parse(choice.index, choice, prompt))
        if told:
            yield TextDelta(index=choice.index, text="", **told)
        yield from deltas

    def _about(self, choice: Any) -> dict[str, Any]:
        """Return what was asked to be told of the new tokens."""
        told: dict[str, Any] = {}
        if self._top is not None and choice.token_ids:
            weighed = self._scores.weighed(choice.token_ids, choice.logprobs, self._top)
            told["logprobs"] = tuple(weighed)
        if self._ids and choice.token_ids:
            told["token_ids"] = tuple(choice.token_ids)
        return told

    def _finish(self, choice: Any, output: Any) -> Finish:
        parser = self._parsers.get(choice.index)
        reason: Literal["stop", "length", "tool_calls"]
        reason = "length" if self._empty else self._reason(choice.finish_reason)
        if reason == "stop" and parser is not None and parser.called and not self._named:
            reason = "tool_calls"
        return Finish(
            index=choice.index,
            reason=reason,
            prompt_tokens=len(output.prompt_token_ids or ()),
            completion_tokens=0 if self._empty else self._counts[choice.index],
            reasoning_tokens=None if parser is None else parser.reasoning_tokens(),
            stop_reason=choice.stop_reason,
        )

    def _reason(self, reason: str) -> Literal["stop", "length"]:
        """Return what an end is called; raise what it means if it is none.

        There are three cases:
        - `repetition`: asked for by `repetition_detection`, and told by `stop_reason`;
        - `error`, where tokens are constrained: no token, or none that the rest of the request
          lets by, satisfies the constraint;
        - `error` and `abort` else: the engine's doing, as nobody but us aborts, and we are gone.
        """
        if reason == "repetition":
            return "stop"
        if reason == "error" and self._constraint is not None:
            raise InvalidOption(
                f"The engine found no token that `{self._constraint}` and the request's other "
                "parameters allow.",
                option=self._constraint,
            )
        if reason not in ("stop", "length"):
            raise EngineDead(f"the engine ended the request with `{reason}`")
        return cast("Literal['stop', 'length']", reason)

    def _spread(self, item: Any) -> Sequence[Any]:
        if self._copies == 1:
            return (item,)
        return [replace(item, index=index) for index in range(self._copies)]

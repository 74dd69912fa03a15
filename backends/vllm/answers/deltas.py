"""Turns the outputs of one request into the seam's items: deltas, and an end for each choice."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec.structs import replace

from backends.base import Delta, Finish, Generation, TextDelta
from backends.failures import EngineDead, InvalidOption

if TYPE_CHECKING:
    from backends.vllm.requests.engine_request import EngineRequest

    from .logprobs import LogprobReader
    from .parsing import ChoiceParser


class Choices:
    """Reads one request's outputs, and counts the tokens of each choice."""

    def __init__(
        self, request: "EngineRequest", generation: Generation, logprobs: "LogprobReader"
    ) -> None:
        self._request = request
        self._logprobs = logprobs
        self._stream = generation.stream
        self._empty = generation.sampling.max_tokens == 0
        """Whether the request wants no token. vLLM generates at least one, which is dropped."""
        # Log probabilities and token ids would show the reasoning that the request hides.
        hides = (
            request.parser is not None
            and generation.engine_options.get("include_reasoning") is False
        )
        self._top = None if hides else generation.sampling.top_logprobs
        self._wants_ids = bool(generation.engine_options.get("return_token_ids")) and not hides
        self._parsers: dict[int, ChoiceParser] = {}
        self._counts: dict[int, int] = {}

    def items(self, output: Any) -> Iterator[Delta | Finish]:
        """Yield the items of *output*, a `vllm.RequestOutput` that brings only what is new.

        Raises EngineDead where the engine ended a choice by itself, and InvalidOption where the
        request's constraint allows no token.
        """
        for choice in output.outputs:
            tokens = self._counts.get(choice.index, 0) + len(choice.token_ids)
            self._counts[choice.index] = tokens
            if not self._empty:
                for delta in self._deltas(choice, output.prompt_token_ids):
                    yield from self._copied(delta)
            if choice.finish_reason is not None:
                yield from self._copied(self._finish(choice, output))

    def _deltas(self, choice: Any, prompt_ids: Any) -> Iterator[Delta]:
        """Yield the new deltas; log probabilities and ids come with the first text among them."""
        token_fields = self._token_fields(choice)
        if self._request.parser is None:
            # An output can be empty: a part of the prompt was read, or vLLM holds back half a
            # character or the possible beginning of a stop string.
            if choice.text or token_fields:
                yield TextDelta(index=choice.index, text=choice.text, **token_fields)
            return
        parser = self._parsers.setdefault(choice.index, self._request.parser())
        parse = parser.stream if self._stream else parser.whole
        deltas = list(parse(choice.index, choice, prompt_ids))
        if token_fields:
            yield TextDelta(index=choice.index, text="", **token_fields)
        yield from deltas

    def _token_fields(self, choice: Any) -> dict[str, Any]:
        """Return the fields of TextDelta that describe the new tokens, where they are wanted."""
        fields: dict[str, Any] = {}
        if self._top is not None and choice.token_ids:
            logprobs = self._logprobs.token_logprobs(choice.token_ids, choice.logprobs, self._top)
            fields["logprobs"] = tuple(logprobs)
        if self._wants_ids and choice.token_ids:
            fields["token_ids"] = tuple(choice.token_ids)
        return fields

    def _finish(self, choice: Any, output: Any) -> Finish:
        parser = self._parsers.get(choice.index)
        reason: Literal["stop", "length", "tool_calls"]
        reason = "length" if self._empty else self._reason(choice.finish_reason)
        calls = parser is not None and parser.called and not self._request.names_tool
        if reason == "stop" and calls:
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
        """Return vLLM's *reason* as the seam names it, or raise the failure that it means.

        There are three cases beside `stop` and `length`:
        - `repetition`: `repetition_detection` ended the text; `stop_reason` says so;
        - `error` with a constraint: no token satisfies both the constraint and the request's other
          parameters;
        - other `error` and `abort`: the engine failed. Only this server aborts requests, and then
          nobody reads the outputs.
        """
        if reason == "repetition":
            return "stop"
        constraint = self._request.constraint
        if reason == "error" and constraint is not None:
            raise InvalidOption(
                f"The engine found no token that `{constraint}` and the request's other "
                "parameters allow.",
                option=constraint,
            )
        if reason not in ("stop", "length"):
            raise EngineDead(f"the engine ended the request with `{reason}`")
        return cast("Literal['stop', 'length']", reason)

    def _copied(self, item: Any) -> Sequence[Any]:
        """Return *item* once for each copy of its choice, with the copy's index."""
        if self._request.copies == 1:
            return (item,)
        return [replace(item, index=index) for index in range(self._request.copies)]

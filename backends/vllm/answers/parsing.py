"""Reasoning and tool calls in generated text: vLLM's own parsers, one for each choice."""

from collections.abc import Callable, Iterator
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.parser import Parser
from vllm.renderers.chat_utils import make_tool_call_id

from backends.base import Delta, ReasoningDelta, TextDelta, ToolCallDelta
from backends.conversation import Conversation


class ChoiceParser:
    """One choice's text while it comes, told apart into reasoning, text and calls."""

    def __init__(self, parser: Parser, request: ChatCompletionRequest) -> None:
        self._parser = parser
        self._request = request
        self._single = request.parallel_tool_calls is False
        self._token_ids: list[int] = []
        self.called = False
        """Whether there has been a call."""

    def stream(self, index: int, output: Any, prompt: Any) -> Iterator[Delta]:
        """Yield what is new in *output*, a `vllm.CompletionOutput` of kind DELTA.

        *prompt* is the prompt's ids.
        """
        token_ids = list(output.token_ids)
        self._token_ids += token_ids
        found = self._parser.parse_delta(
            delta_text=output.text,
            delta_token_ids=token_ids,
            request=self._request,
            prompt_token_ids=prompt,
            finished=output.finish_reason is not None,
        )
        if found is None:
            return
        if found.reasoning:
            yield ReasoningDelta(index=index, text=found.reasoning)
        if found.content:
            yield TextDelta(index=index, text=found.content)
        for call in found.tool_calls or ():
            if self._single and call.index > 0:
                continue
            self.called = True
            function = call.function
            yield ToolCallDelta(
                index=index,
                call=call.index,
                id=call.id,
                name=function and function.name,
                arguments=(function and function.arguments) or "",
            )

    def whole(self, index: int, output: Any, prompt: Any) -> Iterator[Delta]:
        """Yield what is in *output*, a `vllm.CompletionOutput` of kind FINAL_ONLY."""
        self._token_ids = list(output.token_ids)
        self._parser.set_prompt_token_ids(prompt)
        reasoning, content, calls = self._parser.parse(
            output.text,
            self._request,
            enable_auto_tools=True,
            model_output_token_ids=self._token_ids,
        )
        if self._request.include_reasoning and reasoning:
            yield ReasoningDelta(index=index, text=reasoning)
        if not (calls or content or reasoning):
            # A call that `max_tokens` has cut: vLLM's server loses it.
            content = output.text
        if content:
            yield TextDelta(index=index, text=content)
        for at, call in enumerate((calls or [])[: 1 if self._single else None]):
            self.called = True
            yield ToolCallDelta(
                index=index,
                call=at,
                id=call.id or make_tool_call_id(),
                name=call.name,
                arguments=call.arguments,
            )

    def reasoning_tokens(self) -> int | None:
        """Return how many of the tokens were reasoning; None where nobody tells."""
        if self._parser.reasoning_parser is None:
            return None
        return int(self._parser.count_reasoning_tokens(tuple(self._token_ids)))


ParserOf = Callable[[], ChoiceParser]


def needs_parser(kind: type[Parser] | None, conversation: Conversation) -> bool:
    """Return whether answers to *conversation* may hold anything but text."""
    if kind is None:
        return False
    calls = bool(conversation.tools) and conversation.tool_choice != "none"
    tools = kind.tool_parser_cls
    # Parsers that run on vLLM's engine for them also clean the text of calls that nobody wanted.
    cleans = tools is not None and tools.engine_based_streaming
    return calls or kind.reasoning_parser_cls is not None or cleans

"""Splits generated text into reasoning, text and tool calls, with vLLM's own parsers."""

from collections.abc import Iterator
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.parser import Parser
from vllm.renderers.chat_utils import make_tool_call_id

from backends.base import Delta, ReasoningDelta, TextDelta, ToolCallDelta
from backends.conversation import Conversation


class ChoiceParser:
    """Parses the text of one choice, output by output or all at once."""

    def __init__(self, parser: Parser, request: ChatCompletionRequest) -> None:
        self._parser = parser
        self._request = request
        self._single_call = request.parallel_tool_calls is False
        self._token_ids: list[int] = []
        self.called = False
        """Whether a tool call has been parsed."""

    def stream(self, index: int, output: Any, prompt_ids: Any) -> Iterator[Delta]:
        """Yield the deltas of *output*, a `vllm.CompletionOutput` of kind DELTA.

        *index* is the choice's; *prompt_ids* is the list of the prompt's token ids.
        """
        token_ids = list(output.token_ids)
        self._token_ids += token_ids
        message = self._parser.parse_delta(
            delta_text=output.text,
            delta_token_ids=token_ids,
            request=self._request,
            prompt_token_ids=prompt_ids,
            finished=output.finish_reason is not None,
        )
        if message is None:
            return
        if message.reasoning:
            yield ReasoningDelta(index=index, text=message.reasoning)
        if message.content:
            yield TextDelta(index=index, text=message.content)
        for call in message.tool_calls or ():
            if self._single_call and call.index > 0:
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

    def whole(self, index: int, output: Any, prompt_ids: Any) -> Iterator[Delta]:
        """Yield the deltas of *output*, a `vllm.CompletionOutput` of kind FINAL_ONLY.

        *index* is the choice's; *prompt_ids* is the list of the prompt's token ids.
        """
        self._token_ids = list(output.token_ids)
        self._parser.set_prompt_token_ids(prompt_ids)
        reasoning, content, calls = self._parser.parse(
            output.text,
            self._request,
            enable_auto_tools=True,
            model_output_token_ids=self._token_ids,
        )
        if self._request.include_reasoning and reasoning:
            yield ReasoningDelta(index=index, text=reasoning)
        if not (calls or content or reasoning):
            # A call that `max_tokens` cut short: vLLM's own server loses its text.
            content = output.text
        if content:
            yield TextDelta(index=index, text=content)
        for number, call in enumerate((calls or [])[: 1 if self._single_call else None]):
            self.called = True
            yield ToolCallDelta(
                index=index,
                call=number,
                id=call.id or make_tool_call_id(),
                name=call.name,
                arguments=call.arguments,
            )

    def reasoning_tokens(self) -> int | None:
        """Return how many tokens so far were reasoning; None without a reasoning parser."""
        if self._parser.reasoning_parser is None:
            return None
        return int(self._parser.count_reasoning_tokens(tuple(self._token_ids)))


def needs_parser(kind: type[Parser] | None, conversation: Conversation) -> bool:
    """Return whether answers to *conversation* may hold anything but text.

    *kind* is the model's parser class; None if it has none.
    """
    if kind is None:
        return False
    calls = bool(conversation.tools) and conversation.tool_choice != "none"
    tools = kind.tool_parser_cls
    # Parsers that run on vLLM's parser engine also remove calls that the request did not allow.
    cleans = tools is not None and tools.engine_based_streaming
    return calls or kind.reasoning_parser_cls is not None or cleans

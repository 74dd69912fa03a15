"""Renders chats of nothing but text, token for token as vLLM does, in a fifth of the time.

vLLM's own way passes through its request class, its parser of messages, two searches for the
template, and transformers' layers around template and tokenizer. What they find out is the same for
all plain chats of a model. So it is found out once, and each chat takes a template and a tokenizer.
"""

from collections.abc import Mapping
from inspect import signature
from time import time
from typing import Any

from jinja2 import Template, TemplateError
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import _compile_jinja_template
from vllm.renderers import BaseRenderer, merge_kwargs
from vllm.renderers.hf import (
    HfRenderer,
    resolve_chat_template,
    resolve_chat_template_content_format,
    resolve_chat_template_kwargs,
)
from vllm.renderers.online_renderer import OnlineRenderer

from backends.base import Generation
from backends.conversation import Conversation, Message, parts
from backends.text.length import characters
from backends.vllm.answers.parsing import needs_parser
from backends.vllm.tokenizer import Tokenizer

from .renderer import is_short

_ROLES = ("system", "user", "assistant")
_HEADER = "x-anthropic-billing-header"
"""vLLM removes the line that begins a system message with this."""
_SAMPLING_OPTIONS = {
    "ignore_eos",
    "include_stop_str_in_output",
    "min_tokens",
    "skip_special_tokens",
    "stop_token_ids",
}
"""Engine options that a prompt does not depend on."""
_ARGUMENTS = {*signature(PreTrainedTokenizerBase.apply_chat_template).parameters, "messages"}
"""What transformers takes for itself, or sets; other variables are the template's."""


class PlainChats:
    """The chat template of one model."""

    def __init__(
        self,
        template: Template,
        variables: Mapping[str, Any],
        tokenizer: Tokenizer,
        *,
        in_parts: bool,
        max_tokens: int,
    ) -> None:
        """Take a compiled template with all its variables but the messages.

        *in_parts*: whether it reads contents as lists of parts; else as texts. *max_tokens* is the
        length of the longest prompt.
        """
        self._template = template
        self._variables = variables
        self._tokenizer = tokenizer
        self._in_parts = in_parts
        self._max_tokens = max_tokens

    def prompt(self, generation: Generation) -> dict[str, Any] | None:
        """Return the prompt of *generation* in the form that the engine takes.

        None: vLLM has to render it, as it is no plain chat, is long, or fails. Only vLLM has the
        words for a failure.
        """
        conversation = generation.prompt
        if not isinstance(conversation, Conversation) or not _is_plain(generation, conversation):
            return None
        arrival = time()
        messages = [
            {"role": message.role, "content": self._content(message)}
            for message in conversation.messages
        ]
        # A template may raise anything. vLLM's renderer then raises it again, and it is reported.
        try:
            text = self._template.render(
                self._variables,
                messages=messages,
                add_generation_prompt=conversation.add_generation_prompt,
            )
            ids = self._tokenizer.ids(text)
        except Exception:  # noqa: BLE001
            return None
        if len(ids) > self._max_tokens:
            return None
        return {"type": "token", "prompt_token_ids": ids, "prompt": text, "arrival_time": arrival}

    def _content(self, message: Message) -> str | list[dict[str, Any]]:
        texts = parts(message.content)
        if self._in_parts:
            return [{"type": "text", "text": text} for text in texts]
        # As vLLM does: without the empty ones. `_is_plain` admits texts only.
        return "\n".join(filter(None, texts))  # type: ignore[arg-type]


def plain_chats(
    online: OnlineRenderer, renderer: BaseRenderer, tokenizer: Tokenizer
) -> PlainChats | None:
    """Return what renders plain chats as *online* does, where *renderer* is the engine's own.

    None for models with media, with a template, tokenizer or parser of a kind of their own, or
    with a template that does not compile.
    """
    config, parser = online.model_config, online.parser
    changes_requests = parser is not None and (
        parser.always_adjust_request or needs_parser(parser, Conversation(()))
    )
    has_other_prompts = config.is_multimodal_model or config.enable_prompt_embeds
    variables = merge_kwargs({}, online.default_chat_template_kwargs)
    if (
        type(renderer) is not HfRenderer
        or not tokenizer.is_fast
        or online.use_harmony
        or changes_requests
        or has_other_prompts
        or variables.keys() & _ARGUMENTS
    ):
        return None
    own, given = renderer.tokenizer, online.chat_template
    source = resolve_chat_template(own, given, None, model_config=config)
    if source is None:
        return None
    try:
        template = _compile_jinja_template(source)
    except TemplateError:  # vLLM reports it to each request
        return None
    wanted = online.chat_template_content_format
    content_format = resolve_chat_template_content_format(
        given, None, wanted, own, model_config=config
    )
    variables = {
        **own.special_tokens_map,
        **resolve_chat_template_kwargs(own, source, variables),
        "tools": None,
        "documents": None,
    }
    return PlainChats(
        template,
        variables,
        tokenizer,
        in_parts=content_format == "openai",
        max_tokens=int(config.max_model_len),
    )


def _is_plain(generation: Generation, conversation: Conversation) -> bool:
    """Return whether *generation* continues a short *conversation* of nothing but text."""
    messages = conversation.messages
    return (
        bool(messages)
        and not (conversation.tools or conversation.template_kwargs)
        and not (conversation.continue_final_message or generation.echo)
        and generation.format is None
        and generation.engine_options.keys() <= _SAMPLING_OPTIONS
        and all(map(_is_text, messages))
        and is_short(len(messages), characters(conversation))
    )


def _is_text(message: Message) -> bool:
    texts = parts(message.content)
    return (
        message.role in _ROLES
        and message.name is None
        and message.reasoning is None
        and message.tool_call_id is None
        and not message.tool_calls
        and all(isinstance(text, str) and not text.startswith(_HEADER) for text in texts)
    )

"""Builds vLLM's engine requests, with vLLM's own renderer and its own server's sampling.

A little longer than a file should be, so that all steps of a request are in the order of vLLM's
own server, with which they are compared when its version is raised.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace
from vllm import envs
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.utils.api_utils import get_max_tokens
from vllm.renderers.chat_utils import load_chat_template
from vllm.renderers.online_renderer import OnlineRenderer
from vllm.sampling_params import SamplingParams, SamplingType

from backends.base import Generation, Sampling
from backends.conversation import Conversation, NamedTool
from backends.failures import InvalidOption, PromptTooLong, UnsupportedOption
from backends.vllm.answers.parsing import ChoiceParser, needs_parser
from backends.vllm.failures import translated_errors, translated_request_errors
from backends.vllm.options import ServerOptions, import_parsers, renderer_arguments
from backends.vllm.tokenizer import Tokenizer

from .constraint_limits import check_constraints
from .engine_request import EngineRequest
from .fetching import MediaFetcher
from .plain_chats import plain_chats
from .prompt_length import check_length
from .renderer import PromptRenderer
from .translate import chat_request, completion_request, constraint_option, must_call
from .verification import ConstraintVerifier

_MESSAGES, _TOOLS, _IDS = 64, 16, 16_384
"""The most messages, tools and token ids that vLLM's request class reads in a few milliseconds."""
_KEPT = 64
"""The most requests for plain chats that are kept, one for each way to sample."""
_SETTINGS = 4096
"""The most characters that describe a way to sample which is kept."""


class RequestBuilder:
    """Turns Generations into requests for one engine, as vLLM's own server would.

    It uses the same renderer, the same parsers and the same order of defaults (request, generation
    config, OpenAI's) as `vllm.entrypoints.openai`, so that an evaluation has the same results.
    """

    def __init__(
        self,
        config: Any,
        renderer: Any,
        options: ServerOptions,
        tokenizer: Tokenizer,
        verifier: ConstraintVerifier,
        *,
        shorten: bool,
        **arguments: Any,
    ) -> None:
        """Take an engine's VllmConfig and renderer, and further *arguments* of OnlineRenderer.

        *shorten*: whether a completion that exceeds the context is shortened, instead of refused.
        Renders the chat template once, to warm it up. Raises TypeError for a parser that vLLM does
        not know or that does not work with the tokenizer.
        """
        import_parsers(config, options)
        self._model_config = model_config = config.model_config
        self._verifier = verifier
        self._vocabulary = int(model_config.get_vocab_size())
        self._tokenizer = tokenizer
        self._renderer = PromptRenderer(renderer, tokenizer)
        arguments = {
            "model_config": model_config,
            "renderer": self._renderer,
            "request_logger": None,
            "chat_template": load_chat_template(options.chat_template),
            "enable_auto_tools": options.tool_call_parser is not None,
            "tool_parser": options.tool_call_parser,
            **renderer_arguments(options),
            **arguments,
        }
        self._online = OnlineRenderer(**arguments)
        # A required call must satisfy its tool's schema. An optional one need not, as in vLLM.
        self._strict = OnlineRenderer(**{"tool_strict_level": "parameter", **arguments})
        self._online.warmup()
        self._plain = plain_chats(self._online, renderer, tokenizer)
        self._kept: dict[str, EngineRequest] = {}
        self._media = MediaFetcher(model_config.allowed_media_domains or ())
        self._shorten = shorten
        self._parses_calls = options.tool_call_parser is not None
        self._trusts_templates = options.trust_request_chat_template
        self._defaults = model_config.get_diff_sampling_param()
        self._cap = _max_tokens_cap(model_config, self._defaults)

    async def render(self, generation: Generation) -> EngineRequest:
        """Return *generation* as a request for the engine, with a value for every sampling option.

        Raises InvalidOption, UnsupportedOption, and PromptTooLong if prompt and requested
        completion exceed the context. vLLM's server would shorten the completion instead; here
        that happens only if the model is configured so.
        """
        prompt = None if self._plain is None else self._plain.prompt(generation)
        if prompt is None:
            return await self._request(generation)
        # Plain chats with the same settings differ only in their prompts.
        settings = repr((generation.sampling, generation.stream, generation.engine_options))
        if len(settings) > _SETTINGS:
            return await self._request(generation)
        kept = self._kept.get(settings)
        if kept is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            request = self._kept[settings] = await self._request(generation)
            return request
        max_tokens = self._max_tokens(generation.sampling, len(prompt["prompt_token_ids"]))
        if max_tokens != kept.params.max_tokens:
            with translated_errors():
                kept = kept._replace(params=replace(kept.params, max_tokens=max_tokens))
        return kept._replace(prompt=prompt)

    async def _request(self, generation: Generation) -> EngineRequest:
        """Return *generation* as vLLM's own server would send it to the engine."""
        constraint = constraint_option(generation)
        with translated_errors(default_option=constraint):
            request, prompt = await self._rendered(generation, constraint)
            ids = prompt["prompt_token_ids"]
            max_tokens = self._max_tokens(generation.sampling, len(ids))
            params = request.to_sampling_params(max_tokens, self._defaults)
            params.flat_logprobs = True  # the form that `answers/logprobs.py` reads
            options = {"priority": request.priority}
            parser = None
            if isinstance(generation.prompt, Conversation):
                parser = self._parser(request, generation.prompt)
                options |= self._reasoning(request, ids)
            params, copies = _with_choices(params, generation.sampling.n)
            await self._verifier.verify(params, generation, option=constraint)
        names_tool = _names_tool(generation)
        return EngineRequest(prompt, params, options, constraint, copies, parser, names_tool)

    def _parser(
        self, request: ChatCompletionRequest, conversation: Conversation
    ) -> Callable[[], ChoiceParser] | None:
        if not needs_parser(self._online.parser, conversation):
            return None
        return lambda: ChoiceParser(self._new_parser(request), request)

    def _new_parser(self, request: ChatCompletionRequest) -> Any:
        return self._online.parser(
            self._online.renderer.tokenizer,
            request.tools,
            chat_template_kwargs=self._online.effective_chat_template_kwargs(request),
            model_config=self._model_config,
        )

    def _reasoning(self, request: ChatCompletionRequest, ids: list[int]) -> dict[str, Any]:
        """Return the options from which the engine knows where reasoning ends.

        A constraint applies only after that.
        """
        if getattr(self._online.parser, "reasoning_parser_cls", None) is None:
            return {"reasoning_ended": request.resolve_reasoning_ended(None, ids)}
        kwargs = self._online.effective_chat_template_kwargs(request)
        return {
            "reasoning_ended": request.resolve_reasoning_ended(self._new_parser(request), ids),
            "reasoning_parser_kwargs": {"chat_template_kwargs": kwargs},
        }

    async def _rendered(self, generation: Generation, constraint: str | None) -> tuple[Any, Any]:
        """Return vLLM's own request object, and its prompt in the form that the engine takes.

        *constraint* is reported as the option if an error of vLLM's names none.
        """
        check_length(
            generation, self._tokenizer, max_model_len=int(self._model_config.max_model_len)
        )
        async with self._media.fetched(generation) as whole:
            with translated_request_errors(default_option=constraint):
                read = partial(self._read, whole)
                request = await self._renderer.in_thread(read) if _is_large(whole) else read()
                if isinstance(request, ChatCompletionRequest):
                    renderer = self._strict if must_call(whole) else self._online
                    rendered = await renderer.render_chat(request)
                else:
                    rendered = await self._online.render_completion(request)
        if isinstance(rendered, ErrorResponse):
            raise InvalidOption(rendered.error.message, option=_prompt_option(generation))
        if isinstance(request, ChatCompletionRequest):
            _, rendered = rendered
        (prompt,) = rendered
        return request, prompt

    def _read(self, generation: Generation) -> ChatCompletionRequest | CompletionRequest:
        """Return *generation* as vLLM's request object; check all that needs no rendering.

        Raises InvalidOption, UnsupportedOption, and what vLLM's own validation raises.
        """
        check_constraints(generation)
        prompt = generation.prompt
        if isinstance(prompt, Conversation):
            self._check_conversation(prompt)
            self._check_template(generation.engine_options, prompt.template_kwargs)
            return chat_request(generation, prompt)
        self._check_prompt(prompt)
        return completion_request(self._within_context(generation), prompt)

    def _within_context(self, generation: Generation) -> Generation:
        """Return *generation* with at most as many completion tokens as the context holds.

        vLLM's request object refuses more, with an error that is not about the context's length.
        `_max_tokens` refuses them later, as PromptTooLong.
        """
        limit, max_tokens = self._model_config.max_model_len, generation.sampling.max_tokens
        if max_tokens is None or max_tokens <= limit:
            return generation
        return replace(generation, sampling=replace(generation.sampling, max_tokens=limit))

    def _check_conversation(self, conversation: Conversation) -> None:
        if conversation.tools and conversation.tool_choice != "none" and not self._parses_calls:
            raise UnsupportedOption(
                "This model is served without a parser for tool calls (`tool_call_parser`).",
                option="tools",
            )
        choice = conversation.tool_choice
        named = {choice.name} if isinstance(choice, NamedTool) else set()
        if unknown := named - {tool.name for tool in conversation.tools}:
            raise InvalidOption(f"There is no tool `{unknown.pop()}`.", option="tool_choice")

    def _check_template(self, options: Mapping[str, Any], kwargs: Mapping[str, Any]) -> None:
        """Refuse a chat template in the request unless the model's options allow one."""
        for values, option in ((options, "chat_template"), (kwargs, "chat_template_kwargs")):
            if values.get("chat_template") is not None and not self._trusts_templates:
                raise UnsupportedOption(
                    "A chat template of a request needs `trust_request_chat_template = true` in "
                    "the model's options.",
                    option=option,
                )

    def _check_prompt(self, prompt: str | tuple[int, ...]) -> None:
        """Refuse a prompt that vLLM would refuse with an error that does not name the field."""
        if not prompt:
            raise InvalidOption("The prompt has no tokens.", option="prompt")
        if not isinstance(prompt, str) and not 0 <= min(prompt) <= max(prompt) < self._vocabulary:
            raise InvalidOption("There are token ids beyond the vocabulary.", option="prompt")

    async def ids(self, prompt: Conversation | tuple[int, ...]) -> list[int]:
        """Return the token ids of *prompt*; raise what `render` raises for a prompt."""
        generation = Generation(prompt=prompt, sampling=Sampling())
        _, rendered = await self._rendered(generation, constraint_option(generation))
        return list(rendered["prompt_token_ids"])

    def _max_tokens(self, sampling: Sampling, prompt_tokens: int) -> int:
        """Return the most tokens of a completion; raise PromptTooLong if the context lacks room."""
        requested = 1 if sampling.max_tokens is None else max(sampling.max_tokens, 1)
        limit = self._model_config.max_model_len
        least = 1 if self._shorten else requested
        if prompt_tokens + least > limit:
            raise PromptTooLong.by(prompt=prompt_tokens, completion=least, context=limit)
        return int(
            get_max_tokens(
                limit,
                # vLLM generates at least one token; `Choices` drops it if none is wanted.
                None if sampling.max_tokens is None else requested,
                prompt_tokens,
                self._defaults,
                self._cap,
            )
        )


def _is_large(generation: Generation) -> bool:
    """Return whether building vLLM's request object takes more than a few milliseconds."""
    prompt = generation.prompt
    if isinstance(prompt, Conversation):
        return len(prompt.messages) > _MESSAGES or len(prompt.tools) > _TOOLS
    return isinstance(prompt, tuple) and len(prompt) > _IDS


def _prompt_option(generation: Generation) -> str:
    return "messages" if isinstance(generation.prompt, Conversation) else "prompt"


def _names_tool(generation: Generation) -> bool:
    prompt = generation.prompt
    return isinstance(prompt, Conversation) and isinstance(prompt.tool_choice, NamedTool)


def _max_tokens_cap(model_config: Any, defaults: dict[str, Any]) -> int | None:
    """Return the operator's own limit on completion tokens; None if there is none.

    Source: `OpenAIServingChat.__init__` of vLLM.
    """
    if model_config.generation_config not in ("auto", "vllm"):
        return defaults.get("max_tokens")
    return (model_config.override_generation_config or {}).get("max_new_tokens")


def _with_choices(params: SamplingParams, n: int) -> tuple[SamplingParams, int]:
    """Return *params* for *n* choices, and how often each computed choice is repeated.

    Greedy choices are identical: one is computed and repeated n times. (vLLM refuses n > 1 at
    temperature 0, OpenAI answers it, and harnesses send it.)
    """
    if not 1 <= n <= envs.VLLM_MAX_N_SEQUENCES:
        raise InvalidOption(f"n must be from 1 to {envs.VLLM_MAX_N_SEQUENCES}, got {n}", option="n")
    if params.sampling_type is SamplingType.GREEDY:
        return params, n
    return replace(params, n=n), 1

"""A Generation as vLLM takes it: its own renderer, its own server's sampling.

A little longer than a file should be: the steps from a Generation to an EngineRequest share what
was read of vLLM's configuration once.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

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
from backends.vllm.failures import as_refusals
from backends.vllm.options import ServerOptions, import_parsers, of_renderer
from backends.vllm.tokenizer import Tokenizer

from .constraint_limits import check_constraints
from .media import check_media
from .prompt_length import check_length
from .protocol import chat_request, completion_request, constraint, must_call
from .renderer import PromptRenderer
from .verification import Verification

_MESSAGES, _TOOLS, _IDS = 64, 16, 16_384
"""How many of each vLLM's own request takes within a few milliseconds."""


class EngineRequest(NamedTuple):
    """What `AsyncLLM.generate` takes, and how its answer is read."""

    prompt: Any
    params: SamplingParams
    more: dict[str, Any]
    """Its other arguments."""
    copies: int = 1
    """How often each choice is given out."""
    parser: Callable[[], ChoiceParser] | None = None
    """Makes the parser of a choice; None: an answer is all text."""
    named: bool = False
    """Whether the request named the one tool to call."""


class Requests:
    """Turns Generations into requests for one engine, as vLLM's own server would.

    The same renderer, the same parsers and the same order of defaults (request, generation
    config, OpenAI's) as in `vllm.entrypoints.openai`, so that scores are the same.
    """

    def __init__(
        self,
        config: Any,
        renderer: Any,
        options: ServerOptions,
        tokenizer: Tokenizer,
        verification: Verification,
        *,
        shorten: bool,
        **more: Any,
    ) -> None:
        """Take an engine's VllmConfig and renderer; *more* are arguments of OnlineRenderer.

        *shorten* is whether a completion is cut that the context has no room for.

        Raises TypeError for a parser that vLLM does not know or that the tokenizer cannot serve.
        """
        import_parsers(config, options)
        self._model_config = model_config = config.model_config
        self._verification = verification
        self._vocabulary = int(model_config.get_vocab_size())
        self._tokenizer = tokenizer
        self._renderer = PromptRenderer(renderer, tokenizer)
        given = {
            "model_config": model_config,
            "renderer": self._renderer,
            "request_logger": None,
            "chat_template": load_chat_template(options.chat_template),
            "enable_auto_tools": options.tool_call_parser is not None,
            "tool_parser": options.tool_call_parser,
            **of_renderer(options),
            **more,
        }
        self._online = OnlineRenderer(**given)
        # A call that must be is held to its schema; one that may be is the model's own, as in vLLM.
        self._holding = OnlineRenderer(**{"tool_strict_level": "parameter", **given})
        self._online.warmup()
        self._shorten = shorten
        self._calls = options.tool_call_parser is not None
        self._trusts_templates = options.trust_request_chat_template
        self._defaults = model_config.get_diff_sampling_param()
        self._cap = _max_tokens_cap(model_config, self._defaults)

    async def render(self, generation: Generation) -> EngineRequest:
        """Make a prompt of what is continued, and settle every sampling value.

        Raises vLLM's own refusals, InvalidOption, UnsupportedOption, and PromptTooLong where
        prompt and requested completion exceed the context: vLLM's server would cut the completion
        short instead, which is done here only if the model is configured so.
        """
        request, prompt = await self._rendered(generation)
        ids = prompt["prompt_token_ids"]
        params = request.to_sampling_params(
            self._max_tokens(generation.sampling, len(ids)), self._defaults
        )
        params.flat_logprobs = True  # as `answers/logprobs.py` reads them
        more = {"priority": request.priority}
        parser = None
        if isinstance(generation.prompt, Conversation):
            parser = self._parser(request, generation.prompt)
            more |= self._reasoning(request, ids)
        made = EngineRequest(prompt, params, more, parser=parser, named=_names_tool(generation))
        made = _spread(made, generation.sampling.n)
        await self._verification.of(made.params, generation)
        return made

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
        """Return what tells the engine where reasoning ends and a required format begins."""
        if getattr(self._online.parser, "reasoning_parser_cls", None) is None:
            return {"reasoning_ended": request.resolve_reasoning_ended(None, ids)}
        kwargs = self._online.effective_chat_template_kwargs(request)
        return {
            "reasoning_ended": request.resolve_reasoning_ended(self._new_parser(request), ids),
            "reasoning_parser_kwargs": {"chat_template_kwargs": kwargs},
        }

    async def _rendered(self, generation: Generation) -> tuple[Any, Any]:
        """Return vLLM's own request, and its prompt as the engine takes it."""
        check_length(
            generation, self._tokenizer, max_model_len=int(self._model_config.max_model_len)
        )
        suspect = constraint(generation)
        with as_refusals(suspect=suspect):
            read = partial(self._read, generation)
            request = await self._renderer.apart(read) if _is_large(generation) else read()
            if isinstance(request, ChatCompletionRequest):
                online = self._holding if must_call(generation) else self._online
                rendered = await online.render_chat(request)
            else:
                rendered = await self._online.render_completion(request)
        if isinstance(rendered, ErrorResponse):
            raise InvalidOption(rendered.error.message, option=_prompt_option(generation))
        if isinstance(request, ChatCompletionRequest):
            _, rendered = rendered
        (prompt,) = rendered
        return request, prompt

    def _read(self, generation: Generation) -> ChatCompletionRequest | CompletionRequest:
        """Return *generation* as vLLM's request; raise what is wrong with it by itself."""
        check_constraints(generation)
        prompt = generation.prompt
        if isinstance(prompt, Conversation):
            self._check_conversation(prompt)
            self._check_template(generation.extras, prompt.template_kwargs)
            return chat_request(generation, prompt)
        self._check_prompt(prompt)
        return completion_request(self._within_context(generation), prompt)

    def _within_context(self, generation: Generation) -> Generation:
        """Return *generation* for vLLM's own request, which refuses more tokens than the context.

        It would not say that this is a matter of length; `_max_tokens` does.
        """
        limit, wanted = self._model_config.max_model_len, generation.sampling.max_tokens
        if wanted is None or wanted <= limit:
            return generation
        return replace(generation, sampling=replace(generation.sampling, max_tokens=limit))

    def _check_conversation(self, conversation: Conversation) -> None:
        if conversation.tools and conversation.tool_choice != "none" and not self._calls:
            raise UnsupportedOption(
                "This model is served without a parser for tool calls (`tool_call_parser`).",
                option="tools",
            )
        choice = conversation.tool_choice
        named = {choice.name} if isinstance(choice, NamedTool) else set()
        if unknown := named - {tool.name for tool in conversation.tools}:
            raise InvalidOption(f"There is no tool `{unknown.pop()}`.", option="tool_choice")
        check_media(conversation, self._model_config.allowed_media_domains or ())

    def _check_template(self, extras: Mapping[str, Any], kwargs: Mapping[str, Any]) -> None:
        """Refuse a chat template of the request where the model's options do not allow one."""
        for given, option in ((extras, "chat_template"), (kwargs, "chat_template_kwargs")):
            if given.get("chat_template") is not None and not self._trusts_templates:
                raise UnsupportedOption(
                    "A chat template of a request needs `trust_request_chat_template = true` in "
                    "the model's options.",
                    option=option,
                )

    def _check_prompt(self, prompt: str | tuple[int, ...]) -> None:
        """Refuse by its field what vLLM refuses without one."""
        if not prompt:
            raise InvalidOption("The prompt holds no token.", option="prompt")
        if not isinstance(prompt, str) and not 0 <= min(prompt) <= max(prompt) < self._vocabulary:
            raise InvalidOption("There are token ids beyond the vocabulary.", option="prompt")

    async def ids(self, prompt: Conversation | tuple[int, ...]) -> list[int]:
        """Return the token ids of *prompt*."""
        _, rendered = await self._rendered(Generation(prompt=prompt, sampling=Sampling()))
        return list(rendered["prompt_token_ids"])

    def _max_tokens(self, sampling: Sampling, prompt_tokens: int) -> int:
        wanted = 1 if sampling.max_tokens is None else max(sampling.max_tokens, 1)
        limit = self._model_config.max_model_len
        least = 1 if self._shorten else wanted
        if prompt_tokens + least > limit:
            raise PromptTooLong.by(prompt=prompt_tokens, completion=least, context=limit)
        return int(
            get_max_tokens(
                limit,
                # vLLM generates a token at least: one that nobody asked for is dropped later.
                None if sampling.max_tokens is None else wanted,
                prompt_tokens,
                self._defaults,
                self._cap,
            )
        )


def _is_large(generation: Generation) -> bool:
    """Return whether to make vLLM's request of *generation* takes more than some milliseconds."""
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
    """Return the operator's own bound on completions, as `OpenAIServingChat.__init__` finds it."""
    if model_config.generation_config not in ("auto", "vllm"):
        return defaults.get("max_tokens")
    return (model_config.override_generation_config or {}).get("max_new_tokens")


def _spread(request: EngineRequest, n: int) -> EngineRequest:
    """Ask for *n* choices.

    Greedy choices are all the same: one is computed and given out n times. (vLLM refuses n > 1
    at temperature 0, OpenAI answers, and harnesses send it.)
    """
    if not 1 <= n <= envs.VLLM_MAX_N_SEQUENCES:
        raise InvalidOption(f"n must be from 1 to {envs.VLLM_MAX_N_SEQUENCES}, got {n}", option="n")
    if request.params.sampling_type is SamplingType.GREEDY:
        return request._replace(copies=n)
    return request._replace(params=replace(request.params, n=n))

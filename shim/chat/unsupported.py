"""What chat requests may ask for and no backend here honours yet: refused by name."""

from shim.errors import UnsupportedParameter

from .protocol import ChatRequest, ResponseFormat

_HARMLESS: dict[str, tuple[object, ...]] = {
    "response_format": (ResponseFormat(type="text"),),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": ([], ["text"]),
    "audio": (),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "web_search_options": (),
    "min_tokens": (0,),
    "ignore_eos": (False,),
    "stop_token_ids": ([],),
    "include_stop_str_in_output": (False,),
    "bad_words": ([],),
    "length_penalty": (1.0,),
    "use_beam_search": (False,),
    "prompt_logprobs": (),
    "echo": (False,),
    "add_generation_prompt": (True,),
    "continue_final_message": (False,),
    "chat_template": (),
    "chat_template_kwargs": ({},),
    "structured_outputs": (),
}
"""Parameters that are known and not honoured yet, and the values by which nothing is asked for."""


def refuse_unsupported(request: ChatRequest) -> None:
    """Raise UnsupportedParameter for the first parameter that would change the answer."""
    for name, harmless in _HARMLESS.items():
        value = getattr(request, name)
        if value is not None and value not in harmless:
            raise UnsupportedParameter(f"`{name}` is not supported by this server.", param=name)

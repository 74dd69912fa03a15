"""A model's options: what vLLM's engine takes, and what its own server takes beside that.

People bring both from the command line of `vllm serve`. vLLM's own types say which names there are:
an option of its server is understood here, or refused with a hint where that setting lives.
"""

import dataclasses
import json
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from msgspec import Struct, convert, structs


class ServerOptions(Struct, frozen=True, kw_only=True):
    """Arguments of vLLM's server that concern chats, by its names."""

    tool_call_parser: str | None = None
    """The name of the parser that finds tool calls in a text; tools may be called only with one."""
    tool_parser_plugin: str = ""
    """A file of Python that registers more of them."""
    tool_strict_level: str | None = None
    """None: `parameter` for calls that must be, else vLLM's own default."""
    exclude_tools_when_tool_choice_none: bool = False
    chat_template: str | None = None
    """A file, or the template itself."""
    chat_template_content_format: str = "auto"
    trust_request_chat_template: bool = False
    trust_request_mm_kwargs: bool = False
    default_chat_template_kwargs: dict[str, Any] | None = None


_NAMES = {field.name for field in structs.fields(ServerOptions)}

_SETTINGS = {
    "model": "it is the model's `source`",
    "served_model_name": "it is the model's `id`, and further names are its `aliases`",
    "lora_modules": "it is the model's `adapters`",
    "host": "it is `host` of the table `[server]`",
    "port": "it is `port` of the table `[server]`",
    "uds": "the server listens at `host` and `port` of the table `[server]`",
    "api_key": "it is `api_keys` of the table `[server]`",
    "allowed_origins": "it is `cors_origins` of the table `[server]`",
    "uvicorn_log_level": "it is the flag `--log-level` of `shim serve`",
    "disable_uvicorn_access_log": "it is the flag `--log-level` of `shim serve`",
    "ssl_keyfile": "a proxy in front of the server speaks TLS",
    "ssl_certfile": "a proxy in front of the server speaks TLS",
    "ssl_ca_certs": "a proxy in front of the server speaks TLS",
    "root_path": "a proxy in front of the server takes the prefix off",
    "guided_decoding_backend": "it is `backend` of the table `structured_outputs_config`",
    "max_log_len": "prompts are not logged",
    "response_role": "an answer's role is `assistant`, as at OpenAI",
    "return_tokens_as_token_ids": "a request's `return_token_ids` has the ids",
    "enable_force_include_usage": "a request's `stream_options.include_usage` asks for it",
    "api_server_count": "run several servers behind a proxy",
}
"""Where a setting lives here, for the options that are not taken."""

_ALWAYS = {
    "enable_tokenizer_info_endpoint": True,
    "enable_request_id_headers": True,
    "disable_log_requests": True,  # removed from vLLM, and still in many a script
}
"""Options with the value that describes what this server always does."""


def split(options: dict[str, Any]) -> tuple[dict[str, Any], ServerOptions]:
    """Return the engine's arguments, which it judges itself, and the server's.

    Names may have hyphens, and tables be JSON, as on a command line. Raises ValueError for a name
    that is not taken, with a hint, and msgspec.ValidationError for a wrong value of the server's.
    """
    named = _taken(_underscored(options))
    server = {name: value for name, value in named.items() if name in _NAMES}
    engine = {name: value for name, value in named.items() if name not in _NAMES}
    return engine, convert(server, ServerOptions)


def _underscored(options: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for given, value in options.items():
        name = given.removeprefix("--").replace("-", "_")
        if name in named:
            raise ValueError(f"`{name}` is set twice among the options")
        named[name] = _table(value) or value
    return named


def _table(value: Any) -> dict[str, Any] | None:
    """Return the table that *value* is as JSON, which flags have instead; None if it is not."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _taken(options: dict[str, Any]) -> dict[str, Any]:
    """Return those of *options* that are for the engine or for chats; refuse the others."""
    engine, server = _engine_names() - _SETTINGS.keys(), _server_defaults()
    taken = {}
    for name, value in options.items():
        unset = [defaults[name] for defaults in (server, _ALWAYS) if name in defaults]
        if name in engine or name in _NAMES:
            taken[name] = value
        elif name == "enable_auto_tool_choice":
            _check_auto_tool_choice(value, options.get("tool_call_parser"))
        elif value not in unset:
            raise ValueError(_refusal(name, known=engine | server.keys() | _NAMES))
    return taken


def _check_auto_tool_choice(enabled: Any, parser: Any) -> None:
    """Raise ValueError unless it says what `tool_call_parser` does here by itself."""
    if enabled is not (parser is not None):
        raise ValueError(
            "`enable_auto_tool_choice` needs a `tool_call_parser`, which alone enables it here, so "
            "that it cannot be false beside one"
        )


def _refusal(name: str, *, known: set[str]) -> str:
    if name in _SETTINGS:
        return f"`{name}` is not an option here: {_SETTINGS[name]}"
    if name in known:
        return f"`{name}` is an option of vLLM's own server, which is not at work here"
    close = get_close_matches(name, known - _SETTINGS.keys(), n=1, cutoff=0.75)
    hint = f"; did you mean `{close[0]}`?" if close else ""
    return f"`{name}` is not an option of vLLM {import_module('vllm').__version__}{hint}"


def _engine_names() -> set[str]:
    from vllm.engine.arg_utils import AsyncEngineArgs

    return {field.name for field in dataclasses.fields(AsyncEngineArgs)}


def _server_defaults() -> dict[str, Any]:
    """Return the options of vLLM's server with their defaults."""
    return {
        field.name: field.default
        if field.default_factory is dataclasses.MISSING
        else field.default_factory()
        for field in dataclasses.fields(_frontend_arguments())
    }


def _frontend_arguments() -> Any:
    try:
        from vllm.entrypoints.common.cli_args import FrontendArgs
    except ModuleNotFoundError:  # before vLLM 0.33
        from vllm.entrypoints.launchers.cli_args import FrontendArgs
    return FrontendArgs


def of_renderer(options: ServerOptions) -> dict[str, Any]:
    """Return those of *options* that vLLM's `OnlineRenderer` takes as they are."""
    names = _NAMES - {"tool_call_parser", "tool_parser_plugin", "chat_template"}
    found = {name: getattr(options, name) for name in names}
    if options.tool_strict_level is None:
        del found["tool_strict_level"]
    return found


def import_parsers(config: Any, options: ServerOptions) -> None:
    """Import the plugins that register parsers of tool calls and of reasoning.

    *config* is the engine's VllmConfig. Raises what they do.
    """
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager

    if options.tool_parser_plugin:
        ToolParserManager.import_tool_parser(options.tool_parser_plugin)
    if plugin := config.structured_outputs_config.reasoning_parser_plugin:
        ReasoningParserManager.import_reasoning_parser(plugin)


def max_spaces(options: dict[str, Any]) -> int | None:
    """Return how much white space a JSON text may have between two parts; None: any.

    Small models write no end of it. One space is what large ones write, and the rest of vLLM's
    `disable_any_whitespace` is as it says.
    """
    disabled = _structured_outputs(options).get("disable_any_whitespace")
    return 1 if disabled is None else 0 if disabled else None


def chosen_grammar_engine(options: dict[str, Any]) -> str:
    """Return the `backend` that *options* name for structured outputs; `auto` if none."""
    return str(_structured_outputs(options).get("backend", "auto"))


def _structured_outputs(options: dict[str, Any]) -> dict[str, Any]:
    found = options.get("structured_outputs_config")
    return found if isinstance(found, dict) else {}


def built(options: dict[str, Any], kind: type) -> dict[str, Any]:
    """Return *options* with tables made into the objects that the dataclass *kind* has for them.

    vLLM does so itself for some of its arguments only. Raises what the objects' classes raise.
    """
    made = dict(options)
    for field in dataclasses.fields(kind):
        given = options.get(field.name)
        if isinstance(given, dict) and field.default_factory is not dataclasses.MISSING:
            config = type(field.default_factory())
            if hasattr(config, "__dataclass_fields__"):
                made[field.name] = config(**given)
    return made

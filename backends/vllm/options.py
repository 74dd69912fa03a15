"""A model's options: arguments of vLLM's engine, and some of vLLM's own server.

Users copy both from a command line of `vllm serve`. The known names are read from vLLM's own types.
An option of its server is applied here, or refused with a hint about where to find that setting.
"""

import dataclasses
import json
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from msgspec import Struct, convert, structs


class ServerOptions(Struct, frozen=True, kw_only=True):
    """The options of vLLM's server that concern chats, by its names."""

    tool_call_parser: str | None = None
    """The name of the parser that finds tool calls in a text; None: requests may not have tools."""
    tool_parser_plugin: str = ""
    """A Python file that registers further parsers; empty: no file."""
    tool_strict_level: str | None = None
    """None: `parameter` if the answer must be a call, else vLLM's own default."""
    exclude_tools_when_tool_choice_none: bool = False
    chat_template: str | None = None
    """A file, or the template itself; None: the template of the model."""
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
"""Option that is refused here → where to find the same setting."""

_ALWAYS = {
    "enable_tokenizer_info_endpoint": True,
    "enable_request_id_headers": True,
    "disable_log_requests": True,  # removed from vLLM, but still in many scripts
}
"""Options that are accepted with this value only, because the server always behaves like that."""


def split(options: dict[str, Any]) -> tuple[dict[str, Any], ServerOptions]:
    """Return the engine's arguments, unchecked (the engine checks them), and the server's options.

    Names may have hyphens and tables may be JSON, as on a command line. Raises ValueError, with a
    hint, for a name that is refused, and msgspec.ValidationError for a wrong value of the server's.
    """
    accepted = _accepted(_underscored(options))
    server = {name: value for name, value in accepted.items() if name in _NAMES}
    engine = {name: value for name, value in accepted.items() if name not in _NAMES}
    return engine, convert(server, ServerOptions)


def _underscored(options: dict[str, Any]) -> dict[str, Any]:
    underscored: dict[str, Any] = {}
    for spelling, value in options.items():
        name = spelling.removeprefix("--").replace("-", "_")
        if name in underscored:
            raise ValueError(f"`{name}` is set twice among the options")
        underscored[name] = _table(value) or value
    return underscored


def _table(value: Any) -> dict[str, Any] | None:
    """Return the table in *value*, JSON text as flags have it; None for any other value."""
    try:
        table = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return table if isinstance(table, dict) else None


def _accepted(options: dict[str, Any]) -> dict[str, Any]:
    """Return those of *options* that are for the engine or for chats.

    An option that changes nothing is dropped; raises ValueError for all others.
    """
    engine, server = _engine_names() - _SETTINGS.keys(), _server_defaults()
    accepted = {}
    for name, value in options.items():
        harmless = [defaults[name] for defaults in (server, _ALWAYS) if name in defaults]
        if name in engine or name in _NAMES:
            accepted[name] = value
        elif name == "enable_auto_tool_choice":
            _check_auto_tool_choice(value, options.get("tool_call_parser"))
        elif value not in harmless:
            raise ValueError(_refusal(name, known=engine | server.keys() | _NAMES))
    return accepted


def _check_auto_tool_choice(enabled: Any, parser: Any) -> None:
    """Raise ValueError unless *enabled* is true with a *parser*, and false without one."""
    if enabled is not (parser is not None):
        raise ValueError(
            "`enable_auto_tool_choice` is always true here with a `tool_call_parser`, and always "
            "false without one"
        )


def _refusal(name: str, *, known: set[str]) -> str:
    if name in _SETTINGS:
        return f"`{name}` is not an option here: {_SETTINGS[name]}"
    if name in known:
        return f"`{name}` is an option of vLLM's own server, which does not run here"
    close = get_close_matches(name, known - _SETTINGS.keys(), n=1, cutoff=0.75)
    hint = f"; did you mean `{close[0]}`?" if close else ""
    return f"`{name}` is not an option of vLLM {import_module('vllm').__version__}{hint}"


def _engine_names() -> set[str]:
    from vllm.engine.arg_utils import AsyncEngineArgs

    return {field.name for field in dataclasses.fields(AsyncEngineArgs)}


def _server_defaults() -> dict[str, Any]:
    """Return the default of each option of vLLM's server."""
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


def renderer_arguments(options: ServerOptions) -> dict[str, Any]:
    """Return those of *options* that vLLM's `OnlineRenderer` takes unchanged."""
    names = _NAMES - {"tool_call_parser", "tool_parser_plugin", "chat_template"}
    arguments = {name: getattr(options, name) for name in names}
    if options.tool_strict_level is None:
        del arguments["tool_strict_level"]
    return arguments


def import_parsers(config: Any, options: ServerOptions) -> None:
    """Import the plugins that register parsers of tool calls and of reasoning.

    *config* is the engine's VllmConfig. Raises what the plugins raise.
    """
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager

    if options.tool_parser_plugin:
        ToolParserManager.import_tool_parser(options.tool_parser_plugin)
    if plugin := config.structured_outputs_config.reasoning_parser_plugin:
        ReasoningParserManager.import_reasoning_parser(plugin)


def max_spaces(options: dict[str, Any]) -> int | None:
    """Return how many spaces a JSON text may have between two parts: 0, 1, or None for any number.

    1 by default, because small models may write spaces without end, and large ones write one.
    vLLM's `disable_any_whitespace` sets 0 if it is true, and None if it is false.
    """
    disabled = _structured_outputs(options).get("disable_any_whitespace")
    return 1 if disabled is None else 0 if disabled else None


def chosen_grammar_engine(options: dict[str, Any]) -> str:
    """Return the `backend` that *options* name for structured outputs; `auto` if none."""
    return str(_structured_outputs(options).get("backend", "auto"))


def _structured_outputs(options: dict[str, Any]) -> dict[str, Any]:
    table = options.get("structured_outputs_config")
    return table if isinstance(table, dict) else {}


def with_config_objects(options: dict[str, Any], kind: type) -> dict[str, Any]:
    """Return *options* with each table replaced by the config object that *kind* has for it.

    *kind* is a dataclass of arguments. vLLM itself does this for some of its arguments only.
    Raises what the classes of the objects raise.
    """
    arguments = dict(options)
    for field in dataclasses.fields(kind):
        table = options.get(field.name)
        if isinstance(table, dict) and field.default_factory is not dataclasses.MISSING:
            config = type(field.default_factory())
            if hasattr(config, "__dataclass_fields__"):
                arguments[field.name] = config(**table)
    return arguments

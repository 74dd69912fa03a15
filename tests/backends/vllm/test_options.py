"""Options that people bring along from the command line of `vllm serve`."""

import dataclasses
from importlib import import_module
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("requires_vllm")


def split(options: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return what `options.split` does; vLLM is imported by it."""
    result: tuple[dict[str, Any], Any] = import_module("backends.vllm.options").split(options)
    return result


@pytest.mark.parametrize("name", ["max_model_len", "max-model-len", "--max-model-len"])
def test_every_spelling(name: str) -> None:
    """Hyphens are those of a flag."""
    engine, _ = split({name: 64})

    assert engine == {"max_model_len": 64}


def test_two_spellings() -> None:
    """Of two values none is dropped."""
    with pytest.raises(ValueError, match="`max_model_len` is set twice"):
        split({"max-model-len": 64, "max_model_len": 32})


def test_a_table_in_json() -> None:
    """As a flag has it; a chat template in braces is a template."""
    engine, server = split(
        {"speculative-config": '{"method": "ngram"}', "chat_template": "{{ a }}"}
    )

    assert engine == {"speculative_config": {"method": "ngram"}}
    assert server.chat_template == "{{ a }}"


def test_what_concerns_chats() -> None:
    """Options of vLLM's server that are honoured do not reach the engine."""
    given = {
        "enable-auto-tool-choice": True,
        "tool-call-parser": "hermes",
        "chat-template-content-format": "string",
        "trust_request_mm_kwargs": True,
        "trust-remote-code": True,
        "reasoning_parser": "qwen3",
    }

    engine, server = split(given)

    assert engine == {"trust_remote_code": True, "reasoning_parser": "qwen3"}
    assert server.tool_call_parser == "hermes"
    assert server.chat_template_content_format == "string"
    assert server.trust_request_mm_kwargs


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("served_model_name", "mine", "`id`"),
        ("model", "/other", "`source`"),
        ("host", "0.0.0.0", r"`host` of the table `\[server\]`"),  # noqa: S104
        ("port", 9000, r"`port` of the table `\[server\]`"),
        ("api-key", ["sk-a"], "`api_keys`"),
        ("allowed-origins", ["*"], "`cors_origins`"),
        ("lora_modules", ["a=b"], "`adapters`"),
        ("ssl_keyfile", "key.pem", "TLS"),
        ("root_path", "/llm", "proxy"),
        ("uvicorn_log_level", "debug", "`--log-level`"),
        ("response_role", "bot", "`assistant`"),
        ("return_tokens_as_token_ids", True, "`return_token_ids`"),
        ("max_log_len", 10, "not logged"),
        ("enable_auto_tool_choice", True, "`tool_call_parser`"),
        ("disable_log_requests", False, "did you mean `enable_log_requests`"),
        ("max_modle_len", 64, "did you mean `max_model_len`"),
        ("nonsense", 1, "not an option of vLLM 0"),
    ],
)
def test_what_is_not_taken(name: str, value: object, hint: str) -> None:
    """The refusal names the option as vLLM does, and where that setting lives."""
    with pytest.raises(ValueError, match=hint) as refusal:
        split({name: value})

    assert f"`{name.replace('-', '_')}`" in str(refusal.value)


def test_every_option_of_vllm() -> None:
    """Each of vLLM's own types is taken, or refused by name: none is an unexpected argument."""
    options = import_module("backends.vllm.options")
    server = options._frontend_arguments()
    engine = import_module("vllm.engine.arg_utils").AsyncEngineArgs
    names = {field.name for kind in (server, engine) for field in dataclasses.fields(kind)}

    for name in names:
        try:
            engine_options, server_options = split({name: "something else"})
        except ValueError as refusal:
            assert name in str(refusal)  # noqa: PT017 - either is right
        else:
            assert {*engine_options} == {name} or getattr(server_options, name) == "something else"


def test_defaults_ask_for_nothing() -> None:
    """An option of vLLM's server with its own default is accepted."""
    options = import_module("backends.vllm.options")
    both = options._server_defaults().keys() & options._engine_names()
    # TOML has no null.
    given = {name: value for name, value in options._server_defaults().items() if value is not None}

    engine, _ = split({**given, "disable_log_requests": True})

    assert engine.keys() == both

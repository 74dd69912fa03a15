"""VLLM's own parameters through the stock client, and what is refused before it reaches vLLM."""

from typing import Any

import openai
import pytest

from tests.client.stock import answered, says

MODEL = "gpt-4o-mini"
PROMPT = "what is 2 + 2 and three"


async def continued(engine: Any, **extra: Any) -> Any:
    """Return the one choice of a text that goes on after the prompt."""
    create = engine.completions.create
    options = {"temperature": 0, "max_tokens": 1, "extra_body": {"return_token_ids": True, **extra}}
    return (await answered(create(model=MODEL, prompt=PROMPT, **options))).choices[0]


@pytest.mark.parametrize("engine", ["async"], indirect=True)
async def test_the_side_that_is_cut_off(engine: Any) -> None:
    """The last tokens stay if the left is cut off, the first if the right is."""
    whole = (await continued(engine)).prompt_token_ids

    left = await continued(engine, truncate_prompt_tokens=3, truncation_side="left")
    right = await continued(engine, truncate_prompt_tokens=3, truncation_side="right")

    assert len(whole) > 3
    assert (left.prompt_token_ids, right.prompt_token_ids) == (whole[-3:], whole[:3])


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"guided_json": {"type": "object"}}, "guided_json"),
    ({"guided_regex": "a+"}, "guided_regex"),
    ({"use_beam_search": True}, "use_beam_search"),
    ({"moderation": {"model": "omni-moderation-latest"}}, "moderation"),
    ({"return_prompt_text": True}, "return_prompt_text"),
    ({"watermarking": True}, "watermarking"),
    ({"structured_outputs": {"json": None}}, "structured_outputs"),
    ({"chat_template": "{{ messages }}"}, "chat_template"),
    ({"chat_template_kwargs": {"chat_template": "{{ messages }}"}}, "chat_template_kwargs"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        "response_format.json_schema.schema",
    ),
    (
        {"stream": True, "stream_options": {"continuous_usage_stats": True}},
        "stream_options.continuous_usage_stats",
    ),
]


@pytest.mark.parametrize("engine", ["async"], indirect=True)
@pytest.mark.parametrize(("extra", "param"), REFUSED)
async def test_refused(engine: Any, extra: dict[str, Any], param: str) -> None:
    """What vLLM would drop in silence, or cannot do here, is a 400 that names it."""
    create = engine.chat.completions.create

    with pytest.raises(openai.BadRequestError) as error:
        await answered(create(model=MODEL, messages=says("a"), extra_body=extra))

    assert error.value.param == param


HARMLESS: list[dict[str, Any]] = [
    {"top_logprobs": 0},
    {"best_of": 1, "suffix": "", "echo": False},
    {"use_beam_search": False, "length_penalty": 1.0, "return_prompt_text": False},
    {"functions": [], "function_call": "none", "tools": [], "tool_choice": "none"},
    {"modalities": ["text"], "audio": None, "prediction": None, "verbosity": "medium"},
    {"user": "me", "store": True, "metadata": {"a": "b"}, "service_tier": "auto"},
    {"stream_interval": 4, "request_id": "a", "session_id": "b", "mm_payload": "none"},
    {"watermarking": False, "vllm_xargs": {"a": 1}, "truncation_side": "left"},
]


@pytest.mark.parametrize("engine", ["async"], indirect=True)
@pytest.mark.parametrize("extra", HARMLESS, ids=str)
async def test_harmless(engine: Any, extra: dict[str, Any]) -> None:
    """What asks for nothing changes nothing."""
    create = engine.chat.completions.create

    answer = await answered(
        create(model=MODEL, messages=says("what is 2 + 2"), temperature=0, extra_body=extra)
    )

    assert answer.choices[0].message.content == "4"

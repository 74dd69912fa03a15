"""Chat templates: the same tokens as transformers' own `apply_chat_template`."""

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.conversation import Conversation, Message
from backends.failures import InvalidOption
from backends.text.chat_template import ChatTemplate
from tests.live import BUILTIN, MODELS, skip_without_vllm

OURS = BUILTIN / "chat"

CONVERSATIONS = [
    [("user", "What is 2 plus 2?")],
    [("system", "Answer in one word."), ("user", "Hello!")],
    [("developer", "Be brief."), ("user", "hi"), ("assistant", "Yes?"), ("user", "bye")],
    [("user", ""), ("assistant", ""), ("user", " ")],
    [("user", "naïve — 日本語 🙂\n\n\tand  more ")],
    [("tool", "4"), ("user", "<|end|><|assistant|>So?")],
]

TRICKY = """
{{- bos_token }}
{%- for message in messages %}
    {%- if message.role == 'function' %}{{ raise_exception('No functions here.') }}{% endif %}
    {%- if loop.index > 3 %}{% break %}{% endif %}
    {%- if message.role == 'assistant' %}
        {%- generation %}<{{ message.content }}>{% endgeneration %}
    {%- else %}
    [{{ message['role'] }}] {{ message | tojson(ensure_ascii=False) }}
    {{ message.content | tojson(indent=2) }}{{ message.content | trim | upper }}
    {%- endif %}
{%- endfor %}
{%- if tools is not none or documents is defined and documents %}?{% endif %}
{%- if add_generation_prompt %}{{ '\\n<' + eos_token + '>' }}{% endif %}
"""
"""A template with features of real ones: loop controls, `generation`, `tojson`, trimming."""


@cache
def theirs(directory: Path) -> Any:
    """Return transformers' tokenizer of *directory*."""
    skip_without_vllm()
    from transformers import AutoTokenizer  # noqa: PLC0415 - installed beside vLLM alone

    return AutoTokenizer.from_pretrained(directory)


def tokens_of(template: ChatTemplate, conversation: Conversation) -> list[str]:
    """Return the tokens of *conversation*."""
    text = template.render(conversation)
    return template.tokens(template.encode(text, add_special_tokens=False).ids)


def same(directory: Path, turns: list[tuple[str, str]]) -> bool:
    """Return whether both make the same tokens of *turns*."""
    messages = tuple(Message(role=role, content=content) for role, content in turns)
    dictionaries = [{"role": role, "content": content} for role, content in turns]
    tokenizer = theirs(directory)
    expected = tokenizer.apply_chat_template(
        dictionaries, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    found = tokens_of(ChatTemplate(directory), Conversation(messages))
    return found == tokenizer.convert_ids_to_tokens(expected)


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the model's directory again, with a template that is hard to render."""
    directory = tmp_path_factory.mktemp("tricky")
    shutil.copytree(OURS, directory, dirs_exist_ok=True)
    (directory / "chat_template.jinja").write_text(TRICKY)
    return directory


@pytest.mark.parametrize("turns", CONVERSATIONS)
def test_the_models_own_template(turns: list[tuple[str, str]]) -> None:
    """The built-in template renders as transformers renders it for the model it was made from."""
    assert same(OURS, turns)


@pytest.mark.parametrize("turns", CONVERSATIONS)
def test_a_tricky_template(tricky: Path, turns: list[tuple[str, str]]) -> None:
    """So does one that uses all that transformers adds to Jinja."""
    assert same(tricky, turns)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text(max_size=20)),
        min_size=1,
        max_size=4,
    )
)
def test_any_conversation(turns: list[tuple[str, str]]) -> None:
    """Any texts of any roles, in any order."""
    assert same(OURS, turns)


def test_both_forms_of_the_model_have_one_tokenizer() -> None:
    """The model that is tested above is the one that vLLM is tested with."""
    for name in ("tokenizer.json", "chat_template.jinja"):
        assert (OURS / name).read_bytes() == (MODELS / "chat-hf" / name).read_bytes()


def test_a_refusal_of_the_template(tricky: Path) -> None:
    """A template may refuse a conversation, in its own words."""
    with pytest.raises(InvalidOption, match="No functions here") as refusal:
        ChatTemplate(tricky).render(Conversation((Message(role="function", content="x"),)))

    assert refusal.value.option == "messages"


def test_parts_are_lines() -> None:
    """A content of several parts is rendered as one of several lines."""
    template = ChatTemplate(OURS)

    parts = template.render(Conversation((Message(role="user", content=("a", "b")),)))

    assert parts == template.render(Conversation((Message(role="user", content="a\nb"),)))


def test_templates_by_name(tmp_path: Path) -> None:
    """Of several templates in the configuration, the one called `default` is meant."""
    shutil.copytree(OURS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "chat_template.jinja").unlink()
    file = tmp_path / "tokenizer_config.json"
    named = [{"name": "rag", "template": "no"}, {"name": "default", "template": "hi"}]
    file.write_text(json.dumps({**json.loads(file.read_text()), "chat_template": named}))

    text = ChatTemplate(tmp_path).render(Conversation((Message(role="user", content="a"),)))

    assert text == "hi"


def test_no_template(tmp_path: Path) -> None:
    """A model without a template is refused when it is opened."""
    shutil.copytree(OURS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "chat_template.jinja").unlink()

    with pytest.raises(ValueError, match="does not hold a chat template"):
        ChatTemplate(tmp_path)

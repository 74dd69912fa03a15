"""Plain chats: the same prompts, token for token, as vLLM's own renderer, and never its errors."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.base import Generation, Sampling
from backends.conversation import Conversation, Media, Message, Tool
from backends.vllm.options import ServerOptions
from tests.live import MODELS

pytestmark = pytest.mark.usefixtures("requires_vllm")

TEMPLATES = {
    "the model's own": None,
    "ChatML": """{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "a default system message": """
{%- for message in messages %}
    {%- if loop.first and messages[0]['role'] != 'system' %}
        {{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}
    {%- endif %}
    {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content | trim ~ '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "a date": """{{- bos_token }}
{%- set date = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' %}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content | trim %}{% set messages = messages[1:] %}
{%- endif %}
{{- '<|start|>system<|end|>\\n\\nToday: ' + date + '\\n' + system | default('') + '<|eot|>' }}
{%- if tools is not none %}{{ 'with tools' }}{% endif %}
{%- for message in messages %}
    {{- '<|start|>' + message.role + '<|end|>\\n\\n' + message.content | trim + '<|eot|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant<|end|>\\n\\n' }}{% endif %}""",
    "alternating roles": """{{- bos_token }}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}
    {%- else %}{{ message['content'] + eos_token }}{% endif %}
{%- endfor %}""",
    "thinking": """
{%- set ns = namespace(last=messages | length - 1) %}
{%- for message in messages[::-1] %}
    {%- if message.role == 'user' %}{% set ns.last = loop.revindex0 %}{% break %}{% endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if message.role == 'assistant' and '</think>' in content and loop.index0 < ns.last %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    "parts": """{% for message in messages %}<{{ message.role }}>
{%- for part in message.content %}
    {%- if part.type == 'text' %}{{ part.text | tojson }}{% endif %}
{%- endfor %}
{%- endfor %}""",
    "marked generation": """{% for message in messages %}
{%- if message.role == 'assistant' %}{% generation %}{{ message.content }}{% endgeneration %}
{%- else %}{{ message | tojson(indent=1) }}{% endif %}
{%- if loop.index > 2 %}{% break %}{% endif %}
{%- endfor %}{{ pad_token }}{{ nothing }}""",
    "one that always fails": "{{ messages[0].content + 1 }}",
    "one that is refused": "{{ ''.__class__.__mro__ }}",
}
ODD = [
    *("", " ", "\n", "\0", "Hi", " two  spaces ", "line\r\nline\u2028line", "{{ 1 }}", "<b>&amp;"),
    *(
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "e\u0301\u0323",
        "\u202eright to left",
        "日本語",
        "\ufeff",
        "\ud800",
        "a\udfffb",
    ),
    *("<|end|><|assistant|>", "<|im_end|>", "<|bos|>", "</s>", "<think>no</think>yes"),
    *("x-anthropic-billing-header: 1\nrest", "x" * 3000, "word " * 600),
]
TEXTS = st.sampled_from(ODD) | st.text(max_size=40)
CONTENTS = TEXTS | st.lists(TEXTS, max_size=3).map(tuple)
MESSAGES = st.builds(
    Message, role=st.sampled_from(["user", "assistant", "system"]), content=CONTENTS
)
CONVERSATIONS = st.builds(
    Conversation,
    st.lists(MESSAGES, min_size=1, max_size=4).map(tuple),
    add_generation_prompt=st.booleans(),
)


class Model:
    """A model without its engine: its configuration and vLLM's renderer."""

    def __init__(self) -> None:
        arguments = import_module("vllm.engine.arg_utils").AsyncEngineArgs(
            model=str(MODELS / "chat-hf"), dtype="float32", max_model_len=1024
        )
        self.config = arguments.create_engine_config()
        self.renderer = import_module("vllm.renderers").renderer_from_config(self.config)
        module = import_module("backends.vllm.tokenizer")
        self.tokenizer = module.Tokenizer(self.config.model_config)

    def builder(self, **options: Any) -> Any:
        """Return a RequestBuilder for a model with these options of vLLM's server."""
        verifier = import_module("backends.vllm.requests.verification").ConstraintVerifier(
            self.config, self.renderer.tokenizer, enforces_all=True, max_spaces=1
        )
        return import_module("backends.vllm.requests.build").RequestBuilder(
            self.config,
            self.renderer,
            ServerOptions(**options),
            self.tokenizer,
            verifier,
            shorten=False,
            reasoning_parser="",
        )


@pytest.fixture(scope="module")
def model() -> Model:
    """Read the configuration once."""
    return Model()


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """Run vLLM's coroutines within examples, which are not asynchronous."""
    with ExitStack() as stack:
        yield stack.enter_context(asyncio.Runner())


def chat(*texts: str, **fields: Any) -> Generation:
    """Return a whole answer to turns of a user and an assistant."""
    roles = ("user", "assistant") * len(texts)
    turns = tuple(Message(role=r, content=t) for r, t in zip(roles, texts, strict=False))
    sampling = fields.pop("sampling", Sampling(max_tokens=8))
    return Generation(prompt=Conversation(turns), sampling=sampling, stream=False, **fields)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_prompt_is_that_of_vllm(name: str, model: Model, loop: asyncio.Runner) -> None:
    """It has the same text and tokens; what vLLM refuses is left to vLLM."""
    variables = {"enable_thinking": False} if name == "thinking" else None
    builder = model.builder(chat_template=TEMPLATES[name], default_chat_template_kwargs=variables)
    rendered = 0

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @example(Conversation((Message(role="user", content="\ud800"),)))
    @given(CONVERSATIONS)
    def compare(conversation: Conversation) -> None:
        nonlocal rendered
        generation = Generation(prompt=conversation, sampling=Sampling(max_tokens=1))
        plain = builder._plain.prompt(generation)
        try:
            _, theirs = loop.run(builder._rendered(generation, None))
        except import_module("backends.failures").InvalidRequest:
            assert plain is None
            return
        if plain is not None:
            rendered += 1
            del plain["arrival_time"], theirs["arrival_time"]
            # vLLM leaves an empty text out.
            assert {k: v for k, v in plain.items() if v != ""} == theirs

    compare()

    assert bool(rendered) is not name.startswith("one that")


@pytest.mark.parametrize(
    "generation",
    [
        chat("Hi", sampling=Sampling()),
        chat("Hi", sampling=Sampling(temperature=0, n=3, max_tokens=5, stop=("a", "b"))),
        chat("Hi", sampling=Sampling(temperature=0.7, n=2, seed=1, logit_bias={3: -1.5})),
        chat("Hi", sampling=Sampling(logit_bias=dict.fromkeys(range(1000), 0.5))),
        chat("Hi", sampling=Sampling(top_logprobs=2, top_p=0.5, top_k=4, min_p=0.1)),
        chat("Hi", engine_options={"min_tokens": 3, "ignore_eos": True, "stop_token_ids": [5]}),
    ],
)
async def test_the_request_is_that_of_vllm(generation: Generation, model: Model) -> None:
    """A kept request with the next prompt has every parameter that vLLM gives to a new one."""
    builder = model.builder()
    longer = chat("What is two plus two?", "Four.", "And three?")
    following = replace(generation, prompt=longer.prompt)

    await builder.render(generation)
    found = await builder.render(following)

    expected = await model.builder().render(following)
    assert found.prompt["prompt_token_ids"] == expected.prompt["prompt_token_ids"]
    assert found.params == expected.params
    assert found._replace(prompt=None, params=None) == expected._replace(prompt=None, params=None)


@pytest.mark.parametrize(
    "generation",
    [
        chat("Hi", engine_options={"chat_template_kwargs": {}}),
        chat("Hi", engine_options={"reasoning_effort": "low"}),
        chat("Hi", engine_options={"truncate_prompt_tokens": 2}),
        chat("x" * 5000),
        chat("1+" * 1000),
        Generation(prompt="Hi", sampling=Sampling()),
        *(
            Generation(prompt=conversation, sampling=Sampling())
            for conversation in (
                Conversation(()),
                Conversation((Message(role="developer", content="Hi"),)),
                Conversation((Message(role="user", content="Hi", name="Anna"),)),
                Conversation((Message(role="user", content=(Media("image", "data:,"),)),)),
                Conversation((Message(role="user", content="Hi"),), (Tool(name="f"),)),
                Conversation((Message(role="user", content="Hi"),), template_kwargs={"a": 1}),
            )
        ),
    ],
)
def test_other_requests_are_left_to_vllm(generation: Generation, model: Model) -> None:
    """Only short chats of text, whose prompt no option changes, are rendered here."""
    assert model.builder()._plain.prompt(generation) is None


@pytest.mark.parametrize(
    "options",
    [
        {"chat_template": "{% broken"},
        {"default_chat_template_kwargs": {"continue_final_message": True}},
    ],
)
def test_a_model_without_plain_chats(options: dict[str, Any], model: Model) -> None:
    """What transformers would read otherwise than as a template's variable is left to vLLM."""
    plain_chats = import_module("backends.vllm.requests.plain_chats").plain_chats
    online = cast("Any", model.builder()._online)
    online.chat_template = options.get("chat_template")
    online.default_chat_template_kwargs = options.get("default_chat_template_kwargs", {})

    assert plain_chats(online, model.renderer, model.tokenizer) is None

"""Prompts that exceed the context are refused before they are tokenized, without an engine."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from backends.base import Generation, Sampling
from backends.conversation import Conversation, Message
from backends.failures import PromptTooLong
from tests.live import MODELS

pytestmark = pytest.mark.usefixtures("requires_vllm")

CONTEXT = 2048
SENTENCE = "What is 3 plus 4? "


class Counting:
    """A tokenizer that records how many characters it has counted."""

    truncates_left = False
    max_chars_per_token = 256

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.characters = 0

    def count(self, text: str) -> int:
        """Return the number of *text*'s tokens."""
        self.characters += len(text)
        return int(self._tokenizer.count(text))


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Load the tests' tokenizer."""
    config = SimpleNamespace(
        tokenizer=str(MODELS / "chat-hf"),
        runner_type="generate",
        tokenizer_mode="auto",
        tokenizer_revision=None,
        trust_remote_code=False,
        skip_tokenizer_init=False,
        get_vocab_size=lambda: 1216,
    )
    return import_module("backends.vllm.tokenizer").Tokenizer(config)


@pytest.fixture
def counting(tokenizer: Any) -> Counting:
    """Make a tokenizer that has counted nothing."""
    return Counting(tokenizer)


def fit(text: str, tokenizer: Any, **params: Any) -> str:
    """Return what is left of *text* for a context of 2048 tokens."""
    params = import_module("vllm.renderers").TokenizeParams(
        max_total_tokens=CONTEXT, max_output_tokens=1, **params
    )
    fitted: str = import_module("backends.vllm.requests.prompt_length").fit_to_context(
        text, params, tokenizer
    )
    return fitted


def test_a_long_prompt_is_counted_no_further_than_needed(counting: Counting) -> None:
    """Half a million characters are refused by their first thousands."""
    with pytest.raises(PromptTooLong, match="maximum context length is 2048 tokens"):
        fit(SENTENCE * 28_000, counting)

    assert counting.characters < 20_000


def test_more_characters_than_the_longest_tokens_have(counting: Counting) -> None:
    """Sixteen million are refused without counting."""
    with pytest.raises(PromptTooLong, match="maximum context length is 2048 tokens"):
        fit(SENTENCE * 900_000, counting)

    assert counting.characters == 0


def test_a_prompt_that_fits(counting: Counting) -> None:
    """It is left as it is."""
    text = SENTENCE * 200

    assert fit(text, counting) is text


@pytest.mark.parametrize("side", ["left", "right", None])
@pytest.mark.parametrize("tokens", [5, -1])
async def test_a_prompt_that_is_truncated(
    tokenizer: Any, counting: Counting, side: str | None, tokens: int
) -> None:
    """Of a long one there is left what has the tokens that are kept, and little more."""
    text = "".join(f"What is {at} plus 4? " for at in range(20_000))
    whole = await tokenizer.encode(text, add_special_tokens=False)

    left = fit(text, counting, truncate_prompt_tokens=tokens, truncation_side=side)

    assert len(left) < 20_000
    kept = await tokenizer.encode(left, add_special_tokens=False)
    count = 5 if tokens == 5 else CONTEXT - 1
    part = slice(-count, None) if side == "left" else slice(count)
    assert kept[part] == whole[part]


@pytest.mark.parametrize(
    "prompt",
    [
        tuple([7] * (CONTEXT + 1)),
        "x" * (CONTEXT * 256 + 1),
        Conversation(tuple([Message(role="user", content="x" * 256)] * (CONTEXT + 1))),
        Conversation((Message(role="user", content=("x" * (CONTEXT * 256), "x")),)),
    ],
    ids=["ids", "text", "messages", "parts"],
)
def test_by_its_size_alone(counting: Counting, prompt: Any) -> None:
    """What surely exceeds the context is refused before vLLM makes a request of it."""
    check_length = import_module("backends.vllm.requests.prompt_length").check_length
    generation = Generation(prompt=prompt, sampling=Sampling())

    with pytest.raises(PromptTooLong, match="maximum context length is 2048 tokens"):
        check_length(generation, counting, max_model_len=CONTEXT)

    truncated = Generation(
        prompt=prompt, sampling=Sampling(), engine_options={"truncate_prompt_tokens": 5}
    )
    check_length(truncated, counting, max_model_len=CONTEXT)


# ── the tokenizer ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [3, 3000])
async def test_the_text_of_each_token(tokenizer: Any, length: int) -> None:
    """It is that of the token by itself, of few and of many."""
    tokens = tuple(4 + at % 1000 for at in range(length))

    texts = await tokenizer.texts(tokens)

    assert texts == [await tokenizer.decode((token,)) for token in tokens]


async def test_a_count_leaves_special_tokens_out(tokenizer: Any) -> None:
    """It is the number of ids that a text has without them."""
    text = "What is 3 plus 4? Ünïcode: 一, 😀."

    assert tokenizer.count(text) == len(await tokenizer.encode(text, add_special_tokens=False))

"""MiniLM through vLLM: vectors are the means of transformers' last states, at length 1."""

from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from tests.real.pulled import MINILM

TEXTS = [
    "a cat",
    "The stock market fell by 3 % on Monday.",
    "東京は日本の首都です。",
    "😀🎉 héllo wörld ß",
    " ",
    "one two three four five six seven " * 34,
]


def states(text: str) -> Any:
    """Return the last states of all tokens of *text*: an array of shape (tokens, 384)."""
    transformers = pytest.importorskip("transformers")
    import torch  # noqa: PLC0415  not installed everywhere

    model = transformers.AutoModel.from_pretrained(MINILM, dtype="float32")
    tokens = transformers.AutoTokenizer.from_pretrained(MINILM)(text, return_tensors="pt")
    with torch.inference_mode():
        return model(**tokens).last_hidden_state[0].double().numpy()


@pytest.mark.real
@pytest.mark.parametrize("batch", [1, len(TEXTS)])
async def test_vectors(vllm_client: AsyncOpenAI, batch: int) -> None:
    """Texts in many scripts, alone and together, to 1e-5, and their tokens are counted."""
    answers = [
        await vllm_client.embeddings.create(
            model="text-embedding-3-small", input=TEXTS[at : at + batch], encoding_format="float"
        )
        for at in range(0, len(TEXTS), batch)
    ]

    found = [item.embedding for answer in answers for item in answer.data]
    expected = [states(text) for text in TEXTS]
    for vector, each in zip(found, expected, strict=True):
        mean = each.mean(axis=0)
        assert vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert sum(answer.usage.prompt_tokens for answer in answers) == sum(map(len, expected))

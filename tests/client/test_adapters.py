"""LoRA adapters are models of their own names."""

from typing import Any

import openai
import pytest

from tests.client.stock import answered, says


async def said(engine: Any, model: str) -> str:
    """Return what *model* answers, with the log probability of its first token."""
    completion = await answered(
        engine.chat.completions.create(
            model=model, messages=says("What is 3 plus 4?"), temperature=0, logprobs=True
        )
    )
    token = completion.choices[0].logprobs.content[0]
    return f"{token.token} {token.logprob}"


async def test_an_adapter_changes_the_answer(engine: Any) -> None:
    """Asked by its name it answers; the model beside it stays as it is."""
    before = await said(engine, "gpt-4o-mini")

    adapted = await said(engine, "odd")

    assert adapted != before
    assert await said(engine, "gpt-4o-mini") == before


async def test_adapters_are_listed(engine: Any) -> None:
    """An adapter is listed with the model that it belongs to."""
    listed = await answered(engine.models.list())

    parents = {model.id: getattr(model, "parent", None) for model in listed.data}
    assert parents["gpt-4o-mini"] is None
    assert [name for name, parent in parents.items() if parent] == ["odd"]
    assert parents["odd"] == "gpt-4o-mini"


async def test_an_unknown_adapter(engine: Any) -> None:
    """A name that no adapter has is a model that does not exist."""
    with pytest.raises(openai.NotFoundError, match="odd") as refusal:
        await said(engine, "even")

    assert refusal.value.code == "model_not_found"

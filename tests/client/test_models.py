"""`/v1/models` through the stock client."""

from typing import Any

from tests.client.stock import answered, says


async def test_the_list(client: Any) -> None:
    """Every name is listed, aliases included, with the context of chat models."""
    models = await answered(client.models.list())

    names = [model.id for model in models.data]
    assert names[:4] == ["org/echo", "echo", "team/a/echo", "one"]
    by_name = {model.id: model.to_dict() for model in models.data}
    assert by_name["one"]["max_model_len"] == 2000
    assert "max_model_len" not in by_name["lines"]
    assert {model.object for model in models.data} == {"model"}


async def test_ids_with_slashes(client: Any) -> None:
    """A model is described under the name that was asked for, slashes and all."""
    for name in ("org/echo", "echo", "team/a/echo"):
        assert (await answered(client.models.retrieve(name))).id == name


async def test_an_alias_is_the_model(client: Any) -> None:
    """An answer carries the name that was asked for, and the model's own fingerprint."""
    names = ("org/echo", "echo", "team/a/echo")
    answers = [
        await answered(client.chat.completions.create(model=name, messages=says("a")))
        for name in names
    ]

    assert tuple(answer.model for answer in answers) == names
    assert len({answer.system_fingerprint for answer in answers}) == 1


async def test_the_builtin_models(builtin: Any) -> None:
    """With nothing configured, both small models are there, under OpenAI's names too."""
    models = await answered(builtin.models.list())

    assert [model.id for model in models.data] == [
        "toy-speech",
        "whisper-1",
        "toy-chat",
        "gpt-4o-mini",
    ]

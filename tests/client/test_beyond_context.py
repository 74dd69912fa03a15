"""More tokens asked for than the context holds, of a model that is set to shorten answers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.client.stock import KINDS, answered, collected, connect, says
from tests.live import KEY, TOY_CHAT, LiveServer, serving

HUGE = 1_000_000
QUESTION = "What is 3 plus 4?"


@pytest.fixture(scope="module")
def shortening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the built-in chat model, which shortens."""
    config = tmp_path_factory.mktemp("shortening") / "shim.toml"
    write(config, 'max_tokens_beyond_context = "shorten"')
    with serving("--config", str(config)) as live:
        yield live


def write(config: Path, setting: str) -> None:
    """Write a configuration of one model with this *setting*."""
    config.write_text(f'[server]\napi_keys = ["{KEY}"]\n{TOY_CHAT}\n{setting}\n')


@pytest.fixture(scope="module", params=KINDS)
async def client(request: pytest.FixtureRequest, shortening: LiveServer) -> AsyncIterator[Any]:
    """Connect the stock client, each kind in turn."""
    client = connect(request.param, shortening)
    yield client
    await answered(client.close())


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_chat(client: Any, name: str) -> None:
    """The answer is the one without a limit, whole and streamed."""
    asked = {"model": "toy-chat", "messages": says(QUESTION), "temperature": 0}
    expected = await answered(client.chat.completions.create(**asked))

    whole = await answered(client.chat.completions.create(**asked, **{name: HUGE}))
    more = {name: HUGE, "stream": True}
    chunks = await collected(await answered(client.chat.completions.create(**asked, **more)))

    assert whole.choices[0].message.content == expected.choices[0].message.content == "7"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "7"
    assert whole.choices[0].finish_reason == chunks[-1].choices[0].finish_reason == "stop"


async def test_a_response(client: Any) -> None:
    """So it is with responses."""
    asked = {"model": "toy-chat", "input": QUESTION, "temperature": 0}

    answer = await answered(client.responses.create(**asked, max_output_tokens=HUGE))

    assert (answer.output_text, answer.status) == ("7", "completed")


async def test_a_text_that_reaches_the_end(client: Any) -> None:
    """An answer that the context ends says so."""
    prompt = "1 2 3 4 5 6 7 8 9 10 " * 102

    answer = await answered(
        client.completions.create(
            model="toy-chat", prompt=prompt, temperature=0, n=2, max_tokens=HUGE
        )
    )

    assert [choice.finish_reason for choice in answer.choices] == ["length"] * 2
    assert answer.usage.total_tokens == 2 * 2048 - answer.usage.prompt_tokens


async def test_a_prompt_that_is_too_long(client: Any) -> None:
    """A prompt without room for any answer is refused, as ever."""
    with pytest.raises(openai.BadRequestError, match="maximum context length") as error:
        await answered(
            client.completions.create(model="toy-chat", prompt="1 2 3 4 5 " * 1000, max_tokens=HUGE)
        )

    assert error.value.code == "context_length_exceeded"


def test_a_setting_that_is_none(tmp_path: Path) -> None:
    """Another value is refused at the start, with its path."""
    config = tmp_path / "shim.toml"
    write(config, 'max_tokens_beyond_context = "cut"')

    with pytest.raises(pytest.fail.Exception), serving("--config", str(config)):
        pass

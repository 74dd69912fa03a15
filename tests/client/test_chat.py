"""Chat through the stock client, which is told to check every type."""

from typing import Any

import openai
import pytest

from tests.client.stock import answered, collected, first, says


async def test_a_whole_answer(client: Any) -> None:
    """An answer has its text, its finish, its usage and its request id."""
    completion = await answered(
        client.chat.completions.create(model="org/echo", messages=says("one two three"))
    )

    [choice] = completion.choices
    assert (choice.message.content, choice.finish_reason) == ("one two three", "stop")
    assert completion.usage.to_dict() == {
        "prompt_tokens": 3,
        "completion_tokens": 3,
        "total_tokens": 6,
    }
    assert completion.model == "org/echo"
    assert completion.id.startswith("chatcmpl-")
    assert completion.system_fingerprint.startswith("fp_")
    assert completion._request_id.startswith("req_")


async def test_a_cut_answer(client: Any) -> None:
    """An answer that reaches its limit says so, whichever name the limit has."""
    for name in ("max_tokens", "max_completion_tokens"):
        completion = await answered(
            client.chat.completions.create(
                model="org/echo", messages=says("one two three"), **{name: 2}
            )
        )

        [choice] = completion.choices
        assert (choice.message.content, choice.finish_reason) == ("one two", "length")


async def test_several_answers(client: Any) -> None:
    """`n` answers come in order, and their tokens are counted together."""
    completion = await answered(
        client.chat.completions.create(
            model="org/echo", messages=says("one two"), n=3, temperature=0
        )
    )

    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    assert completion.usage.completion_tokens == 6


async def test_a_stream(client: Any) -> None:
    """Chunks begin with the role, carry the text, end with the finish, and have no usage."""
    stream = await answered(
        client.chat.completions.create(model="org/echo", messages=says("one two"), stream=True)
    )

    chunks = await collected(stream)

    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert [(delta.role, delta.content) for delta in deltas] == [
        ("assistant", ""),
        (None, "one"),
        (None, " two"),
        (None, None),
    ]
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons == [None, None, None, "stop"]
    assert {chunk.usage for chunk in chunks} == {None}


async def test_a_stream_with_usage(client: Any) -> None:
    """With `include_usage`, one last chunk without choices has the usage."""
    stream = await answered(
        client.chat.completions.create(
            model="org/echo",
            messages=says("one two"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    *earlier, last = await collected(stream)

    assert {chunk.usage for chunk in earlier} == {None}
    assert last.choices == []
    assert last.usage.total_tokens == 4


async def test_several_streamed_answers(client: Any) -> None:
    """Each of `n` streamed answers has its own role, text and finish."""
    stream = await answered(
        client.chat.completions.create(model="org/echo", messages=says("one two"), n=2, stream=True)
    )

    choices = [choice for chunk in await collected(stream) for choice in chunk.choices]

    for index in (0, 1):
        mine = [choice for choice in choices if choice.index == index]
        assert [choice.delta.role for choice in mine] == ["assistant", None, None, None]
        assert "".join(choice.delta.content or "" for choice in mine) == "one two"
        assert mine[-1].finish_reason == "stop"


async def test_an_early_close(client: Any) -> None:
    """A stream may be closed in the middle; the next request gets its answer."""
    stream = await answered(
        client.chat.completions.create(model="org/echo", messages=says("a b c d"), stream=True)
    )
    await first(stream)

    await answered(stream.close())

    completion = await answered(
        client.chat.completions.create(model="org/echo", messages=says("next"))
    )
    assert completion.choices[0].message.content == "next"


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "developer", "content": "be brief"}, {"role": "user", "content": "say a"}],
        [{"role": "user", "content": [{"type": "text", "text": "say a"}]}],
        [{"role": "assistant", "content": None}, {"role": "user", "content": "say a"}],
        [{"role": "user", "content": "say a", "name": "Ann"}],
    ],
    ids=["developer", "parts", "null", "name"],
)
async def test_forms_of_messages(client: Any, messages: list[dict[str, Any]]) -> None:
    """Every form of message that clients send is understood."""
    completion = await answered(client.chat.completions.create(model="org/echo", messages=messages))

    assert completion.choices[0].message.content == "say a"


async def test_what_harnesses_send(client: Any) -> None:
    """Unknown fields, explicit nulls and a stop of any form are no reason to refuse."""
    extra = {"num_beams": 1, "best_of": 1, "detail": "high", "seed": None, "tools": None}

    for stop in (None, [], "", "x", list("vwxyz")):
        completion = await answered(
            client.chat.completions.create(
                model="org/echo",
                messages=says("a"),
                stop=stop,
                response_format={"type": "text"},
                max_tokens=5,
                extra_body={**extra, "max_completion_tokens": 5},
            )
        )

        assert completion.choices[0].message.content == "a"


async def test_the_engine_dies_in_mid_stream(client: Any) -> None:
    """What was said arrives, then the client raises: a cut answer never looks whole."""
    stream = await answered(
        client.chat.completions.create(model="dies", messages=says("a b c d"), stream=True)
    )
    said = [(await first(stream)).choices[0].delta.content for _ in range(3)]

    with pytest.raises(openai.APIError, match="told to die") as failure:
        await first(stream)

    assert said == ["", "a", " b"]
    assert failure.value.body == {
        "message": "The fake engine was told to die here.",
        "type": "service_unavailable_error",
        "param": None,
        "code": "server_is_overloaded",
    }
    await answered(stream.close())


async def test_the_builtin_model(builtin: Any) -> None:
    """The model that ships with the package does sums, whole and streamed alike."""
    question = {"model": "gpt-4o-mini", "messages": says("what is 2 + 2"), "temperature": 0}

    whole = await answered(builtin.chat.completions.create(**question))
    stream = await answered(builtin.chat.completions.create(**question, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in await collected(stream))

    assert whole.choices[0].message.content == text == "4"


async def test_each_choice_has_its_own_log_probabilities(builtin: Any) -> None:
    """Of several choices, alike at temperature 0, each is weighed as one is alone."""

    async def weighed(n: int) -> list[list[Any]]:
        answer = await answered(
            builtin.chat.completions.create(
                model="toy-chat",
                messages=says("What is 2 plus 2?"),
                temperature=0,
                logprobs=True,
                top_logprobs=2,
                n=n,
            )
        )
        return [choice.logprobs.content for choice in answer.choices]

    (alone,) = await weighed(1)
    together = await weighed(3)

    assert alone
    for tokens in together:
        assert [(t.token, len(t.top_logprobs)) for t in tokens] == [(t.token, 2) for t in alone]
        # The engine computes the choices together, which rounds otherwise.
        assert [t.logprob for t in tokens] == pytest.approx([t.logprob for t in alone], abs=1e-6)

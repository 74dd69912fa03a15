"""Greedy answers: what transformers gives offline, both chat engines give online."""

import openai

from tests.live import KEY, LiveServer
from tests.weights import Weights

QUESTIONS = [
    *(f"What is {a} plus {b}?" for a, b in ((3, 4), (17, 25), (40, 59), (8, 90))),
    *(f"What is {a} minus {b}?" for a, b in ((9, 4), (77, 25), (59, 40), (90, 8))),
    *(f'Repeat the word "{word}".' for word in ("horse", "qwert", "lamp")),
    *(f'Reverse the word "{word}".' for word in ("horse", "abcd", "lamp")),
    "Tell me about quantum chromodynamics.",
    "What is the capital of France?",
]


def client(server: LiveServer) -> openai.OpenAI:
    """Return the stock client, strict."""
    return openai.OpenAI(
        base_url=server.base_url, api_key=KEY, max_retries=0, _strict_response_validation=True
    )


def ask(server: LiveServer, question: str) -> tuple[str, int, int]:
    """Return the greedy answer, and its prompt's and own tokens."""
    with client(server) as stock:
        answer = stock.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": question}], temperature=0
        )
    assert answer.usage is not None
    [choice] = answer.choices
    assert choice.finish_reason == "stop"
    usage = answer.usage
    return choice.message.content or "", usage.prompt_tokens, usage.completion_tokens


def test_three_engines_give_one_answer(
    server: LiveServer, vllm_server: LiveServer, offline: Weights
) -> None:
    """Greedy answers, their ends and their token counts: ct2, vLLM and transformers agree."""
    expected = [offline.greedy(question, max_tokens=100) for question in QUESTIONS]

    assert [ask(server, question) for question in QUESTIONS] == expected
    assert [ask(vllm_server, question) for question in QUESTIONS] == expected

"""Greedy answers: what transformers gives offline, both chat engines give online."""

import openai
import pytest

from tests.live import KEY, MODELS, LiveServer

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


def ask(server: LiveServer, question: str) -> tuple[str, str, int, int]:
    """Return the greedy answer, how it finished, and its tokens."""
    with client(server) as stock:
        answer = stock.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": question}], temperature=0
        )
    assert answer.usage is not None
    choice = answer.choices[0]
    usage = answer.usage
    return (
        choice.message.content or "",
        choice.finish_reason,
        usage.prompt_tokens,
        usage.completion_tokens,
    )


def offline_answers() -> list[tuple[str, str, int, int]]:
    """Answer the questions with transformers, on the weights that CTranslate2's were made of."""
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(MODELS / "chat-hf")
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODELS / "chat-hf")
    answers = []
    for question in QUESTIONS:
        turns = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        length = prompt["input_ids"].shape[1]
        output = model.generate(**prompt, do_sample=False, max_new_tokens=100)[0][length:]
        text = tokenizer.decode(output, skip_special_tokens=True)
        answers.append((text, "stop", length, len(output)))
    return answers


def test_three_engines_give_one_answer(server: LiveServer, vllm_server: LiveServer) -> None:
    """Greedy answers, their ends and their token counts: ct2, vLLM and transformers agree."""
    offline = offline_answers()

    assert [ask(server, question) for question in QUESTIONS] == offline
    assert [ask(vllm_server, question) for question in QUESTIONS] == offline

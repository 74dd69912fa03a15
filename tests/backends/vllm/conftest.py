"""The vLLM backend that the whole run shares, and the same weights in transformers."""

import logging
from collections import Counter
from typing import Any

import pytest
import pytest_asyncio

from backends.base import ChatBackend, EmbeddingBackend
from tests.backends.opener import Opener
from tests.backends.vllm.dialogue import END_OF_TEXT
from tests.live import MODELS, skip_without_vllm


@pytest.fixture(scope="session")
def requires_vllm() -> None:
    """Skip loudly what needs vLLM where it is not installed."""
    skip_without_vllm()


@pytest_asyncio.fixture(scope="session")
async def backend(opener: Opener) -> ChatBackend:
    """Open the engine, or take the one that the contract suite has opened."""
    return await opener.open("vllm")


@pytest_asyncio.fixture(scope="session")
async def embedder(opener: Opener) -> EmbeddingBackend:
    """Open the same model for embeddings."""
    return await opener.open("vllm-embedding")


class Reference:
    """The model as transformers runs it: what an engine gives offline."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self.tokenizer = tokenizer

    def prompt(self, question: str) -> Any:
        """Return the token ids of the chat template, batch of one."""
        messages = [{"role": "user", "content": question}]
        return self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=False
        )

    def greedy(self, question: str) -> tuple[str, int]:
        """Return the greedy answer and its number of tokens, the end token included."""
        ids = self.prompt(question)
        answer = self._model.generate(ids, do_sample=False, attention_mask=ids.new_ones(ids.shape))
        new = answer[0, ids.shape[1] :]
        return self.tokenizer.decode(new, skip_special_tokens=True), len(new)

    def first_logprobs(self, question: str) -> Any:
        """Return the log probabilities of the whole vocabulary for the first generated token."""
        return self._model(self.prompt(question)).logits[0, -1].float().log_softmax(-1).detach()

    def last_state(self, ids: list[int]) -> Any:
        """Return the last hidden state of the last token, after the final norm."""
        import torch  # noqa: PLC0415 - vLLM brings it

        with torch.inference_mode():
            return self._model.model(torch.tensor([ids])).last_hidden_state[0, -1].numpy()

    def penalised(
        self, question: str, *, tokens: int, presence: float, frequency: float, repetition: float
    ) -> str:
        """Return *tokens* greedy tokens without an end, under OpenAI's and CTRL's penalties."""
        ids = self.prompt(question)
        new: list[int] = []
        for _ in range(tokens):
            logits = self._model(ids).logits[0, -1].float().detach()
            logits[END_OF_TEXT] -= 100
            for token in set(ids[0].tolist()):
                logits[token] *= repetition if logits[token] < 0 else 1 / repetition
            for token, count in Counter(new).items():
                logits[token] -= presence + count * frequency
            new.append(int(logits.argmax()))
            ids = ids.new_tensor([[*ids[0].tolist(), new[-1]]])
        return self.tokenizer.decode(new, skip_special_tokens=True)


@pytest.fixture(scope="session")
def reference() -> Reference:
    """Load the tests' chat model in float32."""
    skip_without_vllm()
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - vLLM brings it

    logging.getLogger("transformers").setLevel(logging.ERROR)
    source = str(MODELS / "chat-hf")
    model = AutoModelForCausalLM.from_pretrained(source, dtype="float32")
    return Reference(model, AutoTokenizer.from_pretrained(source))

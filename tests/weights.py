"""Causal models in transformers: the greedy answers and scores that those of engines equal."""

from pathlib import Path
from typing import Any

import pytest


class Weights:
    """A directory in Hugging Face's form, as float32 on the CPU."""

    def __init__(self, source: Path) -> None:
        transformers = pytest.importorskip("transformers")
        self._model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype="float32")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        self._scores: dict[tuple[int, ...], tuple[list[float], list[float]]] = {}

    def greedy(self, question: str, *, max_tokens: int) -> tuple[str, int, int]:
        """Return the greedy answer to a chat's first message, and its prompt's and own tokens."""
        return self._greedy([{"role": "user", "content": question}], max_tokens)

    def reply(self, messages: list[dict[str, Any]], *, max_tokens: int, tools: Any = None) -> str:
        """Return the greedy answer to a chat, without a character that its end leaves unfinished.

        transformers makes U+FFFD of that one; a server sends whole characters only.
        """
        return self._greedy(messages, max_tokens, tools)[0].rstrip("\ufffd")

    def _greedy(
        self, messages: list[dict[str, Any]], max_tokens: int, tools: Any = None
    ) -> tuple[str, int, int]:
        prompt = self.tokenizer.apply_chat_template(
            messages,
            tools=tools,
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        length = prompt["input_ids"].shape[1]
        output = self._model.generate(**prompt, do_sample=False, max_new_tokens=max_tokens)
        answer = output[0][length:]
        return self.tokenizer.decode(answer, skip_special_tokens=True), length, len(answer)

    def ids(self, text: str) -> list[int]:
        """Return a text's tokens, special ones added as the tokenizer does."""
        found: list[int] = self.tokenizer(text)["input_ids"]
        return found

    def starts(self, ids: list[int]) -> tuple[list[int], int]:
        """Return where in its text each token begins, and where the text ends, in characters."""
        text = self.tokenizer.decode(ids)
        encoded = self.tokenizer(text, return_offsets_mapping=True)
        assert encoded["input_ids"] == ids
        return [start for start, _ in encoded["offset_mapping"]], len(text)

    def scores(self, ids: list[int]) -> tuple[list[float], list[float]]:
        """Return each token's log probability after those before, and the highest there is."""
        # Each engine answers each prompt as a text and as ids.
        if tuple(ids) not in self._scores:
            self._scores[tuple(ids)] = self._scored(ids)
        return self._scores[tuple(ids)]

    def _scored(self, ids: list[int]) -> tuple[list[float], list[float]]:
        import torch  # noqa: PLC0415  not installed everywhere

        with torch.inference_mode():
            logits = self._model(torch.tensor([ids])).logits[0, :-1]
        weighed = torch.log_softmax(logits.double(), -1)
        own = weighed.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        return own.tolist(), weighed.max(-1).values.tolist()

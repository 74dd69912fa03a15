"""Generates, weighs and embeds texts in this process with transformers."""

import json
from typing import Any

from evals.verify.answers import Answer
from evals.verify.verdict import NotChecked
from evals.verify.weights import Weights

PRECISION = "float32"
"""The `dtype` if none is named: the tolerance is for it."""


class HuggingFaceText:
    """A causal model and its tokenizer, on the CPU, one request at a time."""

    def __init__(self, weights: Weights) -> None:
        """Load *weights*. Raises ImportError without transformers or torch, and what they raise."""
        from transformers import (  # noqa: PLC0415 - heavy, and not every run needs it
            AutoModelForCausalLM,
            AutoTokenizer,
        )

        disable_progress_bars()
        dtype = weights.compute_type or PRECISION
        self._model: Any = AutoModelForCausalLM.from_pretrained(weights.folder, dtype=dtype)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(weights.folder)

    def chat(self, question: str, *, max_tokens: int) -> Answer:
        """Return the greedy answer to *question*, with each token's log probability."""
        prompt = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": question}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        output = self._model.generate(
            **prompt,
            do_sample=False,
            max_new_tokens=max_tokens,
            output_logits=True,
            return_dict_in_generate=True,
        )
        ids = output.sequences[0][prompt["input_ids"].shape[1] :].tolist()
        rows = (row[0].double().log_softmax(-1) for row in output.logits)
        numbers = tuple(float(row[token]) for row, token in zip(rows, ids, strict=True))
        text = self._tokenizer.decode(ids, skip_special_tokens=True)
        return Answer(text=text, numbers=numbers)

    def weigh(self, prompt: str) -> Answer:
        """Return the log probability of each token of *prompt* after those before it; first 0."""
        import torch  # noqa: PLC0415 - as above

        ids = self._tokenizer(prompt)["input_ids"]
        with torch.inference_mode():
            rows = self._model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        pairs = zip(rows, ids[1:], strict=False)
        return Answer(text=prompt, numbers=(0.0, *(float(row[token]) for row, token in pairs)))


class HuggingFaceVectors:
    """A model of the form Transformer, Pooling (mean), Normalize of sentence-transformers."""

    def __init__(self, weights: Weights) -> None:
        """Load *weights*. Raises NotChecked for other forms, and what HuggingFaceText raises."""
        from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 - as above

        _refuse_other_pooling(weights)
        disable_progress_bars()
        dtype = weights.compute_type or PRECISION
        self._model: Any = AutoModel.from_pretrained(weights.folder, dtype=dtype)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(weights.folder)

    def embed(self, text: str) -> Answer:
        """Return the vector of *text*: the mean of its tokens' states, normalised."""
        import torch  # noqa: PLC0415 - as above

        with torch.inference_mode():
            states = self._model(**self._tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            vector = torch.nn.functional.normalize(states.mean(0), dim=0)
        return Answer(numbers=tuple(vector.tolist()), numbers_are="coordinate")


def disable_progress_bars() -> None:
    """Keep transformers from drawing bars on stderr, beside ours."""
    from transformers.utils import logging  # noqa: PLC0415 - as above

    disable: Any = logging.disable_progress_bar  # which has no types
    disable()


def _refuse_other_pooling(weights: Weights) -> None:
    file = weights.folder / "modules.json"
    modules = json.loads(file.read_text()) if file.exists() else []
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    pooling = weights.folder / "1_Pooling" / "config.json"
    mean = pooling.exists() and json.loads(pooling.read_text())["pooling_mode_mean_tokens"]
    if kinds != ["Transformer", "Pooling", "Normalize"] or not mean:
        raise NotChecked("only the mean of the tokens' states, normalised, is computed here")

"""inspect-ai's provider `hf` on a directory of weights."""

from inspect_ai.model import Model, get_model


def local(weights: str) -> Model:
    """Return the model of the directory *weights*, float32, which answers greedily."""
    return get_model(
        "hf/local",
        model_path=weights,
        device="cpu",
        dtype="float32",
        do_sample=False,
        # The chat template has the token for the beginning already.
        tokenizer_call_args={"add_special_tokens": False},
    )

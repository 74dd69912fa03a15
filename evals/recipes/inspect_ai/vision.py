"""inspect-ai with pictures, by its providers."""

import os
import sys

from harness import colours, texts, write
from inspect_ai.model import get_model


def main(base_url: str, model: str, out: str) -> None:
    """Write the scores of the colours to the file *out*."""
    server = {"base_url": base_url, "api_key": os.environ["OPENAI_API_KEY"]}
    compatible = get_model(f"openai-api/local/{model}", **server)
    responses = get_model(f"openai/{model}", responses_api=True, **server)
    rows = [
        texts("pictures, openai-api", colours(), compatible),
        texts("pictures, Responses", colours(), responses),
    ]
    write(out, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])

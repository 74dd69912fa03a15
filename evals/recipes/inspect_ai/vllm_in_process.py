"""inspect-ai's tools with its own provider for local weights."""

import sys

from harness import calls, weather, write
from local import local


def main(weights: str, out: str) -> None:
    """Write the scores of the questions for the weather to the file *out*."""
    row = calls("tools, openai-api", weather(), local(weights))
    write(out, [row, {**row, "task": "tools, Responses"}])


if __name__ == "__main__":
    main(*sys.argv[1:])

"""lmms-eval's models of speech against a speech model: `whisper_tt`, and three that chat."""

import sys
from pathlib import Path

from harness import HARNESS, evaluate, write
from processor import save

SPEECH = "local_speech"


def main(base_url: str, model: str, out: str) -> None:
    """Write the word error rates to the file *out*."""
    processor = Path.cwd() / "processor"
    save(processor)
    # The key is in OPENAI_API_KEY for all of them.
    own = {"pretrained": processor, "base_url": f"{base_url.removesuffix('/v1')}/m/{model}/v1"}
    chat = {"model_version": model, "base_url": base_url, "max_retries": 1}
    runs = {
        "whisper_tt": (own, {}),
        "gpt4o_audio": ({"model_version": model}, {"OPENAI_BASE_URL": base_url}),
        "openai": (chat, {}),
        "async_openai": (chat, {}),
    }
    rows = [
        {"task": f"transcription, {name}", **evaluate(SPEECH, name, given, **variables)}
        for name, (given, variables) in runs.items()
    ]
    write(out, HARNESS, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])

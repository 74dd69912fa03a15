"""`python -m tools.limits_table`: writes `docs/limits.md` from `shim.limits.Limits`."""

from pathlib import Path

import msgspec

from shim.limits import Limits

FILE = Path(__file__).parent.parent / "docs" / "limits.md"

_HEAD = """# Limits

Limits on what one client may use of the server. Each is a field of `[server.limits]`
and has a variable: `SHIM_LIMITS_` and its name in capitals.
`python -m tools.limits_table` writes this page from `shim/limits.py`.

| field | default | | beyond it |
|---|---|---|---|
"""


_FOOT = """
Limits that follow from the model:

- A prompt of more tokens than the context (`max_model_len`) is a 400,
  `context_length_exceeded`. A text of more than 8 characters for each token of the
  context is counted in pieces first, so that a far too long one is refused before it
  is tokenized whole.
- A completion of more prompts, an embeddings request of more inputs, or a transcription
  of more `files` than the model's `max_running` and `max_waiting` together is a 400 at
  once.
- A recording has limits in `[models.options]`: `max_audio_seconds`,
  `max_decoded_bytes`, `max_decode_seconds` ([configuration.md](configuration.md)).

Files and batches have limits of their own: [batches.md](batches.md#switch-it-on).

Limits that are not settings: 256 characters of a model's name, 256 headers, 64
requests that are sent on one connection before the first is answered, 8,192 pieces of
a body that arrive together, 4 kB of an error.
"""


def page() -> str:
    """Return the text of `docs/limits.md`."""
    return _HEAD + "".join(map(_row, msgspec.structs.fields(Limits))) + _FOOT


def _row(field: msgspec.structs.FieldInfo) -> str:
    *_, meta = field.type.__metadata__
    value = f"{field.default:,}" if isinstance(field.default, int) else f"{field.default:g}"
    return f"| `{field.name}` | {value} | {meta.description} | {meta.extra['refusal']} |\n"


if __name__ == "__main__":
    FILE.write_text(page())

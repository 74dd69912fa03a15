"""`python -m tools.limits_table`: writes `docs/limits.md` from `shim.limits.Limits`."""

from pathlib import Path

import msgspec

from shim.limits import Limits

FILE = Path(__file__).parent.parent / "docs" / "limits.md"

_HEAD = """# Limits

What one client may use of the server. Each is a field of `[server.limits]`, and has a variable:
`SHIM_LIMITS_` and its name in capitals. This page is made from `shim/limits.py` by
`python -m tools.limits_table`.

| field | default | | beyond it |
|---|---|---|---|
"""


def page() -> str:
    """Return the text of `docs/limits.md`."""
    return _HEAD + "".join(map(_row, msgspec.structs.fields(Limits)))


def _row(field: msgspec.structs.FieldInfo) -> str:
    *_, meta = field.type.__metadata__
    value = f"{field.default:,}" if isinstance(field.default, int) else f"{field.default:g}"
    return f"| `{field.name}` | {value} | {meta.description} | {meta.extra['refusal']} |\n"


if __name__ == "__main__":
    FILE.write_text(page())

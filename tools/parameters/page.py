"""The table as a page of the documentation."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from shim.api.generation.vllm_parameters import GenerationFields
from shim.parameters.documented import documented, place_of
from shim.parameters.rules import NOTHING, Ignored, is_among
from shim.parameters.table import known_at
from tools.parameters.places import OF_VLLM, Place, routes

PAGE = Path(__file__).parent.parent.parent / "docs" / "parameters.md"

_HEAD = """# Parameters

Every parameter that OpenAI, vLLM, faster-whisper or LocalAI document for these routes,
with what Shim does with it. `python -m tools.parameters` writes this page, and the
names that the server knows, from the types of the installed packages: {versions}.

- **honoured**: it does what is documented. *By vLLM*: models with another engine refuse
  it.
- **ignored**: it cannot change the answer.
- **refused**: it would change the answer, and is a 400 that names it. Null is always
  accepted; so are false and empty values, unless the default is true.

A name that nobody documents is ignored, or a 400 in strict mode
([configuration.md](configuration.md)), at any depth of the request. A name of one of the
three routes of text is known to the other two.
"""


def page() -> str:
    """Return the page."""
    versions = ", ".join(
        f"{package} {' and '.join(numbers)}" for package, numbers in documented().versions.items()
    )
    return _HEAD.format(versions=versions) + "".join(
        f"\n## {paths}\n\n| parameter | documented by | here |\n|---|---|---|\n"
        + "".join(row for place in places for row in _rows(place))
        for paths, places in routes()
    )


def _rows(place: Place) -> Iterator[str]:
    known = known_at(place_of(place.kind))
    tag = place.kind.__struct_config__.tag
    path = place.path if tag is None else f"{place.path}({tag})."
    for name in sorted({*place.honoured, *place.rules}):
        by = ", ".join(known[name].by) if name in known else "Shim"
        told = _told(place, name, known[name].defaults if name in known else [])
        yield f"| `{path}{name}` | {by} | {told} |\n"


def _told(place: Place, name: str, known: list[object]) -> str:
    rule = place.rules.get(name)
    if rule is None:
        of_vllm = name in OF_VLLM and issubclass(place.kind, GenerationFields)
        return "honoured by vLLM" if of_vllm else "honoured"
    if isinstance(rule, Ignored):
        return f"ignored: {rule.why[0].lower()}{rule.why[1:].removesuffix('.')}"
    hidden = (
        (*NOTHING, 0)
        if is_among(0, rule.unless) and is_among(value=False, values=known)
        else NOTHING
    )
    values: list[object] = []
    for value in rule.unless:
        if not is_among(value, (*hidden, *values)):
            values.append(value)
    but = " or ".join(f"`{msgspec.json.encode(value).decode()}`" for value in values)
    told = f"refused unless {but}" if but else "refused"
    return f"{told}. {rule.hint}" if rule.hint else told

"""Makes Markdown from a Jinja template; a text in it is never markup, nor a picture to load."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

MARKUP = re.compile(r"([\\`*_\[\]<>|&~!#$])")
"""Characters that can begin markup within a line, HTML included."""
FENCE = re.compile("`{3,}")


def render(template: Path, **values: Any) -> str:
    """Return the Markdown made from the file *template*; each `{{ … }}` in it is escaped."""
    environment = Environment(  # noqa: S701 - `finalize` escapes, for Markdown
        loader=FileSystemLoader(template.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escaped,
    )
    environment.filters["block"] = block
    return environment.get_template(template.name).render(values) + "\n"


class Block(str):
    """Lines that are markup already."""

    __slots__ = ()


def _escaped(value: Any) -> str:
    return value if isinstance(value, Block) else escape(str(value))


def escape(text: str) -> str:
    """Return *text* on one line, as Markdown that shows it."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))


def block(text: str) -> Block:
    """Return *text* as a block of code; its fence is longer than any that *text* has."""
    longest = max((len(found) for found in FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return Block(f"{fence}text\n{text}\n{fence}")

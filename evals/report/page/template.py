"""Makes pages from Jinja templates; every page extends `base.html`, which forbids it to load.

All values are escaped: what a model, a data set or a server wrote is text and nothing else.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent


def render(template: Path, **values: Any) -> str:
    """Return the page made from the file *template*, which extends `base.html`.

    Of *values*, `sheet` may name a style sheet beside *template*, added to that of all pages, and
    `scripts` JavaScript files, which are joined in their order. No other script runs in the page.
    `media` has the sources that it may play from, as in a Content-Security-Policy.
    """
    return _environment(template.parent).get_template(template.name).render(values)


@cache
def _environment(folder: Path) -> Environment:
    loader = FileSystemLoader([folder, HERE])
    environment = Environment(
        loader=loader,
        # Of names like `report.html`. Markdown has rules of its own (`markdown.py`).
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["csp"] = digest
    environment.filters["data"] = data
    environment.globals["source"] = lambda name: Markup(  # noqa: S704 - a file of this project
        loader.get_source(environment, name)[0]
    )
    return environment


def digest(text: str) -> str:
    """Return the source of a Content-Security-Policy that allows the inline element *text*."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def data(value: Any) -> Markup:
    """Return *value* as JSON for a `script` element, which no text in it can end.

    In JSON a `<` occurs only within strings, where it may be written as its number.
    """
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return Markup(text)  # noqa: S704 - without `<` nothing in it is markup

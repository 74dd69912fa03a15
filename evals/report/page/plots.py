"""Draws distributions as SVG by pygal, without its scripts and styles: `style.css` has its own."""

import sys
from string import ascii_uppercase
from typing import Any

import pygal
from markupsafe import Markup

from evals.report.page.distribution import Distribution

# pygal has put a finder of plug-ins with maps there, in a form of which Python 3.11 warns at every
# later import of something that is missing. There are no maps here.
sys.meta_path[:] = [
    finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)
]

WIDTH, HEIGHT = 480, 280
"""Size of a plot in its own units; the page scales it."""
CROWDED = 12
"""Most labels that are all drawn."""
FLAT = 3
"""Most labels that have room side by side; more are slanted."""


def bars(found: Distribution) -> Markup:
    """Return *found* as an `svg` element, with a bar for each run beside each other."""
    chart = pygal.Bar(
        width=WIDTH,
        height=HEIGHT,
        margin=4,
        # Else pygal loads a script from its own site.
        js=[],
        css=[],
        no_prefix=True,
        disable_xml_declaration=True,
        show_legend=len(found.counts) > 1,
        legend_at_bottom=True,
        x_title=found.unit,
        y_title="samples",
        x_label_rotation=30 if len(found.labels) > FLAT else 0,
        # Every third of many labels, else they would cover each other.
        x_labels_major_every=1 if len(found.labels) <= CROWDED else 3,
        show_minor_x_labels=False,
        truncate_label=-1,
        min_scale=2,
        max_scale=6,
        order_min=0,
        include_x_axis=True,
        value_formatter=lambda value: f"{value:,.0f}",
    )
    chart.x_labels = found.labels
    for letter, counts in zip(ascii_uppercase, found.counts, strict=False):
        chart.add(letter, counts)
    chart.add_xml_filter(_without_code)
    drawn = chart.render()
    return Markup(drawn)  # noqa: S704 - our own numbers and labels, drawn by pygal


def _without_code(root: Any) -> Any:
    """Return the drawing without scripts and styles, which the page's policy would refuse.

    Also without the box of the script's tooltips: a bar's value becomes a tooltip of the browser.
    The table beside it says the same to a screen reader, so that the drawing is hidden from it.
    """
    for parent in list(root.iter()):
        parent.attrib.pop("id", None)
        for child in list(parent):
            if _is_code(child):
                parent.remove(child)
            elif child.tag == "desc":
                child.tag = "title"
    root.set("aria-hidden", "true")
    return root


def _is_code(element: Any) -> bool:
    kind: str | None = element.get("class")
    # A comment's tag is no text. It would also make two drawings of one run differ by their date.
    if not isinstance(element.tag, str) or element.tag in {"script", "style", "defs", "title"}:
        return True
    if element.tag == "desc":
        return kind != "value"
    return kind == "tooltip"

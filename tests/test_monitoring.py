"""The dashboard and the alerts: their expressions are of metrics and labels that exist."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml

from shim.serving.metrics import Metrics
from tests.live import ROOT
from tools.dashboard import PAGE, dashboard

RULES = yaml.safe_load((ROOT / "docs" / "monitoring" / "alerts.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
PANELS = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in ALERTS},
    **{
        f"{panel['id']} {panel['title']} {target['refId']}": target["expr"]
        for panel in PANELS
        for target in panel["targets"]
    },
}

REGISTRY = Metrics()._registry
METRICS: list[Any] = [one for one in REGISTRY._collector_to_names if hasattr(one, "_labelnames")]
PROCESS = {
    sample.name
    for family in REGISTRY.collect()
    for sample in family.samples
    if sample.name.startswith("process_")
}

NOT_SHOWN = {"process_start_time_seconds", "process_virtual_memory_bytes"}
"""Metrics that need no panel."""

OF_PROMETHEUS = {"job", "instance"}
"""Labels that Prometheus adds."""

TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>"[^"]*")|(?P<range>\[(?:\d+[smh]|\$__rate_interval)\])
    |(?P<number>\d+(?:\.\d+)?[smh]?)|(?P<name>[a-z_]\w*)|(?P<sign>=~|==|[-+*/<>=(){},])""",
    re.VERBOSE,
)
WORDS = {"by", "or", "unless", "offset", "sum", "rate", "increase", "histogram_quantile"}


def samples() -> dict[str, set[str]]:
    """Return the name of each sample that a server can have, with its labels."""
    suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    ours = {
        f"{metric._name}{suffix}": {*metric._labelnames, *(["le"] if suffix == "_bucket" else [])}
        for metric in METRICS
        for suffix in suffixes[metric._type]
    }
    return ours | {name: set() for name in ("up", *PROCESS)}


SAMPLES = samples()


def tokens(expression: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each token of PromQL; only the forms that are used here."""
    position = 0
    while position < len(expression):
        match = TOKEN.match(expression, position)
        assert match, expression[position:]
        position = match.end()
        if match.lastgroup != "space":
            yield str(match.lastgroup), match.group()


def faults(expression: str) -> Iterator[str]:
    """Yield what is wrong with *expression*: unknown metrics, labels, brackets."""
    found = list(tokens(expression))
    names = [text for kind, text in found if kind == "name" and text in SAMPLES]
    known = OF_PROMETHEUS.union(*(SAMPLES[name] for name in names)) if names else set()
    open_: list[str] = []
    for kind, text in found:
        if text in ("(", "{"):
            open_.append(text)
        elif text in (")", "}") and (not open_ or open_.pop() + text not in ("()", "{}")):
            yield "brackets"
        elif kind == "name" and text not in WORDS and text not in SAMPLES and text not in known:
            yield f"{text} is not a metric, nor a label of {names}"
    if open_ or not names:
        yield "brackets, or no metric"


@pytest.mark.parametrize("title", EXPRESSIONS)
def test_expressions(title: str) -> None:
    """Every metric of an expression exists, with the labels that it uses."""
    assert list(faults(EXPRESSIONS[title])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "rate(shim_no_such_total[5m])",
        "sum by (modle) (rate(shim_requests_total[5m]))",
        'shim_requests_total{statu="429"}',
        "rate(shim_requests_total[5m]",
        "rate(shim_requests[5m])",
    ],
)
def test_faults_are_found(wrong: str) -> None:
    """The check above can fail."""
    assert list(faults(wrong))


def test_every_metric_is_shown() -> None:
    """Each metric is on the dashboard, or in the list of those that need no panel."""
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    metrics = PROCESS | {metric._name for metric in METRICS}

    missing = {
        name for name in metrics if not re.search(rf"\b{name}(_total|_bucket|_sum|\b)", shown)
    }

    assert missing == NOT_SHOWN


def test_the_dashboard_is_current() -> None:
    """The file is what `python -m tools.dashboard` writes."""
    assert json.loads(PAGE.read_text()) == dashboard()


def test_the_dashboard_is_grafanas() -> None:
    """It has what Grafana needs: ids, a variable for the data source, panels beside each other."""
    found = dashboard()

    assert {*found} >= {"uid", "title", "schemaVersion", "panels", "templating", "time"}
    assert found["templating"]["list"][0]["type"] == "datasource"
    ids = [panel["id"] for panel in found["panels"]]
    assert len(set(ids)) == len(ids)
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
    places = [panel["gridPos"] for panel in found["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Return whether two places of the grid share a cell."""
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def test_alerts_are_prometheus() -> None:
    """Each rule has a name of its own, a severity and a summary."""
    names = [rule["alert"] for rule in ALERTS]

    assert len(set(names)) == len(names)
    for rule in ALERTS:
        extra: set[Any] = {*rule} - {"alert", "expr", "for", "labels", "annotations"}
        assert not extra
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]

"""Writes `docs/monitoring/dashboard.json`, a dashboard for Grafana: python -m tools.dashboard.

The panels are the table below: a row's title, then its panels with their unit and their curves. A
curve is a PromQL expression and its legend.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parent.parent / "docs" / "monitoring" / "dashboard.json"

_WIDTH, _HEIGHT = 8, 8
"""Of a panel, in cells of Grafana's grid, which is 24 wide."""

_GRID = 24


class Panel(NamedTuple):
    """A panel with curves over time."""

    title: str
    unit: str
    """One of Grafana's units."""
    curves: tuple[tuple[str, str], ...]
    help: str = ""


def _rate(metric: str, by: str, where: str = "") -> tuple[str, str]:
    """Return a curve for each value of the labels *by*: how much a counter grows in a second."""
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return f"sum by ({by}) (rate({metric}{{{where}}}[$__rate_interval]))", legend


def _quantiles(metric: str, by: str = "", where: str = "") -> tuple[tuple[str, str], ...]:
    """Return the curves of the median, the 95th and 99th percentile of a histogram."""
    labels = f"le, {by}" if by else "le"
    legend = "".join(f" {{{{{label}}}}}" for label in by.split(", ") if label)
    rate = f"sum by ({labels}) (rate({metric}_bucket{{{where}}}[$__rate_interval]))"
    return tuple(
        (f"histogram_quantile({share}, {rate})", f"{name}{legend}")
        for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    )


def _mean(metric: str, by: str, where: str = "") -> tuple[str, str]:
    total, legend = _rate(f"{metric}_sum", by, where)
    count, _ = _rate(f"{metric}_count", by, where)
    return f"{total} / {count}", legend


_MODEL = 'model=~"$model"'
_SHIM = 'job="shim"'
"""Distinguishes metrics that other servers have too, by the name of the job that scrapes Shim."""

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Traffic and errors",
        (
            Panel("HTTP requests", "reqps", (_rate("shim_http_requests_total", "path, status"),)),
            Panel("Errors by reason", "reqps", (_rate("shim_http_errors_total", "reason"),)),
            Panel(
                "Requests to models",
                "reqps",
                (_rate("shim_requests_total", "model, route, status", _MODEL),),
                "Each prompt of a completion and each input of an embedding counts.",
            ),
            Panel("Models ready", "bool_yes_no", ((f"shim_model_ready{{{_MODEL}}}", "{{model}}"),)),
            Panel(
                "Replicas",
                "short",
                ((f"sum by (model) (shim_model_replicas{{{_MODEL}}})", "{{model}}"),),
                "Of models on a cluster: those that take requests.",
            ),
            Panel(
                "Answers to clients that had timed out",
                "reqps",
                (_rate("shim_single_flight_total", "result"),),
                "Taken by a retry while they were made, or once complete, or never.",
            ),
            Panel(
                "Requests looked up in the cache",
                "reqps",
                (_rate("shim_answer_cache_total", "result"),),
                "Those with only one answer, of servers with a cache.",
            ),
            Panel("Exchanges recorded", "reqps", (_rate("shim_recorded_total", "result"),)),
            Panel("Open connections", "short", (("shim_connections", "{{instance}}"),)),
            Panel("Bodies in memory", "bytes", (("shim_body_bytes", "{{instance}}"),)),
            Panel("Stored files", "short", (("shim_files", "{{instance}}"),)),
            Panel("Stored bytes", "bytes", (("shim_file_bytes", "{{instance}}"),)),
        ),
    ),
    (
        "Latency",
        (
            Panel(
                "Requests to models, answered in full",
                "s",
                _quantiles("shim_request_duration_seconds", "route", _MODEL),
            ),
            Panel(
                "Time to first token",
                "s",
                _quantiles("shim_time_to_first_token_seconds", "route", _MODEL),
                "Of streams and of transcriptions.",
            ),
            Panel(
                "Time between tokens",
                "s",
                _quantiles("shim_time_per_output_token_seconds", "route", _MODEL),
                "Of streams with one choice.",
            ),
            Panel("HTTP requests", "s", _quantiles("shim_http_request_duration_seconds", "path")),
        ),
    ),
    (
        "Tokens and audio",
        (
            Panel(
                "Generated tokens a second",
                "short",
                (_rate("shim_completion_tokens_total", "model, route", _MODEL),),
            ),
            Panel(
                "Prompt tokens a second",
                "short",
                (_rate("shim_prompt_tokens_total", "model, route", _MODEL),),
            ),
            Panel(
                "Seconds of audio a second",
                "short",
                (_rate("shim_audio_seconds_total", "model", _MODEL),),
            ),
            Panel(
                "Real-time factor",
                "short",
                _quantiles("shim_real_time_factor", "model", _MODEL),
                "Below 1 is faster than real time.",
            ),
        ),
    ),
    (
        "Queue and engines",
        (
            Panel("Running", "short", ((f"shim_requests_running{{{_MODEL}}}", "{{model}}"),)),
            Panel(
                "Waiting",
                "short",
                (
                    (f"shim_requests_waiting{{{_MODEL}}}", "{{model}}"),
                    (f"shim_batch_requests_waiting{{{_MODEL}}}", "{{model}} of batches"),
                ),
            ),
            Panel("Wait for a slot", "s", _quantiles("shim_queue_seconds", "model", _MODEL)),
            Panel(
                "Mean size of batches",
                "short",
                (_mean("shim_batch_size", "model, call", _MODEL),),
            ),
            Panel(
                "Mean time of a call to the engine",
                "s",
                (_mean("shim_engine_seconds", "model, call", _MODEL),),
            ),
            Panel(
                "Mean wait for the engine",
                "s",
                (_mean("shim_engine_wait_seconds", "model, call", _MODEL),),
            ),
            Panel(
                "Failed calls to the engine",
                "cps",
                (_rate("shim_engine_failed_calls_total", "model, call", _MODEL),),
            ),
            Panel(
                "Restarts of engines",
                "cps",
                (_rate("shim_engine_restarts_total", "model", _MODEL),),
            ),
            Panel(
                "Event loop lag",
                "s",
                _quantiles("shim_event_loop_lag_seconds"),
                "While the loop is late, no request is answered.",
            ),
        ),
    ),
    (
        "Batches",
        (
            Panel("Batches that have not ended", "short", (("shim_batches", "{{status}}"),)),
            Panel("Lines", "reqps", (_rate("shim_batch_lines_total", "result"),)),
            Panel("Ends", "cps", (_rate("shim_batches_ended_total", "status"),)),
        ),
    ),
    (
        "Servers of remote models",
        (
            Panel(
                "Answered requests",
                "reqps",
                (_rate("shim_upstream_requests_total", "upstream, status", _MODEL),),
            ),
            Panel(
                "Further attempts",
                "reqps",
                (_rate("shim_upstream_retries_total", "model", _MODEL),),
            ),
            Panel(
                "Servers ready",
                "bool_yes_no",
                ((f"shim_upstream_ready{{{_MODEL}}}", "{{model}} {{upstream}}"),),
            ),
        ),
    ),
    (
        "Process",
        (
            Panel("Reloads", "cps", (_rate("shim_reloads_total", "result"),)),
            Panel("CPU", "percentunit", (_rate("process_cpu_seconds_total", "instance", _SHIM),)),
            Panel(
                "Memory",
                "bytes",
                ((f"process_resident_memory_bytes{{{_SHIM}}}", "{{instance}}"),),
                "Without the processes of vLLM's engines.",
            ),
            Panel(
                "File descriptors",
                "short",
                (
                    (f"process_open_fds{{{_SHIM}}}", "{{instance}}"),
                    (f"process_max_fds{{{_SHIM}}}", "most {{instance}}"),
                ),
            ),
        ),
    ),
)

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard in Grafana's JSON."""
    return {
        "uid": "shim",
        "title": "Shim",
        "description": "Made by `python -m tools.dashboard`.",
        "tags": ["shim"],
        "schemaVersion": 39,
        "editable": True,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": _panels(),
    }


def _variables() -> list[dict[str, Any]]:
    source = {"name": "datasource", "type": "datasource", "query": "prometheus"}
    model = {
        "name": "model",
        "type": "query",
        "datasource": _DATASOURCE,
        "query": "label_values(shim_requests_running, model)",
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }
    return [source, model]


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        panels.append(_placed({"type": "row", "title": title}, len(panels), (0, y, _GRID, 1)))
        y += 1
        for index, panel in enumerate(row):
            below, column = divmod(index, _GRID // _WIDTH)
            place = (column * _WIDTH, y + below * _HEIGHT, _WIDTH, _HEIGHT)
            panels.append(_placed(_curves(panel), len(panels), place))
        y += -(-len(row) * _WIDTH // _GRID) * _HEIGHT
    return panels


def _placed(panel: dict[str, Any], before: int, place: tuple[int, int, int, int]) -> dict[str, Any]:
    position = dict(zip(("x", "y", "w", "h"), place, strict=True))
    return {"id": before + 1, **panel, "gridPos": position}


def _curves(panel: Panel) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.help,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _DATASOURCE,
                "expr": expression.replace("{}", ""),
                "legendFormat": legend,
            }
            for index, (expression, legend) in enumerate(panel.curves)
        ],
    }


if __name__ == "__main__":
    PAGE.write_text(json.dumps(dashboard(), indent=2) + "\n")

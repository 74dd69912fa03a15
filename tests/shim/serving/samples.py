"""Reads metrics as a scraper does."""

from prometheus_client.parser import text_string_to_metric_families

from shim.serving.metrics import Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return the value of one sample, or None if there is no such sample."""
    families = text_string_to_metric_families(metrics.text().decode())
    samples = (sample for family in families for sample in family.samples)
    return next((s.value for s in samples if (s.name, s.labels) == (name, labels)), None)

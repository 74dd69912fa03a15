"""Models over backends that a test has made."""

from collections.abc import Sequence

from backends.base import Backend
from backends.config import ModelConfig
from shim.serving.metrics import Metrics
from shim.serving.models import Models
from shim.serving.request_metrics import RequestMetrics
from shim.serving.served_model import ServedModel


def models_of(
    configs: Sequence[ModelConfig],
    backends: Sequence[Backend],
    metrics: RequestMetrics | None = None,
) -> Models:
    """Return the models that serve *backends*, each by the config at its position."""
    metrics = metrics or Metrics().requests
    pairs = zip(configs, backends, strict=True)
    return Models([ServedModel(config, backend, metrics) for config, backend in pairs])

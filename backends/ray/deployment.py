"""Describes a model's deployment to Ray Serve: its replicas, their place, their limits."""

from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, RequestRouterConfig
from ray.serve.schema import LoggingConfig

from backends.cluster_config import Autoscaling, ClusterConfig
from backends.config import ModelConfig

from .environment import VARIABLES
from .replica import Replica

QUIET = LoggingConfig(log_level="WARNING", enable_access_log=False)
"""Ray Serve would write a line for each call."""

_TARGET = 0.7
"""Share of `max_running` above which Ray Serve adds a replica, if `target` is not set."""

_HEALTH_SECONDS = 10.0
"""Seconds between two health checks of a replica."""


def deployment(model: ModelConfig, config: ClusterConfig) -> Any:
    """Return the deployment of *model*, to be bound to the arguments of `Replica`."""
    replication = model.cluster
    options: dict[str, Any] = {
        "name": "Replica",
        "logging_config": QUIET,
        "max_ongoing_requests": model.max_running,
        "max_queued_requests": model.max_waiting or -1,
        "graceful_shutdown_timeout_s": config.drain_seconds,
        "graceful_shutdown_wait_loop_s": 0.1,
        "health_check_period_s": _HEALTH_SECONDS,
        # Once: a model that cannot be opened is an error of its configuration.
        "max_constructor_retry_count": 1,
        "request_router_config": RequestRouterConfig(
            request_router_class="backends.ray.router:Router"
        ),
        "ray_actor_options": {
            "num_cpus": replication.num_cpus,
            "num_gpus": replication.num_gpus,
            "resources": replication.resources,
            "runtime_env": {"env_vars": VARIABLES},
        },
    }
    if replication.max_per_node is not None:
        options["max_replicas_per_node"] = replication.max_per_node
    if replication.autoscaling is None:
        options["num_replicas"] = replication.replicas
    else:
        options["autoscaling_config"] = _autoscaling(replication.autoscaling, model.max_running)
    return serve.deployment(Replica, **options)


def _autoscaling(scaling: Autoscaling, max_running: int) -> AutoscalingConfig:
    return AutoscalingConfig(
        min_replicas=scaling.min,
        max_replicas=scaling.max,
        target_ongoing_requests=scaling.target or _TARGET * max_running,
        upscale_delay_s=scaling.upscale_seconds,
        downscale_delay_s=scaling.downscale_seconds,
    )

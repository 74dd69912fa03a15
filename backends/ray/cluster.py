"""Connects to a cluster, and opens models there: one application of Ray Serve for each."""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import msgspec
import ray
from msgspec.structs import replace
from ray import serve
from ray.serve.schema import ApplicationStatus

from backends.base import Backend
from backends.cluster_config import ClusterConfig
from backends.config import ModelConfig
from backends.in_thread import in_thread
from backends.openable import NotOpenable

from . import identity, served
from .calls import Calls
from .deployment import QUIET, deployment
from .environment import VARIABLES

_POLL = 0.2
"""Seconds between two looks at a model that opens."""

_REASON = re.compile(r"(?:ModelNotOpened|NotIdentical): (.+)")
"""A replica's own reason within the traceback that Ray Serve reports."""

_END = {ApplicationStatus.DEPLOY_FAILED, ApplicationStatus.UNHEALTHY}


class Cluster:
    """A cluster that this process is connected to."""

    def __init__(self, config: ClusterConfig, *, decoded_bytes: int) -> None:
        """*decoded_bytes* are the most that all decoded recordings of a replica may take."""
        self._config = config
        self._decoded_bytes = decoded_bytes

    @asynccontextmanager
    async def opened(self, model: ModelConfig) -> AsyncGenerator[Backend, None]:
        """Open *model* in the cluster, or join it if it is open there with the same options.

        At the end of the block it is closed if this call has opened it. Raises NotOpenable with the
        replica's reason, or if there is no room for all replicas in time.
        """
        config = self._config
        name = self._application(model)
        started = not await in_thread(partial(_is_running, name))
        try:
            if started:
                await in_thread(partial(self._deploy, name, model))
            await self._running(name)
            handle = serve.get_deployment_handle("Replica", name)
            scaling = model.cluster.autoscaling
            calls = Calls(
                handle,
                name=model.id,
                retries=config.retries,
                scales_to_zero=scaling is not None and scaling.min == 0,
            )
            try:
                facts = await calls.facts()
                yield served.backend(
                    calls,
                    facts,
                    replication=model.cluster,
                    reference_bytes=config.reference_bytes,
                )
            finally:
                await calls.close()
        finally:
            if started and not config.keep:
                await in_thread(partial(serve.delete, name))

    def _application(self, model: ModelConfig) -> str:
        """Return a name that changes with all that decides the replicas' answers and behaviour.

        So a changed model is opened beside the old one, which ends with its last request.
        """
        engine = replace(model, aliases=(), max_waiting=0)
        config = self._config
        fixed = (self._decoded_bytes, config.token_interval_ms, config.drain_seconds)
        parts = (engine, version("evalshim"), fixed)
        encoded = msgspec.json.encode(parts, order="deterministic")
        slug = re.sub(r"[^A-Za-z0-9_.-]", "-", model.id)[:40]
        return f"{config.name}-{slug}-{hashlib.sha256(encoded).hexdigest()[:8]}"

    def _deploy(self, name: str, model: ModelConfig) -> None:
        identity.forget(name)
        application = deployment(model, self._config).bind(
            model,
            application=name,
            decoded_bytes=self._decoded_bytes,
            interval=self._config.token_interval_ms / 1000,
        )
        target = serve.RunTarget(target=application, name=name, route_prefix=None)
        serve.run_many([target], wait_for_applications_running=False)

    async def _running(self, name: str) -> None:
        """Wait until all replicas of *name* are open; raise NotOpenable if that fails."""
        limit = self._config.start_seconds
        end = time.monotonic() + limit
        while True:
            status = await in_thread(partial(_status, name))
            if status is not None and status.status is ApplicationStatus.RUNNING:
                return
            if status is not None and status.status in _END:
                raise NotOpenable(_reason(status))
            if time.monotonic() > end:
                raise NotOpenable(
                    f"not all replicas have opened in the cluster within {limit:g} s: "
                    f"{_reason(status)}"
                )
            await asyncio.sleep(_POLL)


@asynccontextmanager
async def connected(config: ClusterConfig, *, decoded_bytes: int) -> AsyncGenerator[Cluster, None]:
    """Connect to the cluster of *config*, or start one on this machine, for the block.

    Raises ConnectionError if it cannot be reached.
    """
    local = config.address == "local"
    start = partial(
        ray.init,
        address=config.address,
        include_dashboard=False if local else None,
        log_to_driver=local,
        logging_level="ERROR",
        runtime_env={"env_vars": VARIABLES},
    )
    await in_thread(start)
    try:
        await in_thread(partial(serve.start, proxy_location="Disabled", logging_config=QUIET))
        yield Cluster(config, decoded_bytes=decoded_bytes)
    finally:
        await in_thread(ray.shutdown)


def _status(name: str) -> Any:
    return serve.status().applications.get(name)


def _is_running(name: str) -> bool:
    status = _status(name)
    return status is not None and status.status not in {*_END, ApplicationStatus.DELETING}


def _reason(status: Any) -> str:
    """Return why an application does not run: its replica's reason, or Ray Serve's messages."""
    if status is None:
        return "Ray Serve does not have it"
    messages = [each.message for each in status.deployments.values()] or [status.message]
    text = " ".join(messages)
    found = _REASON.findall(text)
    return found[-1] if found else text

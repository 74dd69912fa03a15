"""Connects to a cluster, and opens models there: one application of Ray Serve for each."""

import asyncio
import hashlib
import logging
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
from ray.exceptions import ActorAlreadyExistsError
from ray.serve.handle import DeploymentHandle

from backends.base import Backend
from backends.cluster_config import ClusterConfig
from backends.config import ModelConfig
from backends.in_thread import in_thread
from backends.openable import NotOpenable

from . import served, store
from .calls import Calls
from .deployment import QUIET, deployment
from .environment import VARIABLES
from .status import Status

log = logging.getLogger(__name__)

_POLL = 0.2
"""Seconds between two looks at a model that opens."""

_DELETE_SECONDS = 30.0
"""Most seconds that the end of a model is waited for."""

_SAY_SECONDS = 5.0
"""Seconds after which it is said why a model is not open yet."""


class Cluster:
    """A cluster that this process is connected to."""

    def __init__(self, config: ClusterConfig, *, decoded_bytes: int) -> None:
        """*decoded_bytes* are the most that all decoded recordings of a replica may take."""
        self._config = config
        self._decoded_bytes = decoded_bytes

    @asynccontextmanager
    async def opened(self, model: ModelConfig) -> AsyncGenerator[Backend, None]:
        """Open *model* in the cluster, or join it if it is open there with the same options.

        It is closed when the last server that uses it leaves the block, unless `keep` is set.
        Raises NotOpenable with the replica's reason, or if there is no room for all replicas in
        time.
        """
        name = self._application(model)
        await in_thread(partial(store.join, name))
        try:
            await self._open(name, model)
            async with self._calls(name, model) as calls:
                yield served.backend(
                    calls,
                    await calls.facts(),
                    replication=model.cluster,
                    reference_bytes=self._config.reference_bytes,
                )
        finally:
            last = await in_thread(partial(store.leave, name))
            if last and not self._config.keep:
                await self._delete(name)

    @asynccontextmanager
    async def _calls(self, name: str, model: ModelConfig) -> AsyncGenerator[Calls, None]:
        # Not `serve.get_deployment_handle`: that may return the handle of an earlier block.
        handle: DeploymentHandle[Any] = DeploymentHandle("Replica", name)
        scaling = model.cluster.autoscaling
        calls = Calls(
            handle,
            name=model.id,
            retries=self._config.retries,
            scales_to_zero=scaling is not None and scaling.min == 0,
        )
        try:
            yield calls
        finally:
            await calls.close()

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

    async def _open(self, name: str, model: ModelConfig) -> None:
        """Open the application *name* and wait for all replicas; if a server has it, for one.

        Raises NotOpenable.
        """
        end = time.monotonic() + self._config.start_seconds
        while True:
            status = await in_thread(partial(Status, name))
            if status.exists and not (status.is_deleting or status.has_failed):
                return await self._running(name, model, end, joins=True)
            if not status.is_deleting and await in_thread(partial(store.claim, name)):
                try:
                    await in_thread(partial(self._deploy, name, model))
                    return await self._running(name, model, end, joins=False)
                finally:
                    await in_thread(partial(store.opened, name))
            _refuse_late(end, status)
            await asyncio.sleep(_POLL)

    def _deploy(self, name: str, model: ModelConfig) -> None:
        store.forget_stamp(name)
        application = deployment(model, self._config).bind(
            model,
            application=name,
            decoded_bytes=self._decoded_bytes,
            interval=self._config.token_interval_ms / 1000,
        )
        target = serve.RunTarget(target=application, name=name, route_prefix=None)
        serve.run_many([target], wait_for_applications_running=False)

    async def _running(self, name: str, model: ModelConfig, end: float, *, joins: bool) -> None:
        """Wait until all replicas of *name* are open, or one if this server *joins* it.

        Raises NotOpenable if that fails.
        """
        say_at, said = time.monotonic() + _SAY_SECONDS, ""
        while True:
            status = await in_thread(partial(Status, name))
            if status.is_running:
                return
            if joins and status.replicas.get("RUNNING"):
                return  # others are lost at the moment, or not there yet
            if status.has_failed:
                raise NotOpenable(status.reason)
            _refuse_late(end, status)
            if time.monotonic() > say_at and (now := status.progress) != said:
                log.info("%s is not open yet: %s", model.id, now)
                said = now
            await asyncio.sleep(_POLL)

    async def _delete(self, name: str) -> None:
        """Delete *name*; return once it is gone, after half a minute at the latest.

        Ray Serve goes on with it: a replica that is still to get its resources can take longer.
        """
        await in_thread(partial(serve.delete, name, _blocking=False))
        end = time.monotonic() + _DELETE_SECONDS
        while time.monotonic() < end:
            if not (await in_thread(partial(Status, name))).exists:
                return
            await asyncio.sleep(_POLL)
        log.warning("%s: not deleted yet; Ray Serve goes on", name)


@asynccontextmanager
async def connected(
    address: str, config: ClusterConfig, *, decoded_bytes: int
) -> AsyncGenerator[Cluster, None]:
    """Connect to the cluster at *address* for the block; `local`: start one on this machine.

    Raises ConnectionError if it cannot be reached.
    """
    start = partial(
        ray.init,
        address=address,
        include_dashboard=False if address == "local" else None,
        log_to_driver=address == "local",
        logging_level="ERROR",
        runtime_env={"env_vars": VARIABLES},
    )
    # Not by its level: `serve.start` sets another one.
    logging.getLogger("ray.serve").addFilter(_is_warning)
    await in_thread(start)
    try:
        await in_thread(_start_serve)
        yield Cluster(config, decoded_bytes=decoded_bytes)
    finally:
        await in_thread(ray.shutdown)


def _is_warning(record: logging.LogRecord) -> bool:
    """Return whether *record* is a warning or worse."""
    return record.levelno >= logging.WARNING


def _start_serve() -> None:
    """Start Ray Serve in the cluster, where it does not run already."""
    start = partial(serve.start, proxy_location="Disabled", logging_config=QUIET)
    try:
        start()
    except ActorAlreadyExistsError:  # another server was first, by a moment
        start()


def _refuse_late(end: float, status: Status) -> None:
    """Raise NotOpenable after *end*, in seconds of `time.monotonic`."""
    if time.monotonic() > end:
        raise NotOpenable(f"not all replicas have opened in time: {status.reason}")

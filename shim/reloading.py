"""Applies a changed configuration while the server runs: all of it, or nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from backends.config import names
from backends.registry import ModelNotOpened
from shim.http.connections import Connections, within_descriptors
from shim.http.stack import wrap
from shim.serving.models import Models

from .app import create_app
from .runtime import Runtime
from .settings import Settings, SettingsError

log = logging.getLogger(__name__)

_FIXED = (
    "host",
    "port",
    "admin_port",
    "admin_key",
    "log_format",
    "tracing",
    "record",
    "record_bytes",
    "answer_cache",
    "answer_cache_bytes",
)
"""Settings of `[server]` that are in effect from the start of the process to its end: sockets, log,
folders. So are all of `[batches]`."""


class Reloaded(Struct, frozen=True):
    """What a reload has changed: names of models."""

    models: list[str]
    """The models that are served now, by their ids."""
    opened: list[str]
    """Those whose engine is new."""
    closing: list[str]
    """Those that close once their last request has ended."""


class Current:
    """The ASGI application that gets new requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    # Not a coroutine around the application's: every request passes through here.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request by the present application, to its end."""
        return self.app(scope, receive, send)


class Reloader:
    """Reads the configuration again and serves it.

    A request is answered by the application that got it: its models, aliases, keys and limits are
    those of one configuration. Models whose engine is the same keep their queue.
    """

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime,
        models: Models,
        *,
        load: Callable[[], Settings],
        connections: Connections,
    ) -> None:
        """*load* reads the settings anew; *connections* are those of the server."""
        self._settings = settings
        self._runtime = runtime
        self._models = [models]
        """The models of each configuration that has requests; those of the last one at the end."""
        self._load = load
        self._connections = connections
        self._one_at_a_time = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        app = create_app(settings, runtime, models)
        self.current = Current(_wrapped(app, settings, runtime))
        runtime.line_app.use(app.state.batch_lines)

    @property
    def models(self) -> Models:
        """The models that new requests use."""
        return self._models[-1]

    async def reload(self, requests: set[asyncio.Task[None]]) -> Reloaded:
        """Read the configuration, open its new models, and let new requests use it.

        *requests* are the server's tasks, one for each request in progress, as they come and go.
        Raises SettingsError for an invalid setting or one that cannot change, and ModelNotOpened
        for a new model that cannot be opened or fails its self-test; nothing has changed then.
        """
        try:
            async with self._one_at_a_time:
                reloaded = await self._reload(requests)
        except (SettingsError, ModelNotOpened) as error:
            log.error("not reloaded, nothing has changed: %s", error)  # noqa: TRY400  no traceback
            self._runtime.metrics.reloads.labels("refused").inc()
            raise
        log.warning("reloaded: %s", reloaded)
        self._runtime.metrics.reloads.labels("applied").inc()
        return reloaded

    async def _reload(self, requests: set[asyncio.Task[None]]) -> Reloaded:
        settings = self._load()
        _refuse_fixed(self._settings, settings)
        models = await self._runtime.models.changed(settings.models)
        # In a thread, as it takes 0.2 s.
        app = await asyncio.to_thread(create_app, settings, self._runtime, models)
        # From here on nothing waits, so that nobody sees a part of the change.
        old, self._settings = self.models, settings
        self._models.append(models)
        self._runtime.models.use(models)
        self._connections.limits = within_descriptors(settings.server.limits)
        self.current.app = _wrapped(app, settings, self._runtime)
        self._runtime.line_app.use(app.state.batch_lines)
        self._close_later(old, requests | self._runtime.line_app.tasks)
        return _difference(old, models)

    def _close_later(self, old: Models, requests: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(self._close(old, requests))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, old: Models, requests: set[asyncio.Task[None]]) -> None:
        """Close what only *old* has, once the *requests* that may use it have ended."""
        if requests:
            await asyncio.wait(requests)
        self._models.remove(old)
        await self._runtime.models.close_others(self._models)


def _wrapped(app: Litestar, settings: Settings, runtime: Runtime) -> ASGIApp:
    served = [name for model in settings.models for name in names(model)]
    return wrap(app, settings.server, served, on_end=runtime.on_end, layers=runtime.layers)


def _refuse_fixed(old: Settings, new: Settings) -> None:
    """Raise SettingsError for a setting that cannot change while the server runs."""
    changed = [
        f"server.{name}"
        for name in _FIXED
        if getattr(old.server, name) != getattr(new.server, name)
    ]
    tables = ("batches", "cluster")
    changed += [name for name in tables if getattr(old, name) != getattr(new, name)]
    if changed:
        raise SettingsError(
            f"It cannot change while the server runs: restart it - at $.{changed[0]}"
        )


def _difference(old: Models, new: Models) -> Reloaded:
    before = {id(model.backend) for model in old.served}
    after = {id(model.backend) for model in new.served}
    return Reloaded(
        models=[model.id for model in new.served],
        opened=[model.id for model in new.served if id(model.backend) not in before],
        closing=[model.id for model in old.served if id(model.backend) not in after],
    )

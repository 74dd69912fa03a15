"""Calls the replicas of one model: chooses the transport, tries again, cancels, maps failures."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from backends.base import ReplicaState
from backends.failures import EngineBusy, EngineDead

from .facts import Facts
from .messages import Failure
from .router import in_this_loop, router_of

log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.05
"""Seconds before the first further try, doubled for each one after it."""

_NEXT_REPLICA_SECONDS = 5.0
"""Seconds in the Retry-After of a failure for want of a replica: Ray Serve needs about that long to
start another one, without the time to load weights."""


_PICKLED = {"request_serialization": "pickle", "response_serialization": "pickle"}
"""Without these, Ray Serve takes cloudpickle, which takes 35 µs for a message where this takes
10."""


class Calls:
    """The way to the replicas of the model *name*, for one event loop.

    A request that fails for its replica's sake goes to another one, at most *retries* times, and
    never after its first item. *scales_to_zero*: requests may wait for a first replica.
    """

    def __init__(
        self,
        handle: "DeploymentHandle[Any]",
        *,
        name: str,
        retries: int,
        scales_to_zero: bool,
    ) -> None:
        self._handle = in_this_loop(handle)
        self._name = name
        self._retries = retries
        self._scales_to_zero = scales_to_zero
        self._handles: dict[tuple[str, bool], DeploymentHandle[Any]] = {}

    def replicas(self) -> tuple[ReplicaState, ...]:
        """Return the replicas that take requests now, as Ray Serve last reported them."""
        router = router_of(self._handle)
        return () if router is None else router.states()

    async def everywhere(self, method: str) -> list[Any]:
        """Return what the backend's *method* returns in each replica; raise the first error."""
        with self._translated():
            results: list[Any] = await self._handle.broadcast("call", method).results_async()
        for result in results:
            if isinstance(result, Failure):
                raise result.error
        return results

    async def facts(self) -> Facts:
        """Return the facts of one replica, which are those of all."""
        with self._translated():
            facts: Facts = await self._to("facts").remote()
        return facts

    async def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what the backend's *method* returns in one of the replicas."""
        return await self._unary("call", method, *arguments, **options)

    async def whole(self, method: str, *arguments: Any) -> AsyncGenerator[Any, None]:
        """Yield the items of the backend's generator *method*, all at its end."""
        items = await self._unary("whole", method, *arguments)
        for item in items:
            yield item

    async def stream(
        self, method: str, *arguments: Any, by_reference: bool = False
    ) -> AsyncGenerator[Any, None]:
        """Yield the items of the backend's generator *method* as they come.

        Closing or cancelling cancels the generator in the replica. *by_reference*: the arguments
        are large, and travel through Ray's object store.
        """
        for attempt in range(self._retries + 1):
            self._refuse_without_replica()
            begun = False
            response = self._to("stream", by_reference=by_reference).remote(method, *arguments)
            try:
                with self._translated():
                    async for batch in response:
                        for item in batch:
                            if type(item) is Failure:
                                raise self._noted(item)
                            begun = True
                            yield item
            except EngineDead as error:
                if begun or attempt == self._retries:
                    raise
                await self._before_next(attempt, error)
            else:
                return
            finally:
                response.cancel()  # Ray Serve does not by itself; harmless after the end

    async def _unary(self, kind: str, method: str, *arguments: Any, **options: Any) -> Any:
        for attempt in range(self._retries + 1):
            self._refuse_without_replica()
            response = self._to(kind).remote(method, *arguments, **options)
            try:
                with self._translated():
                    return self._sound(await response)
            except EngineDead as error:
                if attempt == self._retries:
                    raise
                await self._before_next(attempt, error)
            finally:
                response.cancel()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _sound(self, result: Any) -> Any:
        last = result[-1] if isinstance(result, list) and result else result
        if isinstance(last, Failure):
            raise self._noted(last)
        return result

    def _noted(self, failure: Failure) -> Exception:
        """Return the error of *failure*; remember its replica if its engine is at fault."""
        router = router_of(self._handle)
        if isinstance(failure.error, EngineDead) and router is not None:
            router.avoid(failure.replica)
        return failure.error

    async def _before_next(self, attempt: int, error: EngineDead) -> None:
        log.warning("%s: a replica failed, another one is tried: %s", self._name, error)
        await asyncio.sleep(_RETRY_SECONDS * 2**attempt)

    def _refuse_without_replica(self) -> None:
        """Raise EngineDead if no replica is there, as Ray Serve would let the request wait."""
        if not self._scales_to_zero and not self.replicas():
            raise EngineDead(
                f"No replica of {self._name} can be reached.", retry_after=_NEXT_REPLICA_SECONDS
            )

    def _to(self, kind: str, *, by_reference: bool = False) -> "DeploymentHandle[Any]":
        key = (kind, by_reference)
        if key not in self._handles:
            self._handles[key] = self._handle.options(
                method_name=kind, stream=kind == "stream", _by_reference=by_reference, **_PICKLED
            )
        return self._handles[key]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise EngineDead or EngineBusy for an error of Ray's.

        An exception of the replica's own code is raised as it was there.
        """
        try:
            yield
        except RayTaskError as error:
            raise error.cause from error
        except BackPressureError as error:
            raise EngineBusy(
                f"The replicas of {self._name} have too many requests.", retry_after=1.0
            ) from error
        except (RayError, RayServeException, grpc.aio.AioRpcError) as error:
            log.warning("%s: a replica was lost: %s", self._name, type(error).__name__)
            raise EngineDead(f"A replica of {self._name} was lost.") from error

    async def close(self) -> None:
        """Close the connections to the replicas."""
        await self._handle.shutdown_async()

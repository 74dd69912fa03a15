"""Chooses the replica of a request, in the server: by their load, without those that fail."""

import random
import time
from typing import Any

from ray.serve._private.request_router import PowerOfTwoChoicesRequestRouter
from ray.serve.handle import DeploymentHandle
from ray.serve.request_router import PendingRequest, RunningReplica

from backends.base import ReplicaState

_AVOIDED_SECONDS = 5.0
"""Seconds for which a replica gets no request after its engine has failed one: a dead engine fails
at once, so its queue is the shortest of all."""


class Router(PowerOfTwoChoicesRequestRouter):  # type: ignore[misc]  # of Any
    """Compares the queues of two replicas, drawn from those that have not just failed."""

    def initialize_state(self, **_: Any) -> None:
        """Begin with no failure. Ray Serve calls it once, before the first request."""
        self._failed: dict[str, float] = {}

    def avoid(self, replica: str) -> None:
        """Send the replica with the id *replica* nothing for 5 seconds, if there is another."""
        self._failed[replica] = time.monotonic()

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,  # noqa: ARG002
    ) -> list[list[RunningReplica]]:
        """Return two of *candidate_replicas*, or the only one."""
        since = time.monotonic() - _AVOIDED_SECONDS
        failed = {name for name, at in self._failed.items() if at > since}
        sound = [each for each in candidate_replicas if each.replica_id.unique_id not in failed]
        chosen = sound or candidate_replicas
        return [random.sample(chosen, min(2, len(chosen)))]

    def states(self) -> tuple[ReplicaState, ...]:
        """Return the replicas that take requests."""
        return tuple(
            ReplicaState(id=each.replica_id.unique_id, node=each.node_id)
            for each in self.curr_replicas.values()
        )


def in_this_loop(handle: "DeploymentHandle[Any]") -> "DeploymentHandle[Any]":
    """Return *handle* with its router in the running event loop, not in a thread of its own.

    That saves a tenth of the CPU of a call.
    """
    handle._init(_run_router_in_separate_loop=False)  # noqa: SLF001  the only switch
    return handle


def router_of(handle: "DeploymentHandle[Any]") -> Router | None:
    """Return the router of *handle*; None until Ray Serve has reported its deployment."""
    router: Any = handle._router  # noqa: SLF001  Ray Serve reports replicas nowhere else
    found: Router | None = router._asyncio_router.request_router  # noqa: SLF001
    return found

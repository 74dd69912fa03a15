"""What Ray Serve says of an application: whether it runs, its replicas, why it does not run."""

import re
from typing import Any

from ray import serve
from ray.serve.schema import ApplicationStatus

_REASON = re.compile(r"(?:ModelNotOpened: .+? could not be opened|NotIdentical): (.+)")
"""A replica's own reason within the traceback that Ray Serve reports."""


class Status:
    """The state of one application at one moment."""

    def __init__(self, name: str) -> None:
        """Ask Ray Serve about the application *name*. Blocks."""
        self._found = serve.status().applications.get(name)

    @property
    def exists(self) -> bool:
        """Whether Ray Serve has it."""
        return self._found is not None

    @property
    def is_running(self) -> bool:
        """Whether all its replicas are open."""
        return self._is(ApplicationStatus.RUNNING)

    @property
    def is_deleting(self) -> bool:
        """Whether it is about to be gone."""
        return self._is(ApplicationStatus.DELETING)

    @property
    def has_failed(self) -> bool:
        """Whether a replica could not open: Ray Serve does not try again."""
        return self._is(ApplicationStatus.DEPLOY_FAILED)

    @property
    def replicas(self) -> dict[str, int]:
        """How many replicas are in each of Ray Serve's states, such as `STARTING`, `RUNNING`."""
        return {
            state: count
            for deployment in self._deployments
            for state, count in deployment.replica_states.items()
        }

    @property
    def progress(self) -> str:
        """The states of its replicas, and what Ray Serve says of them."""
        states = [f"{count} {state.lower()}" for state, count in self.replicas.items()]
        return ": ".join(filter(None, [", ".join(states) or "no replica", self._messages]))

    @property
    def reason(self) -> str:
        """Why it does not run: its replica's reason, or Ray Serve's messages."""
        found = _REASON.findall(self._messages)
        return found[-1] if found else self._messages or "Ray Serve gives no reason"

    def _is(self, status: ApplicationStatus) -> bool:
        return self._found is not None and self._found.status is status

    @property
    def _deployments(self) -> tuple[Any, ...]:
        return () if self._found is None else tuple(self._found.deployments.values())

    @property
    def _messages(self) -> str:
        if self._found is None:
            return "Ray Serve does not have it"
        messages = [each.message for each in self._deployments]
        return " ".join(filter(None, [self._found.message, *messages]))

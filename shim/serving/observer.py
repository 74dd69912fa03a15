"""Declares what measures a request, for those that let it wait and run."""

from typing import Protocol


class Observer(Protocol):
    """What measures one request: a context manager around its waiting and its running.

    It must not suppress exceptions.
    """

    skipped: set[type]
    """Types of items that are not passed to `add`. It is read for every item, and may grow."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object, /
    ) -> None: ...

    def started(self) -> None:
        """Take note that the request has its slot."""

    def add(self, item: object) -> None:
        """Take note of *item*, whose type is not among the `skipped` ones."""


class NoObserver:
    """Measures nothing."""

    def __init__(self) -> None:
        self.skipped: set[type] = set()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def started(self) -> None:
        """Do nothing."""

    def add(self, item: object) -> None:
        """Do nothing."""

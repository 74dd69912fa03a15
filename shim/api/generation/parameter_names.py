"""Renames the parameter in an engine's error to the name the client used."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TypeVar

from backends.failures import InvalidRequest

T = TypeVar("T")


async def renamed(
    items: AsyncGenerator[T, None], places: Mapping[str, str]
) -> AsyncGenerator[T, None]:
    """Yield *items*; rename the field of an InvalidRequest that they raise, by *places*.

    *places* maps an engine's name of a field to the request's: `{"messages": "input"}`.
    """
    with renaming(places):
        async with aclosing(items):
            async for item in items:
                yield item


@contextmanager
def renaming(places: Mapping[str, str]) -> Iterator[None]:
    """Rename the field of an InvalidRequest raised within, by *places*, as `renamed` does."""
    try:
        yield
    except InvalidRequest as error:
        _rename(error, places)
        raise


def _rename(error: InvalidRequest, places: Mapping[str, str]) -> None:
    option = error.option or ""
    for name, place in places.items():
        # A part of a content is named by its index: `messages[1].content[0]`.
        if option == name or option.startswith(f"{name}["):
            error.option = place + option.removeprefix(name)
            error.args = (str(error).replace(f"`{option}`", f"`{error.option}`"),)
            return

"""What an engine refuses, by the names that the request has for it."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TypeVar

from backends.failures import InvalidRequest

T = TypeVar("T")


async def renamed(
    items: AsyncGenerator[T, None], places: Mapping[str, str]
) -> AsyncGenerator[T, None]:
    """Pass *items* on; a refusal of one of the *places* names its field as the request does."""
    with renaming(places):
        async with aclosing(items):
            async for item in items:
                yield item


@contextmanager
def renaming(places: Mapping[str, str]) -> Iterator[None]:
    """Let a refusal of one of the *places* name its field as the request does."""
    try:
        yield
    except InvalidRequest as error:
        _rename(error, places)
        raise


def _rename(error: InvalidRequest, places: Mapping[str, str]) -> None:
    option = error.option or ""
    for name, place in places.items():
        # A part of a content is named after it: `messages[1].content[0]`.
        if option == name or option.startswith(f"{name}["):
            error.option = place + option.removeprefix(name)
            error.args = (str(error).replace(f"`{option}`", f"`{error.option}`"),)
            return

"""What an engine refuses, by the names that the request has for it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TypeVar

from backends.failures import InvalidRequest

T = TypeVar("T")


async def renamed(
    items: AsyncGenerator[T, None], places: Mapping[str, str]
) -> AsyncGenerator[T, None]:
    """Pass *items* on; a refusal of one of the *places* names its field as the request does."""
    async with aclosing(items):
        try:
            async for item in items:
                yield item
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

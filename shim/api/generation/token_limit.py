"""Reads the limit of generated tokens, which clients send by three names on every route."""

from msgspec import Struct

from shim.errors import InvalidParameter


def token_limit(request: Struct, *names: str) -> int | None:
    """Return the limit in the fields *names* of *request*, None if all of them are null.

    Raises InvalidParameter if two of them differ.
    """
    limits = {name: limit for name in names if (limit := getattr(request, name)) is not None}
    if len(set(limits.values())) > 1:
        first, second = list(limits)[:2]
        raise InvalidParameter(f"`{first}` and `{second}` have different values.", param=second)
    return next(iter(limits.values()), None)

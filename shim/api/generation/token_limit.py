"""How many tokens an answer may have: the routes have three names for it, and clients mix them."""

from msgspec import Struct

from shim.errors import InvalidParameter


def token_limit(request: Struct, *names: str) -> int | None:
    """Return the limit that *request* sets by any of the fields *names*, None if by none.

    Raises InvalidParameter where two of them differ.
    """
    limits = {name: limit for name in names if (limit := getattr(request, name)) is not None}
    if len(set(limits.values())) > 1:
        first, second = list(limits)[:2]
        raise InvalidParameter(f"`{second}` says other than `{first}`.", param=second)
    return next(iter(limits.values()), None)

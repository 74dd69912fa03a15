"""Known parameters that are not honoured: refused by name where they would change the answer."""

from collections.abc import Mapping

from msgspec import Struct

from .errors import UnsupportedParameter


def refuse_asked(
    fields: Struct | None,
    harmless: Mapping[str, tuple[object, ...]],
    *,
    within: str = "",
    why: str = "",
) -> None:
    """Raise UnsupportedParameter for the first of *fields* that asks for anything.

    *harmless* has their names, each with the values by which nothing is asked for; *within* is
    where they stand in the body, *why* ends the message.
    """
    for name, values in harmless.items():
        value = getattr(fields, name, None)
        if value is not None and value not in values:
            param = f"{within}{name}"
            raise UnsupportedParameter(
                f"`{param}` is not supported by this server{why}.", param=param
            )

"""Decodes JSON bodies and checks them against the limits; knows no connection and no process."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from shim.errors import InvalidParameter, invalid
from shim.limits import Limits
from shim.parameters.judge import refuse_unknown, refuse_unsupported
from shim.parameters.table import names_of

from .charset import json_as_utf8
from .item_counts import refuse_too_many
from .strict import refuse

T = TypeVar("T")


class Rules(Struct, frozen=True, kw_only=True):
    """What a body is checked against."""

    limits: Limits
    strict: bool = False
    """Whether names that nobody documents are refused."""
    charset: str | None = None
    """What the body's Content-Type declares."""


def decoded(body: bytes | bytearray, kind: type[T], rules: Rules) -> T:
    """Return *body* as *kind*, strictly: `"5"` is not a number.

    Raises InvalidParameter for what *kind* does not allow and for more values than the limits
    allow, UnsupportedParameter for parameters that are not honoured and would change the answer;
    in strict mode also for names that nobody documents. Raises UnsupportedMedia for a charset that
    is unknown.
    """
    if not body:
        raise InvalidParameter("The request has no body.")
    body = json_as_utf8(body, rules.charset)
    refuse_values(body, rules.limits.json_values)
    value: T = _parsed(body, kind)
    if isinstance(value, Struct | dict):
        refuse_too_many(value, rules.limits, commas=body.count(b","))
    if isinstance(value, Struct):
        _judge(body, type(value), strict=rules.strict)
    return value


def _judge(body: bytes | bytearray, kind: type[Struct], *, strict: bool) -> None:
    """Raise UnsupportedParameter for what *body*, which is valid as *kind*, may not name."""

    def parse(derived: Any) -> Any:
        return msgspec.json.decode(body, type=derived)

    refuse_unsupported(parse, kind)
    if strict:
        # Raw: the members' values are not made a second time.
        refuse(parse(dict[str, msgspec.Raw]).keys() - names_of(kind))
        refuse_unknown(parse, kind)


def _parsed(body: bytes | bytearray, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    # The last two are for bytes that are not UTF-8, and for deep nesting.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter(f"The body could not be read as JSON: {error}.") from error


def refuse_values(body: bytes | bytearray, limit: int, *, param: str | None = None) -> None:
    """Raise InvalidParameter if *body* holds more than *limit* values, before they are made.

    A value is an item of a list or a member of an object; an empty list or object is one more.
    *param* is the field whose value the *body* is; None: a request's whole body.
    """
    if len(body) <= 2 * limit:  # the shortest value, with its comma, takes two bytes
        return
    # What escapes a quotation mark goes first: only those that delimit a string are left.
    text = body.replace(rb"\\", b"").replace(rb"\"", b"")
    pieces = text.split(b'"', 4 * limit + 1)
    outside = b"".join(pieces[::2])
    found = sum(map(outside.count, (b",", b"[", b"{")))
    # A member has two strings at most, each with two marks.
    if found > limit or len(pieces) > 4 * limit + 1:
        holder = "The body" if param is None else f"`{param}`"
        raise InvalidParameter(f"{holder} holds more than the {limit} values allowed.", param=param)

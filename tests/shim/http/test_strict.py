"""Strict mode: the setting of the server, and the header that overrides it."""

from typing import Any

import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.testing import RequestFactory

from shim.errors import InvalidParameter
from shim.http.strict import is_strict
from shim.settings import ServerSettings


def request(header: str | None, *, strict: bool) -> Any:
    """Return a request with the *header* to a server whose setting is *strict*."""
    app = Litestar(state=State({"server": ServerSettings(strict=strict)}))
    return RequestFactory(app).post(headers={} if header is None else {"X-Shim-Strict": header})


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("header", [None, ""])
async def test_the_setting(header: str | None, *, strict: bool) -> None:
    """Without the header, or with an empty one, the setting decides."""
    assert is_strict(request(header, strict=strict)) is strict


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("header", "expected"), [("true", True), ("True", True), ("false", False), ("FALSE", False)]
)
async def test_the_header(header: str, *, strict: bool, expected: bool) -> None:
    """The header decides, in any case of its letters."""
    assert is_strict(request(header, strict=strict)) is expected


@pytest.mark.parametrize("header", ["1", "yes", "tru", "true, false"])
async def test_other_values(header: str) -> None:
    """Any other value is refused, so that a misspelt one is noticed."""
    with pytest.raises(InvalidParameter, match="`true` or `false`") as refusal:
        is_strict(request(header, strict=False))

    assert refusal.value.param == "x-shim-strict"

"""Strict mode: who decides, and what is refused then."""

from typing import Any

import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.testing import RequestFactory

from shim.errors import InvalidParameter, UnsupportedParameter
from shim.http.strict import is_strict, refuse
from shim.settings import ServerSettings


def asking(said: str | None, *, strict: bool) -> Any:
    """Return a request with that header, to a server that is set so."""
    app = Litestar(state=State({"server": ServerSettings(strict=strict)}))
    return RequestFactory(app).post(headers={} if said is None else {"X-Shim-Strict": said})


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("said", [None, ""])
async def test_the_setting(said: str | None, *, strict: bool) -> None:
    """A request that says nothing is judged as the server is set."""
    assert is_strict(asking(said, strict=strict)) is strict


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("said", "meant"), [("true", True), ("True", True), ("false", False), ("FALSE", False)]
)
async def test_the_header(said: str, *, strict: bool, meant: bool) -> None:
    """A request that says something is judged so, whatever the server is set to."""
    assert is_strict(asking(said, strict=strict)) is meant


@pytest.mark.parametrize("said", ["1", "yes", "tru", "true, false"])
async def test_what_is_no_answer(said: str) -> None:
    """Whoever wanted strictness and misspelt it is told."""
    with pytest.raises(InvalidParameter, match="`true` or `false`") as refusal:
        is_strict(asking(said, strict=False))

    assert refusal.value.param == "x-shim-strict"


def test_nothing_unknown() -> None:
    """A request of known fields passes."""
    refuse(())


def test_all_that_is_unknown() -> None:
    """The refusal names all unknown fields in alphabetical order, the first as its `param`."""
    with pytest.raises(UnsupportedParameter, match=r"refused in strict mode: a, b, c\.") as refusal:
        refuse(("b", "a", "c"))

    assert refusal.value.param == "a"


def test_many_that_are_unknown() -> None:
    """Of many the first ten are named, and of a long name its ends."""
    names = {f"k{number:07}" for number in range(100_000)} | {"a" * 1_000_000}

    with pytest.raises(UnsupportedParameter) as refusal:
        refuse(names)

    message = str(refusal.value)
    assert message.endswith("k0000007, k0000008 … and 99991 more.")
    assert len(message) < 300

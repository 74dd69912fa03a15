"""What an application serves, read from its handlers."""

import pytest
from litestar import Controller, Litestar, get, post
from litestar.params import FromPath, FromQuery

from shim.api.openapi.endpoints import endpoints
from shim.api.openapi.operation import Operation


class Things(Controller):
    """Handlers in another order than that of their names."""

    path = "/things"
    opt = {"public": True}  # noqa: RUF012  Litestar reads it from the class

    @post(["/", "/v1/longer"], operation=Operation(summary="Make one."))
    async def make(self) -> None:
        """Make one."""

    @get("/{name:str}", operation=Operation(summary="Find one."))
    async def find(self, name: FromPath[str], colour: FromQuery[str | None] = None) -> None:
        """Find one."""


def test_they_come_in_the_order_of_the_source() -> None:
    """First the handler that is written first, and its longest path."""
    app = Litestar([Things], openapi_config=None)

    found = endpoints(app)

    assert [(each.method, each.path, each.operation.summary) for each in found] == [
        ("post", "/things/v1/longer", "Make one."),
        ("post", "/things", "Make one."),
        ("get", "/things/{name}", "Find one."),
    ]


def test_parameters_come_from_the_signature() -> None:
    """A parameter in the path, one in the query; the `opt` of the controller is the handler's."""
    app = Litestar([Things], openapi_config=None)

    found = endpoints(app)[-1]

    assert (found.path_parameters, found.query_parameters) == (("name",), ("colour",))
    assert found.opt["public"]


def test_no_route_is_without_an_operation() -> None:
    """A handler that is not described stops the application from being made."""

    @get("/")
    async def bare() -> None: ...

    app = Litestar([bare], openapi_config=None)

    with pytest.raises(KeyError, match="operation"):
        endpoints(app)

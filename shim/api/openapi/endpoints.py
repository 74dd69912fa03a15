"""Lists the endpoints of an application, as its handlers declare them."""

from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple, cast

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.routes import HTTPRoute

from .operation import OPT, Operation


class Endpoint(NamedTuple):
    """One method of one path."""

    method: str
    """The HTTP method, in lower case."""
    path: str
    """The path, with `{name}` for a parameter, as OpenAPI writes it."""
    path_parameters: tuple[str, ...]
    query_parameters: tuple[str, ...]
    opt: Mapping[str, Any]
    """The handler's `opt`, with those of its controller and routers."""
    operation: Operation


def endpoints(app: Litestar) -> list[Endpoint]:
    """Return the endpoints of *app* in a fixed order, which Litestar's own is not.

    Modules come in the order of registration, handlers of a module in that of its source, the paths
    of a handler from the longest to the shortest. Raises KeyError if a handler does not carry an
    Operation.
    """
    handlers = list(_handlers(app))
    modules = list(dict.fromkeys(handler.fn.__module__ for _, handler in handlers))

    def order(pair: tuple[HTTPRoute, HTTPRouteHandler]) -> tuple[int, int, int]:
        route, handler = pair
        line = cast("FunctionType", handler.fn).__code__.co_firstlineno
        return modules.index(handler.fn.__module__), line, -len(route.path)

    return [
        Endpoint(
            method=method.lower(),
            path=route.path_format,
            path_parameters=tuple(route.path_parameters),
            query_parameters=tuple(_query_parameters(handler)),
            opt=handler.opt,
            operation=handler.opt[OPT],
        )
        for route, handler in sorted(handlers, key=order)
        for method in sorted(handler.http_methods)
    ]


def _handlers(app: Litestar) -> Iterator[tuple[HTTPRoute, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if "OPTIONS" not in handler.http_methods:  # these are Litestar's own
                    yield route, handler


def _query_parameters(handler: HTTPRouteHandler) -> Iterator[str]:
    for name, field in handler.parsed_fn_signature.parameters.items():
        if isinstance(field.kwarg_definition, QueryParameter):
            yield field.kwarg_definition.name or name

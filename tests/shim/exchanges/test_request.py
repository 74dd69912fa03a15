"""Which requests are the same, what is kept of them, and how two differ."""

import io
from typing import Any

import pytest

from shim.exchanges.nearest import nearest
from shim.exchanges.request import Request, head, received


def of(body: bytes, path: str = "/v1/x", query: bytes = b"", **headers: str) -> Request:
    """Return the request with *body*; an underscore of a header's name is a hyphen."""
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": query,
        "headers": [(name.replace("_", "-").encode(), headers[name].encode()) for name in headers],
    }
    return received(head(scope), io.BytesIO(body))


ONE = of(b'{"model": "m", "n": 1}', content_type="application/json")


@pytest.mark.parametrize(
    "same",
    [
        of(b'{ "n":1,"model":"m" }', content_type="application/json; charset=utf-8"),
        of(
            b'{"model": "m", "n": 1}',
            content_type="application/json",
            user_agent="other",
            authorization="Bearer k",
            x_stainless_retry_count="1",
        ),
        of(b'{"model": "m", "n": 1}', query=b"api_key=k", content_type="application/json"),
    ],
    ids=["order", "headers", "key"],
)
def test_the_same(same: Request) -> None:
    """The order of members, the client and its key do not matter."""
    assert same.digest == ONE.digest


@pytest.mark.parametrize(
    "other",
    [
        of(b'{"model": "m", "n": 2}', content_type="application/json"),
        of(b'{"model": "m", "n": 1.0}', content_type="application/json"),
        of(b'{"model": "m", "n": 1}', "/v1/y", content_type="application/json"),
        of(b'{"model": "m", "n": 1}', query=b"limit=2", content_type="application/json"),
        of(b'{"model": "m", "n": 1}', content_type="application/json", x_shim_strict="true"),
        of(b"", content_type="application/json"),
    ],
    ids=["value", "type", "path", "query", "header", "nothing"],
)
def test_another(other: Request) -> None:
    """A value, a path, a parameter or a header of Shim's own makes another request."""
    assert other.digest != ONE.digest


def test_no_key_is_kept() -> None:
    """Of a request's head only listed headers are kept, and no parameter that may be secret."""
    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/v1/models",
        "query_string": b"api-key=SECRET&limit=1&access_token=SECRET",
        "headers": [
            (name, b"SECRET")
            for name in (b"authorization", b"api-key", b"cookie", b"x-api-key", b"x-other")
        ],
    }

    assert "SECRET" not in repr(head(scope))
    assert head(scope).query == [("limit", "1")]


def test_the_nearest() -> None:
    """The difference names the first field of the request with the fewest, and both values."""
    here = of(b'{"messages": [{"role": "user", "content": "a"}], "n": 1}')
    near = of(b'{"messages": [{"role": "user", "content": "b"}], "n": 1}')
    far = of(b'{"messages": [], "n": 2}')

    difference = nearest(here, [far, near])

    assert difference is not None
    assert str(difference) == "`messages[0].content` is 'a' here, and 'b' there"
    assert nearest(here, []) is None


def test_a_field_that_is_missing() -> None:
    """A field that only one of them has is said to be missing in the other."""
    difference = nearest(of(b'{"a": 1, "seed": 3}'), [of(b'{"a": 2}')])

    assert str(difference) == "`a` is 1 here, and 2 there, and 1 more differ"
    assert str(nearest(of(b'{"a": 1}'), [of(b'{"a": 1, "b": 2}')])) == (
        "`b` is nothing here, and 2 there"
    )

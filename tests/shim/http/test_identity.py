"""The identity of requests: equal for attempts of one client, different for all others."""

from typing import Any

import pytest

from shim.http.identity import RequestIdentity

FORM = b'--%b\r\ncontent-disposition: form-data; name="a"\r\n\r\n%b\r\n--%b--\r\n'


def identity(body: bytes = b"", *, size: int = 1 << 20, **headers: str) -> tuple[bytes, bytes]:
    """Return the identity of a request whose body arrives in pieces of *size* bytes."""
    sent = {"authorization": "Bearer k", "content-type": "application/json", **headers}
    scope: Any = {
        "path": "/v1/x",
        "query_string": b"",
        "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in sent.items()],
    }
    request = RequestIdentity(scope)
    for start in range(0, len(body), size):
        request.add(body[start : start + size])
    return request.whole


def form(boundary: str, value: bytes = b"v", size: int = 1 << 20) -> tuple[bytes, bytes]:
    """Return the identity of a form with that *boundary*."""
    body = FORM % (boundary.encode(), value, boundary.encode())
    media = f'multipart/form-data; boundary="{boundary}"'
    return identity(body, size=size, **{"content-type": media})


@pytest.mark.parametrize("size", [1, 2, 7, 16, 33, 1 << 20])
def test_boundaries(size: int) -> None:
    """Forms are the same with other boundaries, and in other pieces."""
    assert form("f00dcafe", size=size) == form("5ca1ab1e5ca1ab1e")
    assert form("f00dcafe", size=size) != form("f00dcafe", value=b"w")


@pytest.mark.parametrize("name", ["authorization", "api_key", "x_shim_strict", "x_shim_fault"])
def test_headers_that_matter(name: str) -> None:
    """Another key, or a header that changes the answer, makes another request."""
    assert identity(b"{}", **{name: "other"}) != identity(b"{}")


def test_headers_that_do_not() -> None:
    """Headers that differ between two attempts make no difference."""
    assert identity(b"{}", x_stainless_retry_count="1", traceparent="a") == identity(b"{}")


def test_bodies() -> None:
    """The body matters, its pieces do not."""
    assert identity(b"{abc}", size=2) == identity(b"{abc}")
    assert identity(b"{abd}") != identity(b"{abc}")

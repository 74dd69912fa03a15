"""Which headers pass in either direction, and where event streams are cut."""

from hypothesis import given
from hypothesis import strategies as st

from backends.config import RemoteModelConfig, Upstream, without_keys
from backends.remote.events import EventSplitter
from backends.remote.headers import to_client, to_upstream


def test_to_the_server() -> None:
    """The client's key, cookies and what concerns one connection stay here; all else passes."""
    headers = [
        (b"host", b"here"),
        (b"connection", b"keep-alive, X-Private"),
        (b"x-private", b"1"),
        (b"keep-alive", b"timeout=5"),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"10"),
        (b"content-encoding", b"gzip"),
        (b"accept-encoding", b"gzip, br"),
        (b"authorization", b"Bearer sk-client"),
        (b"api-key", b"sk-client"),
        (b"cookie", b"a=b"),
        (b"content-type", b"application/json"),
        (b"user-agent", b"OpenAI/Python"),
        (b"traceparent", b"00-1-2-01"),
        (b"x-stainless-retry-count", b"1"),
        (b"openai-organization", b"org"),
        (b"x-request-id", b"req_1"),
    ]

    passed = dict(to_upstream(headers, key="sk-theirs"))

    assert passed == {
        "content-type": "application/json",
        "user-agent": "OpenAI/Python",
        "traceparent": "00-1-2-01",
        "x-stainless-retry-count": "1",
        "openai-organization": "org",
        "x-request-id": "req_1",
        "accept-encoding": "identity",
        "authorization": "Bearer sk-theirs",
    }
    assert "authorization" not in dict(to_upstream(headers, key=None))


def test_to_the_client() -> None:
    """A server's id gets another name; its limits, cookies and connection are not the client's."""
    headers = [
        (b"Content-Type", b"text/event-stream"),
        (b"Connection", b"close"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Server", b"uvicorn"),
        (b"Date", b"now"),
        (b"Set-Cookie", b"a=b"),
        (b"Access-Control-Allow-Origin", b"*"),
        (b"X-RateLimit-Remaining-Requests", b"0"),
        (b"X-Request-Id", b"req_2"),
        (b"Retry-After", b"3"),
        (b"x-should-retry", b"true"),
        (b"openai-processing-ms", b"5"),
        (b"x-shim-manifest", b"abc"),
        (b"x-shim-upstream", b"http://deeper"),
    ]

    assert dict(to_client(headers)) == {
        b"content-type": b"text/event-stream",
        b"x-upstream-request-id": b"req_2",
        b"retry-after": b"3",
        b"x-should-retry": b"true",
        b"openai-processing-ms": b"5",
        b"x-shim-manifest": b"abc",
    }


lines = st.sampled_from([b"data: a", b"event: b", b": c", b"data: \xc3\xa9", b"data"])
ends = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b"\r\n"])


@given(st.lists(st.tuples(lines, ends)), st.lists(st.integers(1, 9), min_size=1))
def test_events_are_whole(events: list[tuple[bytes, bytes]], sizes: list[int]) -> None:
    """However a stream is divided, each piece ends with a blank line, and all pieces are it."""
    stream = b"".join(line + end for line, end in events)
    splitter = EventSplitter()
    pieces, start, turn = [], 0, 0
    while start < len(stream):
        size = sizes[turn % len(sizes)]
        pieces.append(splitter.feed(stream[start : start + size]))
        start, turn = start + size, turn + 1

    assert b"".join(pieces) + splitter.rest == stream
    assert all(piece.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) for piece in pieces if piece)


def test_keys_are_not_shown() -> None:
    """The repr of a configuration has no key, and its fingerprint does not depend on it."""
    model = RemoteModelConfig(
        id="m", upstreams=(Upstream(url="http://a/v1", key="sk-secret", weight=2),)
    )

    assert "sk-secret" not in repr(model)
    assert without_keys(model).upstreams == (Upstream(url="http://a/v1", weight=2),)

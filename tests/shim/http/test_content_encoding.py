"""Compressed bodies: in pieces of any size, limited, and refused if they are not valid."""

import gzip
import zlib
from collections.abc import AsyncGenerator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.errors import InvalidParameter, TooLarge, UnsupportedCoding, describe
from shim.http.content_encoding import coding, decompressed

LIMIT = 1 << 20


def raw_deflate(body: bytes) -> bytes:
    """Return *body* compressed without a zlib header."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def in_members(body: bytes) -> bytes:
    """Return *body* as two gzip members with an empty one between them."""
    return gzip.compress(body[:7]) + gzip.compress(b"") + gzip.compress(body[7:])


PACKERS = [
    ("gzip", gzip.compress),
    ("gzip", in_members),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
]


async def read(packed: bytes, name: str, size: int = 100_000, limit: int = LIMIT) -> bytes:
    """Return *packed* decompressed; it arrives in chunks of *size* bytes."""

    async def chunks() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(packed), size):
            yield packed[start : start + size]
        yield b""

    return b"".join([piece async for piece in decompressed(chunks(), name, limit)])


@pytest.mark.parametrize(("name", "pack"), PACKERS)
@given(body=st.binary(max_size=200) | st.just(bytes(300_000)), size=st.integers(1, 400))
async def test_any_pieces(
    name: str, pack: Callable[[bytes], bytes], body: bytes, size: int
) -> None:
    """A compressed body decompresses to the same bytes, in whatever pieces it arrives."""
    assert await read(pack(body), name, size) == body


async def test_nothing() -> None:
    """No bytes are an empty body."""
    assert await read(b"", "gzip") == b""


@pytest.mark.parametrize(("name", "pack"), PACKERS)
async def test_bombs(name: str, pack: Callable[[bytes], bytes]) -> None:
    """A body that decompresses to more than the limit is refused a little above it."""
    with pytest.raises(TooLarge) as refusal:
        await read(pack(bytes(50_000_000)), name)

    assert describe(refusal.value)[0].status == 413
    read_bytes = int(str(refusal.value).split("(")[-1].split()[0])
    assert LIMIT < read_bytes <= LIMIT + (1 << 16)


async def test_a_long_bomb() -> None:
    """Below a high limit, a body that decompresses to many times its size is refused too."""
    with pytest.raises(TooLarge) as refusal:
        await read(zlib.compress(bytes(80 << 20)), "deflate", limit=1 << 30)

    assert int(str(refusal.value).split("(")[1].split(")")[0]) < 70 << 20


async def test_empty_members() -> None:
    """A body of very many empty members is refused."""
    with pytest.raises(InvalidParameter, match="more than 10000 members"):
        await read(gzip.compress(b"") * 100_000, "gzip")


@pytest.mark.parametrize(("name", "pack"), PACKERS)
async def test_damage(name: str, pack: Callable[[bytes], bytes]) -> None:
    """A body that is cut, has bytes after its end, or is not compressed is refused."""
    whole = pack(b"a body of some length")
    for damaged in (whole[:-1], whole[:1], whole + b"more", b'{"model": "m"}', whole[::-1]):
        with pytest.raises(InvalidParameter, match=f"not valid {name}"):
            await read(damaged, name)


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([], None),
        ([""], None),
        (["identity"], None),
        (["gzip"], "gzip"),
        (["GZIP"], "gzip"),
        (["x-gzip"], "gzip"),
        (["identity, gzip "], "gzip"),
        (["deflate"], "deflate"),
    ],
)
def test_codings(headers: list[str], name: str | None) -> None:
    """The coding may be in any case of letters; `identity` means none."""
    assert coding(headers) == name


@pytest.mark.parametrize(
    "headers", [["br"], ["zstd"], ["gzip, gzip"], ["gzip", "br"], ["compress"], ["aws-chunked"]]
)
def test_other_codings(headers: list[str]) -> None:
    """Any other coding is refused by name, with the supported ones (RFC 9110, 15.5.16)."""
    with pytest.raises(UnsupportedCoding, match=headers[-1]) as refusal:
        coding(headers)

    failure, _ = describe(refusal.value)
    assert (failure.status, failure.headers) == (415, {"accept-encoding": "gzip, deflate"})

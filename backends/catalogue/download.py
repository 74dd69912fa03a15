"""Downloads a file, goes on where an interrupted download ended, and verifies its SHA-256."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import backoff
import httpx

from .failures import NotReachable, WrongHash

Advance = Callable[[int], None]
"""A function that takes the number of bytes that have arrived since its last call."""

_CHUNK = 1 << 20
_TRIES = 4
"""Tries of a download whose connection breaks. Each goes on where the one before ended."""


def download(
    client: httpx.Client, url: str, to: Path, *, size: int, sha256: str, advance: Advance
) -> None:
    """Write the *size* bytes at *url* to the file *to*, which appears only when they are verified.

    What has arrived lies in `NAME.part` beside it until then. Raises NotReachable, WrongHash and
    OSError.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f"{to.name}.part")
    retrying = backoff.on_exception(
        backoff.expo, httpx.TransportError, max_tries=_TRIES, giveup=_is_hopeless, logger=None
    )
    try:
        digest = retrying(_fetch)(client, url, part, size, advance)
    except httpx.HTTPError as error:
        raise NotReachable(f"{server(url)} does not send {to.name}: {reason(error)}") from error
    if digest != sha256:
        part.unlink()
        raise WrongHash(f"{to.name} from {server(url)} has the SHA-256 {digest}, not {sha256}")
    part.replace(to)


def _is_hopeless(error: Exception) -> bool:
    """Return whether the server was not reached at all."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


def _fetch(client: httpx.Client, url: str, part: Path, size: int, advance: Advance) -> str:
    """Append to *part* what it lacks of *size* bytes, and return the hex digest of the whole."""
    digest = hashlib.sha256()
    there = 0
    if part.exists():
        if part.stat().st_size > size:
            part.unlink()
        else:
            there = _hashed(part, digest)
    advance(there)
    if there == size:
        return digest.hexdigest()
    headers = {"Range": f"bytes={there}-"} if there else {}
    with client.stream("GET", url, headers=headers) as response:
        response.raise_for_status()
        if there and response.status_code != httpx.codes.PARTIAL_CONTENT:
            # The server sends the whole file: what is there already is fetched again.
            advance(-there)
            there, digest = 0, hashlib.sha256()
        with part.open("ab" if there else "wb") as file:
            for chunk in response.iter_raw():
                there += len(chunk)
                if there > size:
                    break
                file.write(chunk)
                digest.update(chunk)
                advance(len(chunk))
    if there != size:
        # Not to be gone on with: the file at this address is another one.
        part.unlink()
        raise httpx.HTTPError(f"it has {there:,} bytes or more, not {size:,}")
    return digest.hexdigest()


def _hashed(file: Path, digest: "hashlib._Hash") -> int:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
        return stream.tell()


def server(url: str) -> str:
    """Return the host of *url*, without a name and a password."""
    return urlsplit(url).hostname or url


def reason(error: httpx.HTTPError) -> str:
    """Return why a request failed, on one line, without the address."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"status {error.response.status_code}"
    return " ".join(str(error).split()) or type(error).__name__

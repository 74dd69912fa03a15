"""Folders of clips with transcripts.

The transcript of `a.wav` is `a.txt` beside it, or in the form of LibriSpeech (Panayotov et al.
2015) a line `a TRANSCRIPT` in a file `*.trans.txt` beside it. Folders in the folder are read too;
files and folders whose names begin with a dot are not. A clip's id is its path in the folder,
without the suffix; the samples are in the order of their ids.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from evals.dataset.manifest import FORM
from evals.dataset.record import Record
from evals.failures import ManifestError

AUDIO = {
    *(".aac", ".aif", ".aiff", ".amr", ".caf", ".flac", ".m4a", ".mka", ".mp3", ".mp4", ".mpeg"),
    *(".mpga", ".oga", ".ogg", ".opus", ".wav", ".webm", ".wma"),
}
"""The suffixes of clips."""
LISTS = ("*.jsonl", "*.csv", "*.tsv")
"""The names of files that can be data sets of their own."""
TRANSCRIPTS = ".trans.txt"
"""The end of the name of a file with the transcripts of several clips."""
SHOWN = 3
"""Most names in a message."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A clip and its transcript; *clip* is relative to the folder."""

    id: str
    clip: Path
    text: str


def pairs(folder: Path) -> list[Pair]:
    """Return the clips of *folder* with their transcripts.

    Raises ManifestError if there is no clip, a clip without a transcript or the other way round,
    or two clips of one name.
    """
    try:
        files = _visible(folder)
        clips = sorted(file for file in files if file.suffix.lower() in AUDIO)
        texts = _texts(folder, files)
    except OSError as error:
        raise ManifestError(f"{error.filename}: {error.strerror}") from error
    ids = Counter(_id(clip) for clip in clips)
    if not clips or not texts:
        raise ManifestError(_explained(folder, clips))
    _refuse(folder, "two clips have this name", [name for name, times in ids.items() if times > 1])
    _refuse(folder, "no transcript for", [str(clip) for clip in clips if _id(clip) not in texts])
    _refuse(folder, "no clip for", [str(texts[name][0]) for name in texts if name not in ids])
    found = [Pair(id=_id(clip), clip=clip, text=texts[_id(clip)][1]) for clip in clips]
    return sorted(found, key=lambda pair: pair.id)


def records(folder: Path, found: Sequence[Pair]) -> Iterator[Record]:
    """Yield a record for each pair."""
    for pair in found:
        fields = {"audio": str(pair.clip), "target": pair.text}
        yield Record(place=str(folder / pair.clip), id=pair.id, fields=fields)


def sha256(folder: Path, found: Sequence[Pair]) -> str:
    """Return the SHA-256 of a JSON list of [clip, transcript, SHA-256 of the clip's bytes]."""
    rows = []
    for pair in found:
        with (folder / pair.clip).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows.append([pair.clip.as_posix(), pair.text, digest])
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()


def _visible(folder: Path) -> list[Path]:
    relative = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in relative if not any(part[0] == "." for part in path.parts))


def _id(clip: Path) -> str:
    return clip.with_suffix("").as_posix()


def _texts(folder: Path, files: Sequence[Path]) -> dict[str, tuple[Path, str]]:
    """Return the transcripts by the ids of their clips, each with the file that has it."""
    texts: dict[str, tuple[Path, str]] = {}
    for file in files:
        if file.name.endswith(TRANSCRIPTS):
            lines = filter(None, _text(folder / file).splitlines())
            for name, _, text in (line.partition(" ") for line in lines):
                texts[(file.parent / name).as_posix()] = file, text.strip()
        elif file.suffix == ".txt":
            texts[_id(file)] = file, _text(folder / file)
    return texts


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not a text in UTF-8: {error}") from error


def _refuse(folder: Path, fault: str, names: list[str]) -> None:
    """Raise ManifestError if there are *names*; the message has the first few."""
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise ManifestError(f"{folder}: {fault} {', '.join(names[:SHOWN])}{more}")


def _explained(folder: Path, clips: Sequence[Path]) -> str:
    """Return what is missing in *folder*, and what it could have been."""
    lists = sorted(file.name for form in LISTS for file in folder.glob(form))[:SHOWN]
    inside = f", as {' or '.join(lists)} in it" if lists else ""
    if lists and clips:
        return f"{folder} has {len(clips)} clips and no transcripts: name a list of them{inside}"
    if lists:
        return f"{folder} is a folder: name a manifest{inside}{FORM}"
    if clips:
        return (
            f"{folder} has {len(clips)} clips and no transcripts: put a text file beside each, as"
            f" {clips[0].with_suffix('.txt')} beside {clips[0]}, or name a manifest or a table"
        )
    return f"{folder} has no clips: expected clips with a text file beside each, as a.txt and a.wav"

"""Folders of clips with transcripts: what is paired, and how another folder is refused."""

from pathlib import Path

import pytest

from evals.dataset import Clip, Columns, load
from evals.failures import ManifestError


def write(folder: Path, **texts: str) -> Path:
    """Write files into *folder*: their names have `__` for `/` and `_` for `.`."""
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Write three clips with transcripts, in the forms that are known, and hidden files."""
    return write(
        tmp_path / "speech",
        b_wav="bytes",
        b_txt="\ufeff turn on \n",
        a__7__1_FLAC="more",
        a__7__1_txt="two\nlines\n",
        a__8__c_flac="bytes",
        a__8__8_trans_txt="c THE LIGHT\n",
        _hidden_wav="",
        _git__d_wav="",
    )


def test_pairs(speech: Path) -> None:
    """A clip is called by its path, and has the text beside it, or its line of LibriSpeech's."""
    found = load(speech)

    assert found.samples == [
        Clip(index=at, id=name, target=text, metadata={}, audio=speech / audio, language=None)
        for at, (name, text, audio) in enumerate(
            [
                ("a/7/1", "two\nlines", "a/7/1.FLAC"),
                ("a/8/c", "THE LIGHT", "a/8/c.flac"),
                ("b", "turn on", "b.wav"),
            ]
        )
    ]
    assert found.name == "speech"


def test_the_folder_one_is_in(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.` has the name of the folder that it is."""
    monkeypatch.chdir(speech)

    assert load(".", limit=1).name == "speech"


@pytest.mark.parametrize("change", [{"b_wav": "other"}, {"b_txt": "turn off"}, {"d_wav": "1"}])
def test_the_hash(change: dict[str, str], speech: Path) -> None:
    """It changes with a clip's bytes, a text and a name, and not with the place or the limit."""
    before = load(speech).sha256
    moved = speech.rename(speech.with_name("moved"))
    assert load(moved, limit=1).sha256 == before

    write(moved, d_txt="b", **change) if "d_wav" in change else write(moved, **change)

    assert load(moved).sha256 != before


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"z_wav": ""}, "no transcript for z.wav"),
        ({f"{name}_wav": "" for name in "vwxyz"}, "transcript for v.wav, w.wav, x.wav and 2 more"),
        ({"README_txt": ""}, "no clip for README.txt"),
        ({"a__8__9_trans_txt": "d THE DOOR"}, "no clip for a/8/9.trans.txt"),
        ({"b_mp3": ""}, "two clips have this name b"),
    ],
)
def test_what_has_no_partner(files: dict[str, str], fault: str, speech: Path) -> None:
    """It is refused by name."""
    write(speech, **files)

    with pytest.raises(ManifestError, match=fault):
        load(speech)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"a_wav": "", "b_wav": ""}, "2 clips and no transcripts: .* as a.txt beside a.wav"),
        ({"a_wav": "", "metadata_csv": ""}, r"name a list of them, as metadata\.csv in it"),
        ({"a_txt": ""}, "has no clips: expected clips with a text file beside each"),
    ],
)
def test_what_is_expected_is_shown(files: dict[str, str], fault: str, tmp_path: Path) -> None:
    """A folder without transcripts or without clips is refused with what would be right."""
    write(tmp_path, **files)

    with pytest.raises(ManifestError, match=fault):
        load(tmp_path)


def test_other_encodings(speech: Path) -> None:
    """A transcript that is not UTF-8 is named."""
    (speech / "b.txt").write_bytes(b"\xfft\0u\0r\0n\0")

    with pytest.raises(ManifestError, match=r"b\.txt is not a text in UTF-8"):
        load(speech)


def test_columns_are_of_tables(speech: Path) -> None:
    """A folder has none."""
    with pytest.raises(ManifestError, match="are for tables"):
        load(speech, columns=Columns(audio="clip"))

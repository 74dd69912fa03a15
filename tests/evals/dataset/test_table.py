"""Tables: the columns that are read, and how another file is refused."""

from pathlib import Path

import pytest

from evals.dataset import Clip, Columns, Dialogue, MultipleChoice, load
from evals.failures import ManifestError


def table(folder: Path, text: str, name: str = "clips.csv") -> Path:
    """Write a table."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", 'file_name,transcription,age\r\nsilence.wav,"on, ""now""",7\r\n'),
        ("v.TSV", '\ufeffpath\tsentence\tage\tlanguage\nsilence.wav\t"on, ""now"""\t7\t\n'),
        ("clips.csv", 'age, text ,audio,id\n\n7,"on, ""now""",silence.wav,\n'),
    ],
)
def test_clips(name: str, text: str, tmp_path: Path, wav: Path) -> None:
    """Clips and texts are found by the usual names; the other columns are kept as they are."""
    [sample] = load(table(tmp_path, text, name)).samples

    assert isinstance(sample, Clip)
    assert (sample.audio, sample.target, sample.metadata) == (wav, 'on, "now"', {"age": "7"})
    assert sample.language is None


def test_ids_and_languages(tmp_path: Path, wav: Path) -> None:
    """A row may have both; without an id it is called by its line."""
    path = table(
        tmp_path, f'id,audio,text,language\nx,{wav.name},a,de\n,{wav.name},"two\nlines",\n'
    )

    samples = load(path).samples

    assert [(s.id, s.language) for s in samples if isinstance(s, Clip)] == [
        ("x", "de"),
        ("4", None),
    ]


def test_named_columns(tmp_path: Path, wav: Path) -> None:
    """Other names are given by the user, and count before the usual ones."""
    path = table(tmp_path, f"clip,text,said\n{wav.name},wrong,right\n")

    [sample] = load(path, columns=Columns(audio="clip", text="said")).samples

    assert (sample.target, sample.metadata) == ("right", {"text": "wrong"})


def test_questions(tmp_path: Path) -> None:
    """A question is a user's message; `target` is the usual name of an answer too."""
    [sample] = load(table(tmp_path, "question,target,level\n2+2=,4,1\n")).samples

    assert isinstance(sample, Dialogue)
    assert sample.messages == [{"role": "user", "content": "2+2="}]
    assert (sample.target, sample.metadata) == ("4", {"level": "1"})


@pytest.mark.parametrize(("target", "right"), [("b", "b"), ("1", "b")])
def test_choices(target: str, right: str, tmp_path: Path) -> None:
    """Choices are a JSON list in a field; the target is one of them, or its index."""
    path = table(tmp_path, f'prompt,choices,answer\nQ,"[""a"", ""b""]",{target}\n')

    [sample] = load(path).samples

    assert isinstance(sample, MultipleChoice)
    assert (sample.prompt, sample.target) == ("Q", right)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", r"clips\.csv: the columns are missing; expected one of audio, file"),
        ("audio,words\n", r"clips\.csv: the columns are audio, words; expected one of"),
        ("audio,text,text\n", "two columns have the same name"),
        ("audio,text\n", "no samples"),
        ("audio,text\nsilence.wav,a\nsilence.wav\n", r"clips\.csv:3: 1 fields, but the header"),
        ("audio,text\nsilence.wav,a,b\n", r"clips\.csv:2: 3 fields, but the header has 2"),
        ("audio,text\ngone.wav,a\n", r"clips\.csv:2: No such file: .*gone\.wav"),
        ("audio,text\n,a\n", r"clips\.csv:2: .*length >= 1"),
        ('audio,text\nsilence.wav,"a\n', r"clips\.csv:2: unexpected end of data"),
        ("id,audio,text\nx,silence.wav,a\nx,silence.wav,b\n", r"csv:2 already has the id 'x'"),
        ("prompt,choices,answer\nQ,a|b,a\n", r"csv:2: the choices are a JSON list like"),
    ],
    ids=range(11),
)
def test_a_bad_row_is_refused(text: str, fault: str, tmp_path: Path, wav: Path) -> None:
    """It is refused with file and line, a bad header with the names that are expected."""
    assert wav.exists()

    with pytest.raises(ManifestError, match=fault) as refusal:
        load(table(tmp_path, text))

    assert "\n" not in str(refusal.value)


def test_a_named_column_that_is_missing(tmp_path: Path) -> None:
    """The message has the names that there are."""
    path = table(tmp_path, "audio,text\n")

    with pytest.raises(ManifestError, match="no column 'said' among audio, text"):
        load(path, columns=Columns(text="said"))


def test_other_encodings(tmp_path: Path) -> None:
    """A table that is not UTF-8 is named."""
    path = tmp_path / "clips.csv"
    path.write_bytes("audio,text\na,ä\n".encode("latin-1"))

    with pytest.raises(ManifestError, match="is not a text in UTF-8"):
        load(path)

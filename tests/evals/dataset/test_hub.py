"""Data sets of the hub, from a local server in its place, with real Parquet files."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.dataset import Clip, Columns, Dialogue, MultipleChoice, hub, load
from evals.failures import ManifestError
from tests.evals.dataset.fake_hub import COMMIT, FakeHub

pa = pytest.importorskip("pyarrow", reason="pyarrow, of requirements/test.in, is missing")
parquet = pytest.importorskip("pyarrow.parquet")


def table(*rows: dict[str, Any]) -> bytes:
    """Return *rows* as a Parquet file."""
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows)), file)
    return file.getvalue()


def clip(content: bytes, path: str | None) -> dict[str, Any]:
    """Return a clip in the hub's form."""
    return {"bytes": content, "path": path}


SPEECH = [
    {"audio": clip(b"one", "a.flac"), "text": "ONE", "speaker": 7, "id": "x-1"},
    {"audio": clip(b"two", "b.flac"), "text": "TWO", "speaker": 8, "id": "x-2"},
]
THIRD = {"audio": clip(b"three", None), "text": "THREE", "speaker": 9, "id": None}
FILES = {
    "clean/test/0000.parquet": table(*SPEECH),
    "clean/test/0001.parquet": table(THIRD),
    "clean/train/0000.parquet": table(*SPEECH),
    "other/partial-train/0000.parquet": b"not a Parquet file",
}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Serve clips in two configs, and keep what is fetched in a folder of the test."""
    with FakeHub(dict(FILES)) as server:
        constants = {
            "ENDPOINT": server.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": f"{server.address}/{{repo_id}}/resolve/{{revision}}"
            "/{filename}",
            "HF_HUB_CACHE": str(tmp_path / "hub"),
            "HF_ASSETS_CACHE": str(tmp_path / "assets"),
        }
        for name, value in constants.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", server.address)
        yield server


@pytest.mark.usefixtures("served")
def test_clips() -> None:
    """Clips are written to files, which keep their kind; other columns are kept."""
    found = load("hf:owner/set:clean:test")

    clips = [sample for sample in found.samples if isinstance(sample, Clip)]
    assert [(c.id, c.target, c.audio.read_bytes(), c.audio.suffix) for c in clips] == [
        ("x-1", "ONE", b"one", ".flac"),
        ("x-2", "TWO", b"two", ".flac"),
        ("2", "THREE", b"three", ".wav"),
    ]
    assert [c.metadata for c in clips] == [{"speaker": 7}, {"speaker": 8}, {"speaker": 9}]
    assert (found.name, found.source) == ("set-test", "hf:owner/set:clean:test")


def test_only_what_is_needed_is_fetched(served: FakeHub) -> None:
    """A limit ends the fetching; a second load fetches nothing, and has the same hash."""
    limited = load("hf:owner/set:clean:test", limit=2)
    once = list(served.fetched)
    whole = load("hf:owner/set:clean:test")
    load("hf:owner/set:clean:test")

    assert once == ["clean/test/0000.parquet"]
    assert served.fetched == ["clean/test/0000.parquet", "clean/test/0001.parquet"]
    assert limited.sha256 == whole.sha256


def test_the_hash_is_of_the_files(served: FakeHub) -> None:
    """It changes with the content of a file of the split, not with that of another."""
    before = load("hf:owner/set:clean:test", limit=1).sha256
    served.files["clean/train/0000.parquet"] = table(THIRD)
    same = load("hf:owner/set:clean:test", limit=1).sha256

    served.files["clean/test/0001.parquet"] = table(THIRD | {"text": "FREE"})

    assert same == before
    assert load("hf:owner/set:clean:test", limit=1).sha256 != before


def test_half_a_clip_is_written_again(served: FakeHub) -> None:
    """A clip that a killed run has left short is replaced."""
    [first] = load("hf:owner/set:clean:test", limit=1).samples
    assert isinstance(first, Clip)
    first.audio.write_bytes(b"o")

    load("hf:owner/set:clean:test", limit=1)

    assert first.audio.read_bytes() == b"one"
    assert served.fetched


@pytest.mark.parametrize(
    ("files", "source", "split"),
    [
        (["a/test/0.parquet"], "hf:owner/set", "a:test"),
        (["a/x/0.parquet"], "hf:owner/set", "a:x"),
        (["a/test/0.parquet", "a/train/0.parquet"], "hf:owner/set", "a:test"),
        (["a/test/0.parquet", "a/train/0.parquet"], "hf:owner/set:train", "a:train"),
        (["a/test/0.parquet", "default/test/0.parquet"], "hf:owner/set:test", "default:test"),
        (["a/test/0.parquet", "default/test/0.parquet"], "hf:owner/set:a:test", "a:test"),
        (["a/partial-train/0.parquet"], "hf:owner/set:partial-train", "a:partial-train"),
    ],
)
def test_the_split(files: list[str], source: str, split: str, served: FakeHub) -> None:
    """Config and split are named, or `default` and `test`, or the only ones."""
    served.files = dict.fromkeys(files, b"")

    found = hub.open_split(source)

    assert (f"{found.config}:{found.split}", found.commit) == (split, COMMIT)


def test_questions_and_choices(served: FakeHub) -> None:
    """A list of choices makes a question with choices; else the answer is a text."""
    choices = table({"question": "2+2=", "choices": ["3", "4"], "answer": 1, "subject": "sums"})
    served.files = {
        "default/test/0.parquet": choices,
        "default/sums/0.parquet": table({"question": "2+2=", "answer": 4}),
    }

    [chosen] = load("hf:owner/set").samples
    [written] = load("hf:owner/set:sums").samples

    assert isinstance(chosen, MultipleChoice)
    assert (chosen.prompt, chosen.target, chosen.metadata) == ("2+2=", "4", {"subject": "sums"})
    assert isinstance(written, Dialogue)
    assert (written.question, written.target) == ("2+2=", "4")


@pytest.mark.parametrize(
    ("source", "columns", "fault"),
    [
        ("hf:owner/gone", Columns(), "hf:owner/gone: 404 Client Error"),
        ("hf:", Columns(), "expected hf:NAME, hf:NAME:SPLIT or hf:NAME:CONFIG:SPLIT"),
        ("hf:a:b:c:d", Columns(), "expected hf:NAME"),
        ("hf:a b", Columns(), "hf:a b: "),
        ("hf:owner/set", Columns(), "CONFIG:SPLIT it has clean:test, clean:train, other:partial-"),
        ("hf:owner/set:clean:dev", Columns(), "as CONFIG:SPLIT it has clean:test"),
        ("hf:owner/set:clean:test", Columns(text="said"), "no column 'said' among audio, text"),
        ("hf:owner/set:clean:test", Columns(audio="text"), r"row 0: no clip in 'text': 'ONE'"),
        ("hf:owner/set:other:partial-train", Columns(), "0000.parquet: Parquet magic bytes"),
    ],
    ids=range(9),
)
@pytest.mark.usefixtures("served")
def test_what_cannot_be_read(source: str, columns: Columns, fault: str) -> None:
    """It is refused in one line, which shows what there is."""
    with pytest.raises(ManifestError, match=fault) as refusal:
        load(source, columns=columns)

    assert "\n" not in str(refusal.value)


def test_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the message is one line."""
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", "http://127.0.0.1:9")

    with pytest.raises(ManifestError, match=r"hf:owner/set: .*Connection refused"):
        load("hf:owner/set")


def test_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the extra that brings it."""
    monkeypatch.setattr("evals.dataset.hub.find_spec", lambda _: None)

    with pytest.raises(ManifestError, match=r"needs pyarrow: pip install 'evalshim\[hub\]'"):
        load("hf:owner/set")


def test_the_hubs_own_variables(served: FakeHub, tmp_path: Path) -> None:
    """Address and cache are those of `HF_ENDPOINT` and `HF_HOME`."""
    code = (
        "import json; from evals.dataset import load; d = load('hf:owner/set:clean:test');"
        "print(json.dumps([str(d.path), d.sha256, d.samples[0].target]))"
    )
    home = tmp_path / "home"
    variables = {"HF_ENDPOINT": served.address, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}

    done = subprocess.check_output(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], env=os.environ | variables
    )

    place, digest, target = json.loads(done)
    assert Path(place).is_relative_to(home / "assets")
    assert (digest, target) == (load("hf:owner/set:clean:test").sha256, "ONE")

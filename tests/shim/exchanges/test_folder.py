"""The folder of a recording: kills, full disks, and bodies that are kept once."""

import io
from pathlib import Path

import pytest

from shim.exchanges.answer import Answer
from shim.exchanges.folder import LINES, Exchange, FolderUnusable, Recording, RecordingFull, Writer
from shim.exchanges.request import Head

HEAD = Head(method="POST", path="/v1/x", query=[], headers=[("content-type", "application/json")])
EXCHANGE = Exchange(
    id="req_1",
    began=1.0,
    request=HEAD,
    answer=Answer(status=200, headers=[], head_ms=1, pieces=[(1.0, 4)]),
    whole=True,
)
FORM = (
    b'--X\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--X\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nSOUND\r\n--X--\r\n'
)


def write(folder: Path, *bodies: bytes, exchange: Exchange = EXCHANGE, most: int = 10_000) -> None:
    """Write an exchange for each of *bodies*, all with the same answer."""
    writer = Writer(folder, most_bytes=most)
    try:
        for body in bodies:
            writer.write(exchange, io.BytesIO(body), io.BytesIO(b"same"))
    finally:
        writer.close()


def test_bodies_are_kept_once(tmp_path: Path) -> None:
    """Equal bodies are one file, and each exchange finds its own."""
    write(tmp_path, b'{"a": 1}', b'{"a": 2}', b'{"a": 1}')

    recording = Recording(tmp_path)

    contents = [recording.request(each).content for each in recording.exchanges]
    assert contents == [{"a": 1}, {"a": 2}, {"a": 1}]
    assert len(list((tmp_path / "bodies").iterdir())) == 3


def test_a_form(tmp_path: Path) -> None:
    """A form is kept as its parts; its boundary does not matter."""
    exchanges = [
        Exchange(
            id="req_1",
            began=1.0,
            request=Head(
                method="POST",
                path="/v1/x",
                query=[],
                headers=[("content-type", f"multipart/form-data; boundary={boundary}")],
            ),
            whole=True,
        )
        for boundary in ("X", "Y")
    ]
    for exchange, form in zip(exchanges, (FORM, FORM.replace(b"--X", b"--Y")), strict=True):
        write(tmp_path, form, exchange=exchange)

    recording = Recording(tmp_path)

    one, other = map(recording.request, recording.exchanges)
    assert one.digest == other.digest
    assert one.content["model"] == ["m"]
    assert {file.read_bytes() for file in (tmp_path / "bodies").iterdir()} == {b"SOUND", b"same"}


def test_a_killed_server(tmp_path: Path) -> None:
    """A line that is not complete is not read, and the next exchange is a line of its own."""
    write(tmp_path, b"1", b"2")
    lines = (tmp_path / LINES).read_bytes()
    (tmp_path / LINES).write_bytes(lines[:-10])

    assert len(Recording(tmp_path).exchanges) == 1
    write(tmp_path, b"3")
    assert [Recording(tmp_path).request(e).content for e in Recording(tmp_path).exchanges] == [1, 3]


def test_a_full_recording(tmp_path: Path) -> None:
    """An exchange beyond the limit is refused, also after a restart; the others stay."""
    with pytest.raises(RecordingFull, match="10000 bytes"):
        write(tmp_path, b"1", b"2" * 10_000)
    with pytest.raises(RecordingFull):
        write(tmp_path, b"3" * 9_800)

    assert len(Recording(tmp_path).exchanges) == 1


@pytest.mark.parametrize("damage", [b"{}\n", b"no JSON\n"])
def test_a_damaged_folder(tmp_path: Path, damage: bytes) -> None:
    """A line that is not an exchange is an error with its number, and so is a missing folder."""
    write(tmp_path, b"1")
    with (tmp_path / LINES).open("ab") as file:
        file.write(damage)

    with pytest.raises(FolderUnusable, match="line 2"):
        Recording(tmp_path)
    with pytest.raises(FolderUnusable, match="No such file"):
        Recording(tmp_path / "none")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A path that is not a folder is an error at the start, and so is one of another server."""
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(FolderUnusable, match="file"):
        Writer(file, most_bytes=10)

    writer = Writer(tmp_path / "one", most_bytes=10)
    with pytest.raises(FolderUnusable, match="another server"):
        Writer(tmp_path / "one", most_bytes=10)
    writer.close()


def test_a_body_is_not_read_from_elsewhere(tmp_path: Path) -> None:
    """The name of a body is a hash and no path, and its bytes are those of the hash."""
    write(tmp_path, b'{"a": 1}')
    recording = Recording(tmp_path)
    blob = recording.exchanges[0].body
    assert blob is not None
    (tmp_path / "bodies" / blob.sha256).write_bytes(b'{"a": 2}')

    with pytest.raises(FolderUnusable, match="does not have the bytes of its name"):
        recording.bodies.read(blob)

    lines = tmp_path / LINES
    lines.write_text(lines.read_text().replace(blob.sha256, "../../secret"))
    with pytest.raises(FolderUnusable, match="line 1"):
        Recording(tmp_path)

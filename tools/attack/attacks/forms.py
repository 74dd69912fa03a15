"""Multipart forms: many fields, large ones, and shapes that no client sends."""

from collections.abc import AsyncIterator

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.wire import BOUNDARY, form, head, part, recording, upload

PATH = "/v1/audio/transcriptions"
MB = 1_000_000


async def _fields(count: int, size: int) -> AsyncIterator[bytes]:
    """Yield a request whose form has *count* fields of *size* bytes, and never ends."""
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    yield head("POST", PATH, {"Content-Type": kind, "Content-Length": str(1 << 30)})
    for at in range(count):
        yield b"--" + BOUNDARY.encode() + b"\r\n" + part(f"f{at}", b"x" * size) + b"\r\n"


@attack("shared", "builtin", 400, 413, "reset", quick=True)
async def fields_of_1_mb(attacker: Attacker) -> None:
    """POST a form of 600 fields of 1 MB, four at once."""
    for _ in range(2):
        for _ in range(2):
            await attacker.send(_fields(600, MB))


@attack("items", "builtin", 400, 413)
async def parts_by_10_000(attacker: Attacker) -> None:
    """POST a form of 10,000 empty parts, and one of 900 fields that nobody knows."""
    await attacker.flood(
        upload(form(*[part("a", b"")] * 10_000)),
        upload(form(*[part(f"f{at}", b"v") for at in range(900)])),
    )


@attack("items", "builtin", 400, 404, 413)
async def repeated_of_the_form(attacker: Attacker) -> None:
    """POST forms whose model, language, option, format or file name has 900 KB and is wrong."""
    word = "w" * 900_000
    await attacker.flood(
        recording(b"x", model=word),
        recording(b"x", language=word),
        recording(b"x", response_format=word),
        recording(b"x", temperature=word),
        recording(b"x", chunking_strategy=word),
        recording(b"x", **{"engine[beam_size]": word}),
        recording(b"x", suppress_tokens="1," * 400_000),
        recording(b"x", temperatures="0," * 400_000),
    )


@attack("items", "builtin", 400, 413)
async def names_of_the_form(attacker: Attacker) -> None:
    """POST forms with field names of 60 KB, of 1,000 brackets, and of a thousand items."""
    await attacker.flood(
        recording(b"x", **{"n" * 60_000: "v"}),
        recording(b"x", **{"engine[" + "n" * 60_000 + "]": "v"}),
        recording(b"x", **{"engine" + "[a]" * 1_000: "v"}),
        upload(form(*[part(f"languages[{at}]", b"en") for at in range(900)])),
        upload(form(part("file", b"x", filename="n" * 60_000))),
    )


@attack("items", "builtin", 400, 413)
async def heads_of_parts(attacker: Attacker) -> None:
    """POST forms with 10,000 header lines in one part, and with a header of 4 MB."""
    await attacker.flood(
        upload(form(part("a", b"v", more="X-A: b\r\n" * 10_000))),
        upload(form(part("a", b"v", more="X-A: " + "b" * 4 * MB + "\r\n"))),
    )


@attack("held", "builtin", 400, 413, 415)
async def boundaries(attacker: Attacker) -> None:
    """POST forms with an empty, missing or huge boundary, or one that its content nearly holds."""
    nearly = (b"\r\n--" + BOUNDARY.encode()[:-1]) * 200_000
    empty = upload(form(part("a", b"v"), boundary=""))
    await attacker.flood(
        empty.replace(b"boundary=" + BOUNDARY.encode(), b"boundary="),
        empty.replace(b"; boundary=" + BOUNDARY.encode(), b""),
        empty.replace(BOUNDARY.encode(), b"b" * 30_000),
        upload(form(part("file", nearly, filename="a"))),
        upload(form(part("model", b"whisper-1"))[:-4]),
        upload(b"--" + BOUNDARY.encode() + b"--\r\n"),
        upload(b"\r\n" * MB),
    )


@attack("held", "builtin", 400, 413)
async def two_files(attacker: Attacker) -> None:
    """POST forms with two files, with no file, and with a file before the fields."""
    await attacker.flood(
        upload(form(part("file", b"x", filename="a"), part("file", b"x", filename="b"))),
        upload(form(part("model", b"whisper-1"))),
        upload(form(part("file", b"x" * MB, filename="a"), part("model", b"\xff\xfe"))),
    )

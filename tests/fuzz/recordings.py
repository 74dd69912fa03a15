"""Requests that something is wrong with: damaged audio in every container, fields of any kind."""

import base64
import gzip
import json
import random
from collections.abc import Iterator
from typing import Any

from backends.whisper_options import Decoding, VadParameters
from shim.api.transcription.protocol import TranscriptionForm
from tests.backends.encoders import as_format, movie
from tests.fuzz.damage import damaged
from tests.fuzz.sending import Case

ROUTES = ("/v1/audio/transcriptions", "/audio/transcriptions", "/v1/audio/translations")

SOUND = {
    "wav": as_format("wav", "pcm_s16le", rate=16_000, layout="mono", seconds=0.4),
    "wav-float": as_format("wav", "pcm_f32le", rate=16_000, layout="mono", seconds=0.4),
    "wav-24": as_format("wav", "pcm_s24le", rate=44_100, layout="stereo", seconds=0.4),
    "wav-alaw": as_format("wav", "pcm_alaw", rate=8_000, layout="mono", seconds=0.4),
    "flac": as_format("flac", "flac", rate=16_000, layout="mono", seconds=0.4),
    "mp3": as_format("mp3", "libmp3lame", rate=22_050, layout="mono", seconds=0.4),
    "ogg": as_format("ogg", "libopus", rate=48_000, layout="mono", seconds=0.4),
    "webm": as_format("webm", "libopus", rate=48_000, layout="stereo", seconds=0.4),
    "m4a": as_format("mp4", "aac", rate=44_100, layout="mono", seconds=0.4),
    "aac": as_format("adts", "aac", rate=44_100, layout="mono", seconds=0.4),
    "movie": movie("mp4", "mpeg4", "aac"),
    "silent movie": movie("mp4", "mpeg4", None),
}
"""A short recording in every container."""

_FIELDS = (
    *TranscriptionForm.__struct_fields__,
    *Decoding.__struct_fields__,
    *(f"vad_parameters[{name}]" for name in VadParameters.__struct_fields__),
    *(f"engine[{name}]" for name in Decoding.__struct_fields__),
    "chunking_strategy[type]",
    "chunking_strategy[threshold]",
    "engine",
    "engine[]",
    "x",
    "[",
    "a[b][c][d][e][f][g]",
    "model[]",
    "é",
)
_VALUES = (
    *("", "0", "1", "-1", "2", "0.5", "1e9", "nan", "inf", "-inf", "true", "false", "null", "[]"),
    *("json", "text", "srt", "vtt", "verbose_json", "diarized_json", "word", "segment"),
    *("en", "de", "German", "auto", "server_vad", "logprobs", "whisper-1", "no-such-model"),
    *(
        '["word"]',
        '["en"',
        '{"type":"server_vad"}',
        '{"threshold":0.5}',
        "[0, 0.2]",
        "[[]]",
        '"auto"',
    ),
    *("turn on the light", "\x00", "é" * 300, "word " * 2000, "0,1,2", "5,1", "9" * 40, "{}"),
)


_TYPES = (
    *("",) * 30,
    *("text/plain", "application/json", "text/plain; charset=latin-1"),
    *("text/plain; charset=utf-16", "text/plain; charset=klingon", "image/png"),
)
_FILE_NAMES = (b"a.wav", b"upload", b"../../x", b"", b"\xe7\xe0\xef.wav", b"%d0" * 500, b'a\\"b')


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yield *count* requests, the same for the same *seed*."""
    for number in range(count):
        yield _case(random.Random(f"{seed}/{number}"))  # noqa: S311


def _case(draw: random.Random) -> Case:
    audio = damaged(draw, SOUND[draw.choice(list(SOUND))])
    strict = {"x-shim-strict": "true"} if draw.random() < 0.1 else {}
    route = draw.choice(ROUTES)
    if draw.random() < 0.25:
        return Case(route, strict | {"content-type": "application/json"}, _json(draw, audio))
    boundary = "fuzz"
    kind = f"multipart/form-data; boundary={boundary}"
    body = _multipart(draw, audio, boundary.encode())
    if draw.random() < 0.1:
        body = damaged(draw, body)
    packed = {"content-encoding": "gzip"} if draw.random() < 0.05 else {}
    if packed:
        body = gzip.compress(body, mtime=0)
        body = damaged(draw, body) if draw.random() < 0.3 else body
    return Case(route, strict | packed | {"content-type": kind}, body)


# ── bodies ────────────────────────────────────────────────────────────────────


def _fields(draw: random.Random) -> list[tuple[str, str]]:
    some = [(draw.choice(_FIELDS), draw.choice(_VALUES)) for _ in range(draw.choice((0, 0, 1, 3)))]
    model = [("model", "whisper-1")] if draw.random() < 0.95 else []
    return model + some


def _multipart(draw: random.Random, audio: bytes, boundary: bytes) -> bytes:
    parts = [_part(draw, name, value) for name, value in _fields(draw)]
    if draw.random() < 0.97:
        name = draw.choice(_FILE_NAMES)
        file = b'Content-Disposition: form-data; name="file"; filename="%b"\r\n\r\n' % name + audio
        parts.insert(draw.choice((len(parts), len(parts), 0)), file)
    lines = [b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts]
    return b"".join(lines) + b"--" + boundary + b"--\r\n"


def _part(draw: random.Random, name: str, value: str) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"\r\n'
    if kind := draw.choice(_TYPES):
        head += f"Content-Type: {kind}\r\n"
    return head.encode() + b"\r\n" + value.encode()


def _json(draw: random.Random, audio: bytes) -> bytes:
    encoded = base64.b64encode(audio).decode()
    odd = ("", 0, None, [], encoded[:-3], "data:audio/wav;base64," + encoded, "data:,x")
    body: dict[str, Any] = {"file": encoded if draw.random() < 0.8 else draw.choice(odd)}
    for name, value in _fields(draw):
        body[name] = draw.choice((value, value, None, 1, -1.5, True, [value], {"a": value}, []))
    content = json.dumps(body).encode()
    return damaged(draw, content) if draw.random() < 0.1 else content

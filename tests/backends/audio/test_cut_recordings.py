"""Recordings that end before their stated duration are refused, not transcribed in part."""

import io

import pytest

from backends.config import AudioLimits
from backends.failures import EmptyAudio, TruncatedAudio, UndecodableAudio
from tests.backends.audio.timelines import gap, late, patched, piped, segments, written
from tests.backends.encoders import PCM, as_format, chunk, noise, wav, wav_format
from tests.backends.recordings import floats

pytestmark = pytest.mark.usefixtures("frozen_garbage")

LIMITS = AudioLimits()

STATING = {
    "wav": written("wav", "pcm_s16le"),
    "wav of floats": written("wav", "pcm_f32le", rate=16_000),
    "wav, plain": wav(wav_format(PCM, 16), chunk(b"data", noise(8).tobytes())),
    "wav of adpcm": written("wav", "adpcm_ms"),
    "wav, tags first": wav(
        chunk(b"LIST", bytes(100_000)),
        wav_format(PCM, 24),
        chunk(b"data", bytes(3 * 16_000 * 8)),
    ),
    "wav of unknown length, but for its samples": patched(
        written("wav", "pcm_s16le"), b"RIFF", 4, "<I", 0xFFFFFFFF
    ),
    "wav of 64 bits": written("wav", "pcm_s16le", options={"rf64": "always"}),
    "aiff": written("aiff", "pcm_s16be"),
    "au": written("au", "pcm_s16be"),
    "flac": written("flac", "flac"),
    "mp3": written("mp3", "libmp3lame"),
    "m4a": written("mp4", "aac"),
    "m4a, index first": written("mp4", "aac", options={"movflags": "faststart"}),
    "m4a, gap": written("mp4", "aac", shift=gap(3), options={"movflags": "faststart"}),
    "m4a, late": written("mp4", "aac", shift=late(30), options={"movflags": "faststart"}),
    "m4a, indexed fragments": written(
        "mp4",
        "aac",
        options={"movflags": "dash+global_sidx+frag_keyframe", "frag_duration": "1000000"},
    ),
    "mov": written("mov", "pcm_s16le", options={"movflags": "faststart"}),
    "webm": written("webm", "libopus"),
    "webm, gap": written("webm", "libopus", shift=gap(3)),
    "webm, an hour": written("webm", "libopus", shift=gap(3600)),
    "webm, late": written("webm", "libopus", shift=late(30)),
    "webm, index first": written("webm", "libopus", options={"cues_to_front": "1"}),
    "matroska": written("matroska", "flac"),
    "matroska, picture": written("matroska", "aac", picture=8),
    "matroska, longer picture": written("matroska", "aac", picture=12),
    "flv": written("flv", "aac"),
    "flv, gap": written("flv", "aac", shift=gap(3)),
    "wma": written("asf", "wmav2"),
    "wma, gap": written("asf", "wmav2", shift=gap(3)),
    "wmv": written("asf", "wmav2", picture=8),
    "avi": written("avi", "libmp3lame"),
    "avi, picture": written("avi", "libmp3lame", picture=8),
    "wavpack": written("wv", "wavpack"),
    "tta": written("tta", "tta"),
}
"""Eight seconds in each container that states its length."""

SHARES = (0.2, 0.5, 0.8)
MORE_SHARES = [n / 40 for n in range(2, 35)]


def is_refused(content: bytes) -> None:
    """Assert that *content* is refused: as cut, as empty, or because its index is missing."""
    with pytest.raises(UndecodableAudio):
        floats(io.BytesIO(content), LIMITS)


@pytest.mark.parametrize("name", STATING)
def test_a_cut_recording_is_refused(name: str) -> None:
    """A recording that ends early is an error, not a shorter recording."""
    whole = STATING[name]

    floats(io.BytesIO(whole), LIMITS)
    for share in SHARES:
        is_refused(whole[: int(len(whole) * share)])


@pytest.mark.slow
@pytest.mark.parametrize("name", STATING)
def test_a_recording_cut_anywhere_is_refused(name: str) -> None:
    """A recording that is cut anywhere, up to an eighth of it from its end, is an error."""
    whole = STATING[name]

    for share in MORE_SHARES:
        is_refused(whole[: int(len(whole) * share)])


@pytest.mark.parametrize("name", ["wav", "aiff", "au", "flac", "mp3", "webm", "flv", "wma"])
def test_the_error_of_a_cut_has_its_seconds(name: str) -> None:
    """The error names the seconds that are there and the seconds that should be."""
    whole = STATING[name]

    with pytest.raises(TruncatedAudio, match=r"breaks off after 3\.\d s of [78]\.\d s"):
        floats(io.BytesIO(whole[: len(whole) * 9 // 20]), LIMITS)


def test_the_error_of_damage_has_its_seconds() -> None:
    """The error names the seconds behind a damaged frame, which faster-whisper would drop."""
    content = written("mp3", "libmp3lame", seconds=4) * 2

    with pytest.raises(TruncatedAudio, match=r"damaged after 4\.0 s; 4\.0 s follow"):
        floats(io.BytesIO(content), LIMITS)


# ── nothing but a header ──────────────────────────────────────────────────────

CLUSTER = bytes.fromhex("1f43b675")
MP4_HEADER, *_ = segments(
    written("mp4", "aac", options={"movflags": "frag_keyframe+empty_moov"}, seconds=2)
)
WEBM, LIVE = STATING["webm"], piped("webm", "libopus")
OGG = as_format("ogg", "libopus", rate=48_000, layout="mono")
HEADERS = {
    "webm": WEBM[: WEBM.index(CLUSTER)],
    "webm, begun": WEBM[: WEBM.index(CLUSTER) + 12],
    "webm, streamed": LIVE[: LIVE.index(CLUSTER)],
    "webm, streamed and begun": LIVE[: LIVE.index(CLUSTER) + 12],
    "webm, its beginning": WEBM[:100],
    "m4a, streamed": MP4_HEADER,
    "m4a": STATING["m4a, index first"][: STATING["m4a, index first"].index(b"mdat") + 4],
    "ogg": OGG[: OGG.index(b"OggS", 4)],
    "ogg, comments": OGG[: OGG.index(b"OggS", OGG.index(b"OggS", 4) + 4)],
    "aiff": STATING["aiff"][:54],
    "flv": STATING["flv"][:300],
    "amr": b"#!AMR\n",
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS)
def test_a_header_is_empty(content: bytes) -> None:
    """A recorder that stops before the first sample writes only a header: an empty recording."""
    with pytest.raises(EmptyAudio):
        floats(io.BytesIO(content), LIMITS)

"""Recordings that unpack to much more than they are, lie about their size, or name other files."""

import base64
import os

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.recordings import id3, ogg_chained, playlists, riff_of_chunks, silence, wav
from tools.attack.wire import post, recording

MB = 1_000_000
HOUR = 3600


@attack("shared", "builtin", 200, 400, 429, 503, "timeout")
async def hours_of_silence_by_2(attacker: Attacker) -> None:
    """POST a FLAC of 2.7 MB that holds 3 h 59 min of silence, two at once; leave after 40 s."""
    await attacker.each([recording(silence(4 * HOUR - 60))] * 2, seconds=40)


@attack("shared", "builtin", 200, 400, 429, 503, "timeout")
async def hours_of_silence_by_16(attacker: Attacker) -> None:
    """POST a FLAC of 2.7 MB that holds 3 h 59 min of silence, 16 at once; leave after 40 s."""
    await attacker.each([recording(silence(4 * HOUR - 60))] * 16, seconds=40)


@attack("shared", "builtin", 200, 400, 429, 503)
async def minutes_of_silence_by_16(attacker: Attacker) -> None:
    """POST a FLAC that holds five minutes of silence, 16 at once."""
    await attacker.each([recording(silence(300))] * 16, seconds=60)


@attack("shared", "builtin", 400)
async def hours_beyond_the_limit(attacker: Attacker) -> None:
    """POST a FLAC that holds five hours of silence, eight at once."""
    await attacker.flood(recording(silence(5 * HOUR)), at_once=8, seconds=60)


@attack("shared", "builtin", 200, 400, 429, 503)
async def seven_channels_at_192_khz(attacker: Attacker) -> None:
    """POST a FLAC of ten minutes with eight channels at 192 kHz, four at once."""
    file = silence(600, rate=192_000, layout="7.1")
    await attacker.flood(recording(file), at_once=4, most=8, seconds=60)


@attack("shared", "builtin", 200, 400, 413, 503)
async def base64_of_40_mb(attacker: Attacker) -> None:
    """POST a recording of 40 MB in base64, as JSON: once noise, once a WAV of twenty minutes."""
    noise = base64.b64encode(os.urandom(40 * MB)).decode()
    sound = base64.b64encode(wav(data=bytes(40 * MB))).decode()
    await attacker.flood(
        *(
            post("/v1/audio/transcriptions", {"model": "whisper-1", "file": file})
            for file in (noise, sound)
        ),
        most=6,
        seconds=60,
    )


@attack("shared", "builtin", 200, 400, quick=True)
async def sizes_that_lie(attacker: Attacker) -> None:
    """POST WAVs whose head claims 4 GB, 65,535 channels, 4 GHz, or 0 of each."""
    most = 0xFFFFFFFF
    heads = (
        wav(size=most),
        wav(size=most - 8, channels=2),
        wav(channels=65_535),
        wav(channels=0),
        wav(rate=most),
        wav(rate=0),
        wav(rate=1),
        wav(bits=65_528),
        wav(bits=0),
        wav(bits=1, channels=65_535, rate=most),
    )
    await attacker.flood(*map(recording, heads))


@attack("work", "builtin", 200, 400)
async def chunks_by_millions(attacker: Attacker) -> None:
    """POST a WAV with 2 million empty chunks before its sound, and 500 chained Ogg streams."""
    await attacker.flood(
        recording(riff_of_chunks(2_000_000)), recording(ogg_chained(500)), seconds=60
    )


@attack("shared", "builtin", 200, 400)
async def tags_that_lie(attacker: Attacker) -> None:
    """POST MP3s behind ID3 tags of 30 MB, or that claim 256 MB and hold nothing."""
    await attacker.flood(
        recording(id3(30 * MB, 30 * MB)), recording(id3((1 << 28) - 1, 0)), most=20, seconds=60
    )


@attack("held", "builtin", 400, quick=True)
async def playlists_as_recordings(attacker: Attacker) -> None:
    """POST playlists and session descriptions that name `/metrics`, `/etc/passwd` and a port."""
    await attacker.flood(*map(recording, playlists(attacker.port)))


@attack("held", "builtin", 400)
async def no_recordings(attacker: Attacker) -> None:
    """POST nothing, a zero, a picture, a text of 20 MB, random bytes."""
    picture = b"\x89PNG\r\n\x1a\n" + bytes(1000)
    files = (b"", b"\x00", picture, b"a text " * 3_000_000, os.urandom(20 * MB))
    await attacker.flood(*map(recording, files))


@attack("shared", "builtin", 200, 400, 429, 503)
async def recordings_by_200(attacker: Attacker) -> None:
    """POST 200 recordings of five minutes of silence at the same moment."""
    await attacker.each([recording(silence(300))] * 200, seconds=100)

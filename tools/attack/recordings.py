"""Recordings that lie, or unpack to far more than they are, made with FFmpeg and by hand."""

import io
import struct
from functools import cache
from pathlib import Path

import av
import numpy as np

CLIP = Path(__file__).parents[2] / "evals" / "data" / "clips" / "en-01-espeak-en-us-f4.flac"


@cache
def silence(
    seconds: int,
    *,
    container: str = "flac",
    codec: str = "flac",
    rate: int = 16_000,
    layout: str = "mono",
) -> bytes:
    """Return silence of that length, which packs to very little."""
    file = io.BytesIO()
    channels = av.AudioLayout(layout).nb_channels
    planar = codec == "libmp3lame"
    shape = (channels, rate) if planar else (1, rate * channels)
    frame = av.AudioFrame.from_ndarray(
        np.zeros(shape, np.int16), format="s16p" if planar else "s16", layout=layout
    )
    frame.sample_rate = rate
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        for at in range(seconds):
            frame.pts = at * rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def wav(
    *,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    size: int | None = None,
    data: bytes = bytes(32_000),
) -> bytes:
    """Return a WAV file; *size* is what its data chunk claims to hold."""
    block = channels * bits // 8 & 0xFFFF
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    claimed = len(data) if size is None else size
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", claimed)
    return b"RIFF" + struct.pack("<I", min(claimed + 36, 0xFFFFFFFF)) + b"WAVE" + chunks + data


def riff_of_chunks(count: int) -> bytes:
    """Return a WAV file with *count* empty chunks before its data."""
    whole = wav()
    return whole[:12] + (b"junk" + bytes(4)) * count + whole[12:]


def id3(claimed: int, there: int) -> bytes:
    """Return an MP3 of a second behind an ID3 tag that claims one size and has another."""
    sizes = bytes((claimed >> shift) & 0x7F for shift in (21, 14, 7, 0))
    sound = silence(1, container="mp3", codec="libmp3lame")
    return b"ID3\x04\x00\x00" + sizes + bytes(there) + sound


def playlists(port: int) -> list[bytes]:
    """Return files that name others: local ones, and a URL on this machine."""
    url = f"http://127.0.0.1:{port}/metrics"
    return [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n".encode(),
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{url}'\nfile '/etc/passwd'\n".encode(),
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio {port} RTP/AVP 0\n".encode(),
        b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>%s'
        b"</AdaptationSet></Period></MPD>"
        % b"<Representation><BaseURL>file:///etc/passwd</BaseURL></Representation>",
    ]


def ogg_chained(links: int) -> bytes:
    """Return *links* short Ogg streams, one behind the other."""
    return silence(1, container="ogg", codec="flac") * links

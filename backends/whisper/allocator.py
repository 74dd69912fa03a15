"""The C library's allocator, set so that CTranslate2's encoder keeps its memory on CPUs.

For every window the encoder takes and gives back blocks of tens of megabytes (the attention's
scores: heads x 1500 x 1500 floats). glibc asks the kernel for such blocks and returns them each
time, and the kernel clears every page anew: a third of the encoder's time (CPU per window of a
whisper-tiny in int8: 429 ms, kept in the heap 279 ms). The results are the same bytes.
"""

import ctypes
import platform

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8

_KEPT = 1 << 30
"""Bytes that may lie free at the heap's end before they are returned after all."""

LONG = 600.0
"""Seconds of a recording after which it is worth while to return memory: some 60 MB."""


_GLIBC = platform.libc_ver()[0] == "glibc"


def keep_large_blocks() -> None:
    """Set the allocator of this process; call it before the engine starts its threads.

    Only glibc is known to need it: elsewhere nothing is done.
    """
    if not _GLIBC:
        return
    mallopt = ctypes.CDLL(None).mallopt
    # One heap for all threads: those that threads get of their own end at 64 MB.
    mallopt(_ARENA_MAX, 1)
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, _KEPT)


def give_back() -> None:
    """Return to the kernel what lies free. Blocks for some milliseconds."""
    if _GLIBC:
        ctypes.CDLL(None).malloc_trim(0)

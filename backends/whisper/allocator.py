"""Tunes glibc's allocator so that CTranslate2's encoder keeps its memory on CPUs.

For every window the encoder allocates and frees blocks of tens of megabytes (the attention's
scores: heads x 1500 x 1500 floats). glibc asks the kernel for such blocks and returns them each
time, and the kernel clears every page anew: a third of the encoder's time (CPU per window of a
whisper-tiny in int8: 429 ms; 279 ms with the blocks kept). The results are the same bytes.
"""

import ctypes
import platform

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8

_KEPT = 1 << 30
"""Bytes that may lie free at the end of the heap before glibc returns them to the kernel."""

LONG_SECONDS = 600.0
"""Duration of a recording, in seconds, from which returning its freed memory, some 60 MB, is worth
the time."""


_GLIBC = platform.libc_ver()[0] == "glibc"


def keep_large_blocks() -> None:
    """Make this process keep large freed blocks; call it before the engine starts its threads.

    Does nothing without glibc: no other C library is known to need it.
    """
    if not _GLIBC:
        return
    mallopt = ctypes.CDLL(None).mallopt
    # One heap for all threads: the heaps that glibc gives to single threads end at 64 MB.
    mallopt(_ARENA_MAX, 1)
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, _KEPT)


def give_back() -> None:
    """Return free memory to the kernel. Blocks for some milliseconds."""
    if _GLIBC:
        ctypes.CDLL(None).malloc_trim(0)

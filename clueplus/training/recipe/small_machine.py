"""How a process that trains a small model on a CPU uses the machine."""

from __future__ import annotations

import ctypes
import os

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 1 << 30


def use_one_core() -> None:
    """One thread, before torch is imported: on matrices this small, threads wait for each other most of the time.

    The order of additions, and so every digest, is then the same on any number of cores. Whoever sets OMP_NUM_THREADS
    keeps it.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def keep_memory() -> None:
    """Keeps memory that tensors gave back: half of a small model's step went into getting it again.

    Where the C library is another one, nothing changes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST)
    mallopt(_TRIM_THRESHOLD, _LARGEST)

"""Disk: what tests write waits for no disk, and what they map is not read before it is looked at.

The engine syncs some 500 times for an ingest of five pictures, which is most of the time that it
takes. Tests end processes, and what those wrote is there all the same; none ends the machine. And
it reads each file whole as it opens it: 160 MB, nearly all of them holes, which take as much memory
and .1 s of a core. So the system is told to answer such calls at once and to do nothing, as
`systemd-nspawn --suppress-sync` tells it. Elsewhere than on Linux all is merely slower.
"""

import ctypes
import platform
import struct
import sys

CALLS = {
    "x86_64": (26, 74, 75, 162, 221, 277, 306),
    "aarch64": (81, 82, 83, 84, 223, 227, 267),
}
"""Numbers of sync, fsync, fdatasync, sync_file_range, syncfs, msync and fadvise64."""

MADVISE = {"x86_64": 28, "aarch64": 233}
POPULATE_READ = 22
"""Of what madvise can be told, this is left out."""

NUMBER, THIRD_ARGUMENT = 0, 32
"""Where they stand in `seccomp_data`, in bytes."""

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ANSWER_ZERO = 0x7FFF0000, 0x00050000
"""Of linux/prctl.h, linux/bpf_common.h and linux/seccomp.h."""


def spare() -> None:
    """Hold for this process, and for those that it starts, until they end."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in CALLS:
        return
    calls = CALLS[machine]
    steps = [
        (LOAD, 0, 0, NUMBER),
        *((JUMP_IF_EQUAL, len(calls) - place + 3, 0, call) for place, call in enumerate(calls)),
        (JUMP_IF_EQUAL, 0, 2, MADVISE[machine]),
        (LOAD, 0, 0, THIRD_ARGUMENT),
        (JUMP_IF_EQUAL, 1, 0, POPULATE_READ),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, ANSWER_ZERO),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.create_string_buffer(program), 0, 0)

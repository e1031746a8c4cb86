"""Unsynced: what this process and those it starts write is not waited for until it is on a disk.

The engine syncs some 500 times for an ingest of five pictures, and that is most of the time that
it takes. Tests end processes, and what those wrote is there all the same; none ends the machine. So
the system is told to answer such calls at once, as `systemd-nspawn --suppress-sync` tells it.
"""

import ctypes
import platform
import struct
import sys

CALLS = {
    "x86_64": (26, 74, 75, 162, 277, 306),
    "aarch64": (81, 82, 83, 84, 227, 267),
}
"""Numbers of sync, fsync, fdatasync, sync_file_range, syncfs and msync in Linux's own tables."""

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ANSWER_ZERO = 0x7FFF0000, 0x00050000
"""Of linux/prctl.h, linux/bpf_common.h and linux/seccomp.h."""


def leave_unsynced() -> None:
    """Turn syncing off for good, where the system can; elsewhere all is merely slower."""
    calls = CALLS.get(platform.machine())
    if sys.platform != "linux" or not calls:
        return
    steps = [(LOAD_NUMBER, 0, 0)]
    steps += [(JUMP_IF_EQUAL, len(calls) - place, call) for place, call in enumerate(calls)]
    steps += [(RETURN, 0, ALLOW), (RETURN, 0, ANSWER_ZERO)]  # the last is where they jump to
    code = b"".join(struct.pack("HBBI", kind, jump, 0, value) for kind, jump, value in steps)
    kept = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(steps), ctypes.addressof(kept))
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.create_string_buffer(program), 0, 0)

"""Cores: how many processors this process may use: in a container fewer than there are."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Return the number of cores that the system and a container's limit leave to this process."""
    if hasattr(os, "sched_getaffinity"):  # Linux; on others all there are
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _limits())]))


def _limits() -> Iterator[float]:
    """Yield the limits of the control groups that this process is in, in cores.

    Version 2 has quota and period in one file, version 1 in two; a group is bound by those above it
    too. Seen from within a container its own group is the root.
    """
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except OSError:  # not Linux, or nothing is told
        return
    for line in lines:
        _, kinds, path = (*line.split(":", 2), "", "")[:3]
        if kinds and "cpu" not in kinds.split(","):
            continue
        own = CGROUPS / "cpu" if kinds else CGROUPS
        group = Path(path.lstrip("/"))
        for folder in (own / group, *(own / above for above in group.parents)):
            yield from _limit(folder)


def _limit(folder: Path) -> Iterator[float]:
    try:
        if (both := folder / "cpu.max").exists():
            quota, period = both.read_text().split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
            )
        if float(quota) > 0:  # else it is -1, for none
            yield float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no such file: no limit
        return

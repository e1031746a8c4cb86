"""Copies: a shard to read where it lies on a disk that is read-only or full.

Qdrant's engine opens its files for writing also to read them. On a read-only disk it refuses, and
on a full one its process dies of SIGBUS.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

SPARE_BYTES = 128 << 20
"""What opening a shard may write into its files, beside what they hold; 37 MB were seen."""

MEMORY = Path("/dev/shm")

COPY_PREFIX = "sightline-copy-"
"""Of the folder of a copy; the number of the process that reads it follows."""


@contextmanager
def readable_copy(shard: Path) -> Iterator[Path | None]:
    """Copy a shard for as long as the block runs; None where no other disk has room for it."""
    needed = sum(file.stat().st_blocks * 512 for file in shard.rglob("*"))
    places = [place for place in (Path(tempfile.gettempdir()), MEMORY) if os.access(place, os.W_OK)]
    for place in places:
        _sweep(place)
    with ExitStack() as made:
        prefix = f"{COPY_PREFIX}{os.getpid()}-"
        folders = (
            made.enter_context(tempfile.TemporaryDirectory(prefix=prefix, dir=place))
            for place in places
        )
        folder = next((each for each in folders if _has_room(Path(each), needed)), None)
        if folder is None:
            yield None
            return
        copy = Path(shutil.copytree(shard, Path(folder) / shard.name, copy_function=_copy_sparse))
        for each in (copy, *copy.rglob("*")):
            each.chmod(0o700 if each.is_dir() else 0o600)  # the engine writes into it
        yield copy


def _sweep(place: Path) -> None:
    """Remove copies of readers that were killed."""
    for left in place.glob(f"{COPY_PREFIX}*"):
        reader = left.name.removeprefix(COPY_PREFIX).partition("-")[0]
        with suppress(OSError):  # another reader sweeps, too
            if reader.isdecimal() and left.stat().st_uid == os.getuid() and not _runs(int(reader)):
                shutil.rmtree(left, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # it does, or its number may be of another system
        return True
    return True


def _has_room(folder: Path, needed: int) -> bool:
    """Whether there is room for a copy in a folder, and for what opening it and others takes.

    Others that begin at the same moment have their folder already, and count this one: at worst
    all are refused, and none ends in a full disk.
    """
    copies = sum(1 for _ in folder.parent.glob(f"{COPY_PREFIX}*"))
    return shutil.disk_usage(folder).free >= needed + copies * SPARE_BYTES


def _copy_sparse(source: str, target: str) -> None:
    """Copy a sparse file without its holes: of a small shard's 170 MB, 4 are written."""
    with Path(source).open("rb") as old, Path(target).open("wb") as new:
        new.truncate(os.fstat(old.fileno()).st_size)
        for start, end in _parts(old.fileno()):
            old.seek(start)
            new.seek(start)
            while start < end:
                part = old.read(min(1 << 20, end - start))
                new.write(part)
                start += len(part)


def _parts(file: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each part of a file that is not a hole; where unknown, the whole."""
    end, size = 0, os.fstat(file).st_size
    if not hasattr(os, "SEEK_DATA"):  # Windows
        yield 0, size
        return
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole from here on
                return
            raise
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end

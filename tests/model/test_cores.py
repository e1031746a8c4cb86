"""Cores: a container's limit counts, however the system tells it."""

import os
from pathlib import Path

import pytest

from app.model import cores
from app.model.cores import usable_cores
from app.model.settings import Settings
from ingest.decode import Decoders


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 cores whose control groups are files in this folder."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(16)), raising=False)
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores, "OWN_CGROUPS", tmp_path / "own")
    return tmp_path


def write(folder: Path, own: str, files: dict[str, str]) -> None:
    (folder / "own").write_text(own)
    for name, text in files.items():
        file = folder / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),  # one and a half: one would leave half idle
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
        ("0::/\n", {"cpu.max": "9000000 100000\n"}, 16),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/not/seen/from/here\n", {"cpu.max": "400000 100000"}, 4),
        (
            "4:memory:/x\n3:cpu,cpuacct:/x\n0::/\n",
            {"cpu/x/cpu.cfs_quota_us": "500000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            5,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ("0::/\n", {"cpu.max": "garbage"}, 16),
        ("garbage\n\n", {}, 16),
        ("0::/\n", {}, 16),
    ],
)
def test_the_limit_of_a_container_counts(
    own: str, files: dict[str, str], expected: int, system: Path
) -> None:
    write(system, own, files)
    assert usable_cores() == expected


def test_where_nothing_is_told_the_affinity_counts(system: Path) -> None:
    assert usable_cores() == 16


def test_as_many_processes_decode_as_there_are_usable_cores(system: Path) -> None:
    write(system, "0::/\n", {"cpu.max": "300000 100000"})
    with Decoders("palette", Settings(workers=None)) as decoders:
        assert len(decoders._workers) == 3

"""Page pictures: a folder that several may use at once, and that never grows beyond its limit."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.media.page_pictures import keep, picture_file, remove_unused, size_bytes, trim
from app.media.thumbnails import thumbnail_file


def test_those_used_last_stay_within_the_limit(tmp_path: Path) -> None:
    files = [picture_file(tmp_path, f"{n:032}") for n in range(10)]
    for seconds, file in enumerate(files):
        keep(bytes(100), file)
        os.utime(file, (seconds, seconds))
    trim(tmp_path, 350)
    assert sorted(tmp_path.iterdir()) == sorted(files[7:])
    assert size_bytes(tmp_path) == 300


def test_what_is_no_longer_wanted_goes(tmp_path: Path) -> None:
    one, other = (picture_file(tmp_path, name * 64) for name in "ab")
    small = thumbnail_file(tmp_path, "a" * 64, 320)
    for file in (one, other, small, thumbnail_file(tmp_path, "b" * 64, 320)):
        keep(b"picture", file)
    remove_unused(tmp_path, ["a" * 64])
    assert sorted(tmp_path.iterdir()) == sorted([one, small])


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    trim(nowhere, 1)
    remove_unused(nowhere, [])
    assert size_bytes(nowhere) == 0


def test_several_at_once_hurt_each_other_nowhere(tmp_path: Path) -> None:
    end = time.monotonic() + 1

    def use(part: int) -> None:
        number = 0
        while time.monotonic() < end:
            keep(bytes(1000), picture_file(tmp_path, f"{part}{number % 50:031}"))
            trim(tmp_path, 20_000)
            number += 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    trim(tmp_path, 20_000)
    assert 0 < size_bytes(tmp_path) <= 20_000

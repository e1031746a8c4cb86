"""Decode: every file gets a result, in order, whatever becomes of the process that decodes it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from app.core.embeddings.palette import load
from app.core.images import open_image
from app.core.settings import Settings
from ingest.decode import Decoded, Decoders, Failure, Wanted
from tests.ingest.slow import takes_a_minute


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{number:03}.png" for number in range(120)]
    for number, file in enumerate(files):
        Image.new("RGB", (40, 30), (number * 2, 100, 50)).save(file)
    return files


def wanted(files: list[Path]) -> list[Wanted]:
    return [Wanted(file) for file in files]


def test_results_come_in_order_with_what_could_not_be_read_among_them(
    pictures: list[Path], settings: Settings
) -> None:
    pictures[5].write_bytes(b"no picture")
    pictures[7].unlink()
    with Decoders("palette", settings) as decoders:
        results = list(decoders.decode(wanted(pictures)))
    codes = {n: r.code for n, r in enumerate(results) if isinstance(r, Failure)}
    assert codes == {5: "not_an_image", 7: "missing_file"}
    expected = load(None, settings).embed_images([open_image(pictures[9])])[0]
    assert isinstance(results[9], Decoded)
    assert results[9].vector == pytest.approx(expected.tolist(), abs=1e-6)


def test_an_embedding_that_is_not_cheap_gets_the_pixels(
    pictures: list[Path], settings: Settings
) -> None:
    with Decoders("clip", settings) as decoders:
        (result,) = decoders.decode(wanted(pictures[50:51]))
    assert isinstance(result, Decoded)
    assert result.vector is None
    assert result.pixels is not None
    assert result.pixels.getpixel((0, 0)) == (100, 100, 50)


def test_a_process_that_dies_takes_no_picture_along(
    pictures: list[Path], settings: Settings
) -> None:
    with Decoders("palette", settings) as decoders:
        results = decoders.decode(wanted(pictures))
        first = next(results)
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)
        rest = list(results)
    assert isinstance(first, Decoded)
    assert len(rest) == len(pictures) - 1
    assert all(isinstance(result, Decoded) for result in rest)


def test_an_interrupt_waits_for_no_picture(
    pictures: list[Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = set(multiprocessing.active_children())
    monkeypatch.setattr("ingest.decode._decode_chunk", takes_a_minute)
    threading.Thread(target=_interrupt_once, args=(pictures[0].with_suffix(".begun"),)).start()
    with pytest.raises(KeyboardInterrupt), Decoders("palette", settings) as decoders:
        list(decoders.decode(wanted(pictures)))
    started = time.monotonic()
    while set(multiprocessing.active_children()) - others:
        time.sleep(0.05)
    assert time.monotonic() - started < 30  # half of what the picture takes


def _interrupt_once(file: Path) -> None:
    while not file.exists():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)


def test_a_script_without_a_main_guard_is_told_so_and_stores_nothing(
    pictures: list[Path], tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from app.core.settings import Settings\n"
        "from ingest.decode import Decoders, Wanted\n"
        f"with Decoders('palette', Settings()) as decoders:\n"
        f"    list(decoders.decode([Wanted(Path({str(pictures[0])!r}))]))\n"
    )
    run = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.returncode == 1
    assert "must do so under `if __name__ == '__main__':`" in run.stderr


def test_the_pixel_limit_of_the_settings_holds_in_the_workers(
    pictures: list[Path], tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, max_megapixels=0.001)
    with Decoders("palette", settings) as decoders:
        (result,) = decoders.decode(wanted(pictures[:1]))
    assert isinstance(result, Failure)
    assert result.code == "too_many_pixels"

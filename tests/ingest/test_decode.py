"""Decode: every file gets a result, in order, whatever becomes of the process that decodes it."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from app.encoders.palette import load
from app.media.images import open_image
from app.media.isolated import WORKER_NAME
from app.model.settings import Settings
from ingest import ingest
from ingest.decode import Decoded, Decoders, DecodeTask, Failure
from tests.ingest import odd_decoding
from tests.pdfs import pdf, words_of


@pytest.fixture
def settings(processes: Settings) -> Settings:
    """This is about processes."""
    return processes


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{number:03}.png" for number in range(120)]
    for number, file in enumerate(files):
        Image.new("RGB", (40, 30), (number * 2, 100, 50)).save(file)
    return files


def wanted(files: list[Path]) -> list[DecodeTask]:
    return [DecodeTask(file) for file in files]


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


def test_a_process_that_dies_as_it_hands_pixels_over_takes_no_picture_along(
    pictures: list[Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (1000, 1000)).save(pictures[0])  # more than a pipe holds
    monkeypatch.setattr("ingest.decode._decode_chunk", odd_decoding.killed_in_mid_answer)
    with Decoders("clip", settings) as decoders:
        results = list(decoders.decode(wanted(pictures)))
    assert (tmp := pictures[0].with_name("noted")).read_bytes() == b".", tmp
    assert len(results) == len(pictures)
    assert [result for result in results if isinstance(result, Failure)] == []


def test_a_picture_whose_process_is_killed_is_the_cause_if_it_is_so_three_times_alone(
    pictures: list[Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.decode._decode_chunk", odd_decoding.killed_by_the_third)
    with Decoders("palette", settings) as decoders:
        results = list(decoders.decode(wanted(pictures)))
    failed = {n: result for n, result in enumerate(results) if isinstance(result, Failure)}
    assert failed.keys() == {2}
    assert failed[2].code == "decoder_crashed"
    assert "each of 3 processes that read it was killed by SIGKILL" in failed[2].reason
    assert pictures[2].with_name("noted").read_bytes() == b"." * (1 + 3)


def test_a_picture_whose_process_is_killed_by_chance_comes_in(
    pictures: list[Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures[2] = pictures[2].rename(pictures[2].with_suffix(".thrice"))
    monkeypatch.setattr("ingest.decode._decode_chunk", odd_decoding.killed_by_the_third)
    with Decoders("palette", settings) as decoders:
        results = list(decoders.decode(wanted(pictures)))
    assert pictures[2].with_name("noted").read_bytes() == b"..."
    assert [result for result in results if isinstance(result, Failure)] == []


@pytest.mark.parametrize("handed_over", ["vectors", "pixels", "pages"])
def test_processes_that_are_killed_anywhere_take_nothing_along(
    handed_over: str, tmp_path: Path, settings: Settings
) -> None:
    files = drawn(handed_over, tmp_path)
    embedding = "palette" if handed_over == "vectors" else "clip"
    killed: list[int] = []
    over = threading.Event()
    killer = threading.Thread(target=_kill_some, args=(killed, over))
    killer.start()
    results = []
    try:
        while len(killed) < KILLS:
            with Decoders(embedding, settings) as decoders:
                results += decoders.decode(files)
    finally:
        over.set()
        killer.join()
    assert len(results) % len(files) == 0
    assert [result for result in results if isinstance(result, Failure)] == []


KILLS = 2


def _kill_some(killed: list[int], over: threading.Event) -> None:
    chance = random.Random(11)
    while len(killed) < KILLS and not over.wait(chance.random() * 0.5):
        if children := [
            child for child in multiprocessing.active_children() if child.name == WORKER_NAME
        ]:
            child = chance.choice(children)
            child.kill()
            killed.append(child.pid or 0)


def drawn(kind: str, folder: Path) -> list[DecodeTask]:
    if kind == "pages":
        file = folder / "drawn.pdf"
        file.write_bytes(pdf(*words_of(40)))
        return [DecodeTask(file, page) for page in range(1, 41)]
    files = [folder / f"{n}.png" for n in range(30)]
    for n, file in enumerate(files):
        Image.new("RGB", (2000, 1500), (n, 100, 50)).save(file)  # 9 MB of pixels
    return wanted(files)


def test_an_ingest_without_processes_starts_none(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures[5].write_bytes(b"no picture")
    (tmp_path / "a.pdf").write_bytes(pdf("one", "two"))
    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", None)
    settings = Settings(workers=0)
    report = ingest(tmp_path, "all", settings, image="palette", text="minilm")
    assert (report.new, [skip.code for skip in report.skipped]) == (121, ["not_an_image"])


def test_an_interrupt_waits_for_no_picture(
    pictures: list[Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = set(multiprocessing.active_children())
    monkeypatch.setattr("ingest.decode._decode_chunk", odd_decoding.takes_a_minute)
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


def test_a_script_without_a_main_guard_is_told_so_whatever_else_stops_it_the_second_time(
    squares: Path, tmp_path: Path
) -> None:
    here = Settings(home=tmp_path / "home", workers=0)
    ingest(squares, "mine", here, image="palette", text="minilm")
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from app.model.settings import Settings\n"
        "from ingest import ingest\n"
        f"folder, home = Path({str(squares)!r}), Path({str(here.home)!r})\n"
        "settings = Settings(home=home, workers=2)\n"
        # By the processes that it starts the collection would be found busy.
        "ingest(folder, 'mine', settings, image='palette', text='minilm', rebuild=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, script]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 1
    assert "must do so under `if __name__ == '__main__':`" in run.stderr
    assert run.stderr.count("script.py") == 1  # and not by each process again


def test_the_pixel_limit_of_the_settings_holds_in_the_workers(
    pictures: list[Path],
) -> None:
    settings = Settings(max_megapixels=0.001, workers=2)
    with Decoders("palette", settings) as decoders:
        (result,) = decoders.decode(wanted(pictures[:1]))
    assert isinstance(result, Failure)
    assert result.code == "too_many_pixels"

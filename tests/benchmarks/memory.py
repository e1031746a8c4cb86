"""Memory: peak of an ingest of many pictures beside one of few. It must not grow with them.

Run as a program, `python -m tests.benchmarks.memory PICTURES HOME`, it is such an ingest.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from multiprocessing import active_children
from pathlib import Path

from tests.benchmarks.rows import Row, Sizes

CIFAR = Path(__file__).parents[2] / "../shared/data/cifar10_test_10k.tar"

LIMIT_MB = 150


def measure(sizes: Sizes, folder: Path) -> list[Row]:
    """Peaks in MB, each of a process of its own and its workers, the last summed up.

    Only Linux tells them; elsewhere there is no such row.
    """
    if not Path("/proc/self/status").exists():
        return []
    few, many = sizes.few_pictures, sizes.many_pictures
    yardstick, ours = (peak_of(count, folder) for count in (few, many))
    return [
        Row(
            f"peak memory, ingest of {many:,}",
            "MB",
            ours,
            yardstick,
            f"ingest of {few:,}",
            f"difference ≤ {LIMIT_MB} MB",
            ours - yardstick <= LIMIT_MB,
        )
    ]


def peak_of(count: int, folder: Path) -> float:
    pictures = folder / f"pictures-{count}"
    pictures.mkdir()
    for number, content in zip(range(count), small_pictures(), strict=False):
        (pictures / f"{number:05}.jpg").write_bytes(content)
    command = [sys.executable, "-m", __name__, str(pictures), str(folder / f"home-{count}")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["new"] == count, report
    return float(report["peak_mb"])


def small_pictures() -> Iterator[bytes]:
    """CIFAR-10's test pictures where they lie beside the checkout; else as many of noise."""
    if CIFAR.is_file():
        with tarfile.open(CIFAR) as tar:
            for member in tar:
                if file := tar.extractfile(member):
                    yield file.read()
        return
    from PIL import Image

    for number in range(10_000):
        noise = Image.effect_noise((32, 32), 10 + number % 90).convert("RGB")
        noise.putpixel((0, 0), (number % 256, number // 256, 0))
        content = BytesIO()
        noise.save(content, "JPEG")
        yield content.getvalue()


def main() -> None:
    """Ingest a folder, and print how many records are new and what memory that took."""
    from app.model.settings import Settings
    from ingest import Watch, ingest

    pictures, home = map(Path, sys.argv[1:])
    workers: dict[int, float] = {}

    def look_at_workers(_done: int, _total: int) -> None:
        workers.update({child.pid: peak_mb(child.pid) for child in active_children() if child.pid})

    watch = Watch(progress=look_at_workers)
    settings = Settings(home=home)
    report = ingest(pictures, "pictures", settings, image="palette", text="minilm", watch=watch)
    print(json.dumps({"new": report.new, "peak_mb": peak_mb(os.getpid()) + sum(workers.values())}))


def peak_mb(pid: int) -> float:
    """Peak of one process. What `getrusage` says of a child starts at its parent's own peak."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


if __name__ == "__main__":
    main()

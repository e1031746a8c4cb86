"""MiniLM: the graph is kept as it is run, and what is kept may be lost, damaged or impossible."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.encoders import load_text_embedding
from app.model.settings import Settings

CODE = """
from app.encoders import load_text_embedding
from app.model.settings import Settings
print(*load_text_embedding("minilm", Settings()).embed_queries(["a red car"])[0].tolist())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="moves the cache as Linux does")


def embedded(cache: Path) -> np.ndarray:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    ran = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return np.array(ran.stdout.split(), float)


def test_onnxruntime_notes_nothing_to_tell_its_maker(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)  # which this process has set already
    subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, check=True)
    assert [file.name for file in tmp_path.iterdir()] == ["cache"]
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["sightline"]


def weights(cache: Path) -> list[Path]:
    return [file for file in cache.rglob("*") if file.name == "weights.bin"]


def test_what_is_kept_says_the_same_and_is_made_once(tmp_path: Path) -> None:
    plain = load_text_embedding("minilm", Settings()).embed_queries(["a red car"])[0]
    assert embedded(tmp_path) @ plain == pytest.approx(1, abs=1e-6)
    (kept,) = weights(tmp_path)
    made = kept.stat().st_mtime_ns
    assert embedded(tmp_path) @ plain == pytest.approx(1, abs=1e-6)
    assert [file.stat().st_mtime_ns for file in weights(tmp_path)] == [made]


def test_what_was_kept_by_another_version_goes(tmp_path: Path) -> None:
    older = tmp_path / "sightline" / "minilm-0123-onnxruntime-1.0"
    older.mkdir(parents=True)
    (older / "weights.bin").write_bytes(b"old")
    embedded(tmp_path)
    (kept,) = weights(tmp_path)
    assert kept.parent != older


def test_what_is_damaged_is_made_anew(tmp_path: Path) -> None:
    whole = embedded(tmp_path)
    (kept,) = weights(tmp_path)
    os.truncate(kept, 1000)
    for _ in range(2):
        assert embedded(tmp_path) @ whole == pytest.approx(1, abs=1e-6)
    assert weights(tmp_path)[0].stat().st_size > 1000


def test_where_nothing_can_be_kept_it_runs_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "sightline").write_text("a file")
    assert np.linalg.norm(embedded(tmp_path)) == pytest.approx(1)

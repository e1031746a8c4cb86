"""Weights are found on disk without a word to the network, announced before a download, or missed
at once with the ways out named. A server of a few lines plays the model hub."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.encoders.huggingface import find_weights, model_id, pick_device
from app.model.errors import EmbeddingError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOWHERE = "http://127.0.0.1:9"

FILES = {
    "config.json": b"{}",
    "model.safetensors": b"w" * 2_000_000,
    "pytorch_model.bin": b"a pickle",
    "onnx/config.json": b"{}",
    "0_CLIPModel/vocab.json": b"{}",
}


class Hub(BaseHTTPRequestHandler):
    """Plays the hub for one repository, `tiny/clip`."""

    files = FILES
    asked: list[str]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        if "/resolve/" in path:
            name = path.partition(f"{COMMIT}/")[2]
            return self.answer(self.files[name], ETag=f'"{name}"', **{"X-Repo-Commit": COMMIT})
        if not path.startswith("/api/models/tiny/clip"):
            return self.answer(b'{"error": "Repository not found"}', 404)
        entries = [{"name": name, "size": len(body)} for name, body in self.files.items()]
        if "/tree/" in path:
            content = [
                {"type": "file", "path": e["name"], "size": e["size"], "oid": e["name"]}
                for e in entries
            ]
        else:
            content = {"id": "tiny/clip", "sha": COMMIT}
            content["siblings"] = [{"rfilename": e["name"], "size": e["size"]} for e in entries]
        return self.answer(json.dumps(content).encode())

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    Hub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def find(checkpoint: str, home: Path, endpoint: str = NOWHERE, **environment: str):
    """Call find_weights in a process of its own: the hub's client reads its settings at import."""
    code = (
        f"import logging; logging.basicConfig(format='%(message)s')\n"
        f"from app.encoders.huggingface import find_weights; print(find_weights({checkpoint!r}))"
    )
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | {"HF_HOME": str(home), "HF_ENDPOINT": endpoint} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def address(hub: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{hub.server_port}"


def test_a_download_comes_from_the_mirror_is_announced_with_its_size_and_brings_no_pickle(
    hub, tmp_path
):
    done = find("tiny/clip", tmp_path, address(hub))
    assert done.returncode == 0, done.stderr
    assert f"fetching tiny/clip from {address(hub)}: 2 MB" in done.stderr
    folder = Path(done.stdout.strip())
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert found == {"config.json", "model.safetensors", "0_CLIPModel/vocab.json"}


def test_what_is_in_the_cache_is_found_without_asking_the_network(hub, tmp_path):
    first = find("tiny/clip", tmp_path, address(hub))
    asked = len(Hub.asked)
    again = find("tiny/clip", tmp_path, address(hub))
    assert again.stdout == first.stdout
    assert len(Hub.asked) == asked
    assert find("tiny/clip", tmp_path, NOWHERE).stdout == first.stdout


def test_weights_neither_cached_nor_reachable_are_one_error_within_seconds(tmp_path):
    began = time.monotonic()
    done = find("tiny/clip", tmp_path)
    assert time.monotonic() - began < 60
    message = done.stderr.strip().splitlines()[-1]
    for part in ("EmbeddingError: tiny/clip", NOWHERE, "--offline", "hf download tiny/clip"):
        assert part in message


def test_the_hubs_own_offline_switch_is_honoured(hub, tmp_path):
    done = find("tiny/clip", tmp_path, address(hub), HF_HUB_OFFLINE="1")
    assert "EmbeddingError: tiny/clip" in done.stderr.strip().splitlines()[-1]
    assert Hub.asked == []


def test_a_name_that_the_hub_does_not_know_is_an_error(hub, tmp_path):
    done = find("tiny/missing", tmp_path, address(hub))
    assert "EmbeddingError: tiny/missing" in done.stderr.strip().splitlines()[-1]


def test_weights_that_exist_only_as_a_pickle_are_not_fetched(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(Hub, "files", {"config.json": b"{}", "pytorch_model.bin": b"a pickle"})
    done = find("tiny/clip", tmp_path, address(hub))
    assert "no weights as .safetensors" in done.stderr.strip().splitlines()[-1]
    assert not any("/resolve/" in path for path in Hub.asked)


def test_a_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"w")
    assert find_weights(str(tmp_path)) == tmp_path
    assert model_id("clip", "tiny/clip", tmp_path) == "clip:tiny/clip"


def test_a_folder_with_nothing_but_a_pickle_is_refused(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(EmbeddingError, match="can run code"):
        find_weights(str(tmp_path))


@pytest.mark.parametrize(
    "path", ["./missing", "/missing/model", "~/missing", "~nobody/x", "a/b/c", "a\\b"]
)
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(path):
    with pytest.raises(EmbeddingError, match="no folder"):
        find_weights(path)


@pytest.mark.parametrize("name", ["a/b c", "a/..", "a/b\0", "a/" + "b" * 5000])
def test_a_name_that_cannot_be_one_is_refused(name):
    with pytest.raises(EmbeddingError):
        find_weights(name)


@pytest.mark.torch
def test_a_device_that_is_not_there_is_an_error_and_auto_finds_one():
    import torch

    assert pick_device("auto") in {"cpu", "cuda", "mps"}
    assert pick_device("cpu") == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(EmbeddingError, match="no cuda device"):
            pick_device("cuda")

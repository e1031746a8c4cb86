"""What tests share: colour squares for pictures, a home of their own, and a shut network."""

import importlib
import json
import logging
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app import cli
from app.encoders import has_torch
from app.model.settings import Settings
from tests import disk
from tests.qdrant_double import QdrantDouble

SHARED = Path(__file__).parents[1] / "../shared/data"

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 220)}


def pytest_configure() -> None:
    """No test waits for a disk, and none of 400 processes compiles what another has compiled."""
    disk.spare()
    os.environ["PYTHONDONTWRITEBYTECODE"] = ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs PyTorch, an extra, where it is not installed."""
    if not has_torch():
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="needs the extra: sightline[torch]"))


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_counts() -> None:
    """What a shell runs in the background ignores Ctrl-C, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_processes() -> Iterator[None]:
    """An ingest decodes in its own process, unless the test is about processes or hostile files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTLINE_WORKERS", "0")
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_tls_context() -> Iterator[None]:
    """Every HTTP client reads all certificates there are, 25 ms each; ours speak to loopback."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_schema() -> Iterator[None]:
    """Every Qdrant client copies its whole schema, 10 ms each, and then at most adds to it.

    A test on a server makes three of them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qdrant_client.embed.schema_parser.deepcopy", copy)
        yield


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves the machine: a connection to anywhere but loopback fails the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        assert host in ("127.0.0.1", "::1", "localhost"), f"a connection to {host}"
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the collections or settings of whoever runs it."""
    for name in ("QDRANT", "QDRANT_API_KEY", "MODEL", "DEVICE", "MAX_MEGAPIXELS"):
        monkeypatch.delenv(f"SIGHTLINE_{name}", raising=False)
    monkeypatch.setenv("SIGHTLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIGHTLINE_OLLAMA", "http://127.0.0.1:9")


@pytest.fixture
def settings() -> Settings:
    """Settings of a new home."""
    return Settings()


@pytest.fixture
def qdrant() -> Iterator[QdrantDouble]:
    """A server of the test's own."""
    with QdrantDouble() as double:
        yield double


@pytest.fixture
def processes() -> Settings:
    """Settings of a new home, and two processes that decode: for what may end its process."""
    return Settings(workers=2)


@pytest.fixture(params=["edge", "server"])
def either_engine(request: pytest.FixtureRequest) -> Settings:
    """Settings of a new home, on either engine."""
    if request.param == "edge":
        return Settings()
    return Settings(qdrant=request.getfixturevalue("qdrant").url)


@pytest.fixture(autouse=True)
def _no_rivals(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other writer is about to begin, so none is waited for."""
    monkeypatch.setattr("app.store.engines.lease.SETTLE_SECONDS", 0.0)


@pytest.fixture(autouse=True)
def _patient_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to take a port for closed; one that is says so at once."""
    monkeypatch.setattr("app.store.engines.connection.PROBE_SECONDS", 20.0)


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """A folder of three colour squares, with captions and scores as strings."""
    return make_squares(tmp_path / "squares", COLOURS)


def make_squares(folder: Path, colours: dict[str, tuple[int, int, int]]) -> Path:
    """Draw a square of each colour and say so in a metadata.json."""
    folder.mkdir(parents=True)
    rows = []
    for number, (name, colour) in enumerate(colours.items(), 1):
        Image.new("RGB", (64, 64), colour).save(folder / f"{name}.png")
        rows.append(
            {
                "Relative Path": f".\\{name}.png",
                "Caption": f"['a {name} square on a white table']",
                "brightness": str(number * 1.5),
                "shade": name,
                "taken": f"2020-01-0{number}",
                "framed": "true" if number == 1 else "false",
            }
        )
    (folder / "metadata.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real collections, where they lie beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the shared data do not lie beside this checkout")
    return SHARED


Drawn = Callable[[str], Path]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """`sample`, `shelf` or `shop` as `make demo` draws it, once in a run. Not to be changed."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def found(name: str) -> Path:
        folder = shared / name
        try:
            (shared / f"{name}.begun").touch(exist_ok=False)
        except FileExistsError:
            deadline = time.monotonic() + 300
            while not folder.exists():  # another worker draws it
                assert time.monotonic() < deadline
                time.sleep(0.1)
            return folder
        draw = getattr(importlib.import_module(f"data.make_{name}"), f"make_{name}")
        return draw(shared / f"{name}.new").rename(folder)

    return found


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout; anything else there fails."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def sightline(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command as the shell does, within this process: torch takes seconds to import."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["sightline", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Result(code, out, err)

    yield run
    for handler in list(logging.getLogger("app").handlers):
        logging.getLogger("app").removeHandler(handler)

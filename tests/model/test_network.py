"""Network: what a proxy or certificates in the environment do to each client, and what not."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.answering.vision import Limits
from app.answering.vision.ollama import OllamaModel
from app.answering.vision.openai_like import OpenAILikeModel
from app.encoders.huggingface import find_weights
from app.model.errors import ServiceUnavailableError
from app.model.settings import Settings, is_loopback
from app.store.engines.connection import Connection
from tests.ollama_double import OllamaDouble
from tests.openai_double import OpenAIDouble

FAR = "https://vision.example"
SOCKS = "socks5://user:secret@203.0.113.2:1080"
LIMITS = Limits(connect=5, attempts=1)

CLIENTS: dict[str, Callable[[str], object]] = {
    "ollama": lambda url: OllamaModel("llava", url, limits=LIMITS).version(),
    "openai": lambda url: OpenAILikeModel("llava", url, limits=LIMITS).version(),
    "qdrant": lambda url: Connection(url, Settings()).client,
}


@pytest.fixture(autouse=True)
def _no_proxy_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


VARIABLES = [f"{scheme}_{end}" for scheme in ("ALL", "HTTP", "HTTPS") for end in ("PROXY",)]


@pytest.mark.parametrize("name", [*VARIABLES, *map(str.lower, VARIABLES)])
@pytest.mark.parametrize("value", [SOCKS, "http://[::1", "http://proxy:port", "gopher://proxy"])
def test_a_proxy_is_not_used_for_this_machine_however_bad_it_is(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with OllamaDouble() as ollama, OpenAIDouble() as server:
        assert OllamaModel("llava", ollama.url).version() == ollama.version
        OpenAILikeModel("llava", server.url).facts()
    Connection("http://localhost:6333", Settings()).client.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", SOCKS),
        ("http_proxy", "http://[::1"),
        ("SSL_CERT_FILE", "/nowhere"),
        ("OLLAMA_HOST", "http://[::1"),
    ],
)
def test_importing_a_client_does_not_break_on_the_environment(name: str, value: str) -> None:
    # In a process of its own: here they are imported already.
    with OllamaDouble() as ollama:
        script = (
            "from app.answering.vision.ollama import OllamaModel\n"
            f"print(OllamaModel('llava', {ollama.url!r}).version())\n"
            f"import os; assert os.environ[{name!r}] == {value!r}"
        )
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, name: value},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
    assert (ran.stdout, ran.stderr) == (f"{ollama.version}\n", "")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"])
def test_a_socks_proxy_that_cannot_be_spoken_to_is_named_with_what_to_do(
    client: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, SOCKS)
    with pytest.raises(ServiceUnavailableError) as error:
        CLIENTS[client](FAR)
    for part in (
        name,
        "socks5://203.0.113.2",
        "pip install 'httpx[socks]'",
        "vision.example in NO",
    ):
        assert part in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("value", ["http://[::1", "http://proxy:port", "gopher://proxy", "http://"])
def test_a_proxy_that_is_no_url_is_named(
    client: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(ServiceUnavailableError, match="HTTPS_PROXY is not the URL of a proxy"):
        CLIENTS[client](FAR)


@pytest.mark.parametrize("client", CLIENTS)
def test_certificates_that_are_not_there_are_named(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(ServiceUnavailableError, match=r"SSL_CERT_FILE .*/nowhere/ca\.pem"):
        CLIENTS[client](FAR)


@pytest.mark.parametrize("name", ["ALL_PROXY", "https_proxy"])
def test_the_hub_is_not_asked_through_a_proxy_that_cannot_be_used(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv(name, SOCKS)
    with pytest.raises(ServiceUnavailableError, match=name):
        find_weights("someone/model-that-is-not-here")


class Proxy(BaseHTTPRequestHandler):
    """Answers whatever it is asked to fetch."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        said = b'{"version": "0.32.15"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a proxy in HTTP_PROXY was asked for."""
    handler = type("OurProxy", (Proxy,), {"asked": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{server.server_port}")
        yield handler.asked
        server.shutdown()
        thread.join()


def test_a_proxy_is_used_for_another_machine(proxy: list[str]) -> None:
    assert OllamaModel("llava", "http://vision.example:11434").version() == "0.32.15"
    assert proxy == ["http://vision.example:11434/api/version"]


def test_a_proxy_that_does_not_count_harms_nothing(
    proxy: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # httpx itself makes a client for every proxy there is, and would break on this one.
    monkeypatch.setenv("HTTPS_PROXY", SOCKS)
    OllamaModel("llava", "http://vision.example:11434").version()
    assert len(proxy) == 1
    monkeypatch.setenv("NO_PROXY", "vision.example")
    Connection(FAR, Settings()).client.close()


def test_what_names_this_machine() -> None:
    for host in ("localhost", "127.0.0.1", "127.8.8.8", "[::1]", "LOCALHOST.", "a.localhost"):
        assert is_loopback(f"http://{host}:1")
    for host in ("0.0.0.0", "[::ffff:127.0.0.1]"):
        assert is_loopback(f"http://{host}:1")
    for host in ("localhost.example", "10.0.0.1", "[::2]", "127.0.0.1.example"):
        assert not is_loopback(f"http://{host}:1")


def test_doctor_and_ask_tell_of_the_proxy(
    squares: Path, sightline: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    sightline("ingest", squares, "-c", "s", "--offline")
    monkeypatch.setenv("ALL_PROXY", SOCKS)
    found = sightline("doctor", "--ollama", FAR, "--qdrant", FAR, "--json").json["checks"]
    told = {check["name"]: check["detail"] for check in found if check["status"] == "problem"}
    assert told.keys() >= {"engine", "ollama"}
    assert all("ALL_PROXY names a SOCKS proxy" in told[name] for name in ("engine", "ollama"))
    asked = sightline("ask", "Which is red?", "-c", "s", "--ollama", FAR)
    assert asked.code == 3
    assert "ALL_PROXY names a SOCKS proxy" in asked.err

"""A stand-in for Ollama: a real HTTP server on loopback that speaks as the recorded one did.

    with OllamaDouble(reply="Two of them show a bridge [1][2].") as ollama:
        settings = Settings(ollama=ollama.url)
        …
    assert ollama.requests[0].pictures

It needs nothing but the standard library and Pillow, and knows nothing of pytest.
"""

import base64
import contextlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

RECORDED = {
    exchange["tag"]: exchange
    for exchange in json.loads(
        (Path(__file__).parent / "answering" / "ollama_exchanges.json").read_text("utf-8")
    )
}
"""What a real Ollama 0.32.15 answered, by what was asked of it."""

BUSY = {"error": "server busy, please try again.  maximum pending requests exceeded"}


@dataclass(frozen=True)
class ChatRequest:
    """One POST to /api/chat, as it came."""

    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def options(self) -> dict[str, Any]:
        return self.body.get("options") or {}

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.body["messages"]

    @property
    def text(self) -> str:
        """All words, in the order in which they were sent."""
        return "\n".join(message["content"] for message in self.messages)

    @property
    def encoded_pictures(self) -> list[bytes]:
        """Base64 must be bare: a data: URL raises, as Ollama refuses one."""
        return [
            base64.b64decode(picture, validate=True)
            for message in self.messages
            for picture in message.get("images") or []
        ]

    @property
    def pictures(self) -> list[Image.Image]:
        return [Image.open(io.BytesIO(picture)) for picture in self.encoded_pictures]


Reply = str | Callable[[ChatRequest], str]


@dataclass
class OllamaDouble:
    """An Ollama that says `reply`, or misbehaves by `script`: one word for each chat, then obeys.

    Words: obey · cut (the connection ends within the answer) · unfinished (it ends without
    `done`) · error_line (an error after the first words) · stall (silence after the first words) ·
    hang (silence before anything) · dribble (a line that never ends) · busy (503) · malformed (no
    JSON) · length (done_reason "length") · redirect · any tag of RECORDED.
    """

    reply: Reply = "A street [1]."
    script: Sequence[str] = ()
    models: Sequence[str] = ("llava:latest",)
    version: str = "0.32.15"
    context_length: int | None = 32768
    prompt_tokens: int = 5000
    requests: list[ChatRequest] = field(default_factory=list)
    """Every chat, in order; those that were refused too."""

    def __enter__(self) -> "OllamaDouble":
        self._left = list(self.script)
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def silence(self) -> None:
        """Say nothing until the test is over."""
        self._closing.wait(30)

    def next_behaviour(self) -> str:
        return self._left.pop(0) if self._left else "obey"

    def has(self, model: str) -> bool:
        return (model if ":" in model else f"{model}:latest") in self.models

    def said(self, request: ChatRequest) -> str:
        return self.reply(request) if callable(self.reply) else self.reply


def unused_url() -> str:
    """A URL of this machine where nothing listens."""
    with OllamaDouble() as gone:
        return gone.url


def _handler(double: OllamaDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            routes: dict[str, object] = {
                "/api/version": {"version": double.version},
                "/api/tags": {"models": [{"name": name, "model": name} for name in double.models]},
            }
            if self.path in routes:
                self.send(200, routes[self.path])
            else:
                self.send_recorded("404route")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/api/show":
                self.show(body["model"])
            elif self.path == "/api/chat":
                request = ChatRequest(body, dict(self.headers))
                double.requests.append(request)
                self.chat(request)
            else:
                self.send_recorded("404route")

        def show(self, model: str) -> None:
            if not double.has(model):
                self.send(404, {"error": f"model '{model}' not found"})
                return
            length = {"llama.context_length": double.context_length}
            facts = length if double.context_length else {}
            self.send(200, {"model_info": facts, "capabilities": ["completion", "vision"]})

        def chat(self, request: ChatRequest) -> None:
            behaviour = double.next_behaviour()
            if not double.has(request.body["model"]):
                self.send(404, {"error": f"model '{request.body['model']}' not found"})
            elif behaviour in RECORDED:
                self.send_recorded(behaviour)
            elif behaviour == "busy":
                self.send(503, BUSY)
            elif behaviour == "hang":
                double.silence()
                self.close_connection = True
            elif behaviour == "malformed":
                self.send(200, "<html>It works!</html>")
            elif behaviour == "web_page":
                self.send(404, "<!doctype html><title>Not here</title>")
            elif behaviour == "redirect":
                self.send(307, "", {"Location": "http://127.0.0.1:9/api/chat"})
            else:
                self.stream(request, behaviour)

        def stream(self, request: ChatRequest, behaviour: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            text = double.said(request)
            pieces = list(_pieces(text))
            whole = behaviour in ("obey", "length")
            for piece in pieces if whole else pieces[: len(pieces) // 2 + 1]:
                self.chunk(_line(request, piece))
            if whole:
                self.chunk(_line(request, "", _facts(double, len(pieces), behaviour)))
            elif behaviour == "cut":
                self.close_connection = True
                return
            elif behaviour == "error_line":
                fault = "an error was encountered while running the model: unexpected EOF"
                self.chunk(json.dumps({"error": fault}).encode() + b"\n")
            elif behaviour == "stall":
                double.silence()
            elif behaviour == "dribble":
                self.dribble()
            elif behaviour != "unfinished":
                raise ValueError(f"no behaviour {behaviour!r}")
            self.wfile.write(b"0\r\n\r\n")

        def dribble(self) -> None:
            try:
                while not double._closing.wait(0.02):
                    self.chunk(b" ")
            except OSError:
                self.close_connection = True

        def chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def send_recorded(self, tag: str) -> None:
            recorded = RECORDED[tag]
            self.send(recorded["status"], recorded["text"], {"Content-Type": recorded["ctype"]})

        def send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in (headers or {"Content-Type": "application/json"}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client went away, as several tests want it to
                super().handle()

    return Handler


def _pieces(text: str) -> Iterator[str]:
    """Three characters at a time: citations and words come in halves, as from a real model."""
    yield from (text[start : start + 3] for start in range(0, len(text), 3))


def _line(request: ChatRequest, content: str, facts: dict[str, Any] | None = None) -> bytes:
    record = {
        "model": request.body["model"],
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()),
        "message": {"role": "assistant", "content": content},
        **(facts or {"done": False}),
    }
    return json.dumps(record).encode() + b"\n"


def _facts(double: OllamaDouble, tokens: int, behaviour: str) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "length" if behaviour == "length" else "stop",
        "total_duration": 10983088,
        "load_duration": 950891,
        "prompt_eval_count": double.prompt_tokens,
        "prompt_eval_duration": 597000,
        "eval_count": tokens,
        "eval_duration": 393000,
    }

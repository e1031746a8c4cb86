"""A stand-in for a vision server: real HTTP on loopback, in the protocol of a subclass.

    with OllamaDouble(reply="Two of them show a bridge [1][2].") as ollama:
        settings = Settings(ollama=ollama.url)
        …
    assert ollama.requests[0].pictures

It needs nothing but the standard library and Pillow, and knows nothing of pytest.
"""

import contextlib
import gzip
import io
import json
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

from PIL import Image


@dataclass(frozen=True)
class ChatRequest:
    """One question, as it came."""

    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.body["messages"]

    @property
    @abstractmethod
    def text(self) -> str:
        """All words, in the order in which they were sent."""

    @property
    @abstractmethod
    def encoded_pictures(self) -> list[bytes]:
        """All pictures as files, in that order; raises where the server would refuse them."""

    @property
    @abstractmethod
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the answer is to be bound by."""

    @property
    def pictures(self) -> list[Image.Image]:
        return [Image.open(io.BytesIO(picture)) for picture in self.encoded_pictures]


Reply = str | Callable[[Any], str]


@dataclass
class VisionDouble:
    """A server that says `reply`, or misbehaves by `script`: one word for each chat, then obeys.

    Words: obey · cut (the connection ends within the answer) · unfinished (it ends and does not say
    so) · error_line (an error after the first words) · stall (silence after the first words) ·
    ponder (silence before them, once it is said who speaks) · hang (silence before anything) · drip
    (a header that never ends) · gzip (a compressed reply) · dribble (a line that never ends) · busy
    · malformed (no JSON) · web_page · length (there was no room for more) · redirect · any tag of
    the recorded exchanges.
    """

    reply: Reply = "A street [1]."
    script: Sequence[str] = ()
    models: Sequence[str] = ("llava:latest",)
    version: str = "0.32.15"
    context_length: int | None = 32768
    family: str = "llama"
    capabilities: Sequence[str] = ("vision",)
    thought: str = ""
    """What the model thinks before it speaks, where the protocol tells thoughts apart."""
    prompt_tokens: int = 5000
    requests: list[Any] = field(default_factory=list)
    """Every chat, in order; those that were refused too."""

    handler: ClassVar[type["Handler"]]

    def __enter__(self) -> Self:
        self._left = list(self.script)
        self._closing = threading.Event()
        handler = type("OurHandler", (self.handler,), {"double": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
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

    def silence(self, seconds: float = 30) -> bool:
        """Say nothing for so long, or until the test is over; say whether it is."""
        return self._closing.wait(seconds)

    def next_behaviour(self) -> str:
        return self._left.pop(0) if self._left else "obey"

    def has(self, model: str) -> bool:
        return model in self.models

    def said(self, request: ChatRequest) -> str:
        return self.reply(request) if callable(self.reply) else self.reply


class Handler(BaseHTTPRequestHandler):
    """What a double does with a request; a subclass has the protocol's words."""

    protocol_version = "HTTP/1.1"
    double: VisionDouble

    chat_route: str
    content_type: str
    request_type: type[ChatRequest]
    recorded: Mapping[str, Mapping[str, Any]]
    busy: Mapping[str, Any]

    @abstractmethod
    def listing(self) -> dict[str, object]:
        """What GET finds, by its route."""

    @abstractmethod
    def missing(self, model: str) -> object:
        """What is said of a model that is not there, with status 404."""

    @abstractmethod
    def line(self, request: ChatRequest, text: str) -> bytes:
        """A piece of an answer."""

    @abstractmethod
    def thinking(self, request: ChatRequest, text: str) -> bytes:
        """A piece of a thought."""

    @abstractmethod
    def ending(self, request: ChatRequest, tokens: int, *, full: bool) -> Iterator[bytes]:
        """What follows the last piece; `full` if there was no room for more."""

    @abstractmethod
    def fault(self) -> bytes:
        """An error in the midst of an answer."""

    def post(self, body: dict[str, Any]) -> None:
        """Answer what is no chat."""
        self.send(404, "404 page not found", {"Content-Type": "text/plain"})

    def do_GET(self) -> None:
        found = self.listing().get(self.path)
        if found is None:
            self.send(404, "404 page not found", {"Content-Type": "text/plain"})
        else:
            self.send(200, found)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != self.chat_route:
            self.post(body)
            return
        request = self.request_type(body, dict(self.headers))
        self.double.requests.append(request)
        self.chat(request)

    def chat(self, request: ChatRequest) -> None:
        behaviour = self.double.next_behaviour()
        if not self.double.has(request.body["model"]):
            self.send(404, self.missing(request.body["model"]))
        elif behaviour in self.recorded:
            recorded = self.recorded[behaviour]
            kind = {"Content-Type": recorded["ctype"]}
            self.send(recorded["status"], recorded["text"], kind)
        elif behaviour == "busy":
            self.send(503, self.busy)
        elif behaviour == "hang":
            self.double.silence()
            self.close_connection = True
        elif behaviour == "drip":
            self.drip()
        elif behaviour == "gzip":
            packed = gzip.compress(bytes(50_000_000))
            head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            self.wfile.write(head % len(packed) + packed)
        elif behaviour == "malformed":
            self.send(200, "<html>It works!</html>")
        elif behaviour == "web_page":
            self.send(404, "<!doctype html><title>Not here</title>")
        elif behaviour == "redirect":
            self.send(307, "", {"Location": f"http://127.0.0.1:9{self.chat_route}"})
        else:
            self.stream(request, behaviour)

    def stream(self, request: ChatRequest, behaviour: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in _pieces(self.double.thought):
            self.chunk(self.thinking(request, piece))
        if behaviour == "ponder":
            self.chunk(self.line(request, ""))
            self.double.silence(0.6)
        pieces = list(_pieces(self.double.said(request)))
        whole = behaviour in ("obey", "ponder", "length")
        for piece in pieces if whole else pieces[: len(pieces) // 2 + 1]:
            self.chunk(self.line(request, piece))
        if whole:
            for line in self.ending(request, len(pieces), full=behaviour == "length"):
                self.chunk(line)
        elif behaviour == "cut":
            self.close_connection = True
            return
        elif behaviour == "error_line":
            self.chunk(self.fault())
        elif behaviour == "stall":
            self.double.silence()
        elif behaviour == "dribble":
            self.dribble()
        elif behaviour != "unfinished":
            raise ValueError(f"no behaviour {behaviour!r}")
        self.wfile.write(b"0\r\n\r\n")

    def drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            while not self.double.silence(0.02):
                self.wfile.write(b"X-Drip: drop\r\n")
                self.wfile.flush()
        self.close_connection = True

    def dribble(self) -> None:
        try:
            while not self.double.silence(0.02):
                self.chunk(b" ")
        except OSError:
            self.close_connection = True

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

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

    def log_message(self, *_: object) -> None:
        pass


def _pieces(text: str) -> Iterator[str]:
    """Three characters at a time: citations and words come in halves, as from a real model."""
    yield from (text[start : start + 3] for start in range(0, len(text), 3))

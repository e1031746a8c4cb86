"""Every vision server, in whichever protocol, over real HTTP: what it says is kept, and no more.

`SIGHTLINE_TEST_VISION=URL` runs what can be on a real server of OpenAI's chat completions too.
"""

import io
import json
import os
import pkgutil
import socket
import time
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from app.answering import vision
from app.answering.vision import (
    Limits,
    Prompt,
    PromptTooLargeError,
    Reply,
    VisionModel,
    discard,
    open_model,
)
from app.model.errors import ModelMissingError, ServiceUnavailableError, SettingsError
from app.model.settings import Settings
from tests.ollama_double import OllamaDouble, unused_url
from tests.openai_double import OpenAIDouble
from tests.vision_double import VisionDouble

QUICK = Limits(connect=0.5, idle=0.3, total=5, attempts=3, wait=0.01)


def jpeg(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
    return buffer.getvalue()


PROMPT = Prompt("Question: which?", (jpeg("red"), jpeg("blue")), "Evidence: [1] [2]")

YES_OR_NO = {
    "type": "object",
    "properties": {"answer": {"enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Kind:
    """A protocol: its double, the setting and the option that name a server of it."""

    double: type[VisionDouble]
    setting: str
    option: str
    too_large: str
    """The recorded exchange of a prompt that does not fit."""


KINDS = {
    "ollama": Kind(OllamaDouble, "ollama", "--ollama", "img8"),
    "openai_like": Kind(OpenAIDouble, "vision_url", "--vision-url", "overflow_text"),
}


def test_every_protocol_is_here() -> None:
    modules = {module.name for module in pkgutil.iter_modules(vision.__path__)}
    assert modules - {"bounds", "spoken", "wire"} == set(KINDS)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def opened(kind: Kind, url: str, name: str = "llava", limits: Limits = QUICK) -> VisionModel:
    return open_model(Settings(model=name, **{kind.setting: url}), limits=limits)


def ask(
    kind: Kind, server: VisionDouble, prompt: Prompt = PROMPT, limits: Limits = QUICK
) -> tuple[Reply, list[str]]:
    heard: list[str] = []
    model = opened(kind, server.url, limits=limits)
    return model.reply(prompt, num_ctx=8192, num_predict=64, on_text=heard.append), heard


# ---- what is sent


def test_a_label_stands_before_each_picture_where_the_protocol_can(kind: Kind) -> None:
    with kind.double() as server:
        ask(kind, server, Prompt("Which?", PROMPT.pictures, "Say.", labels=("[1]", "[2]")))
    (message,) = server.requests[0].messages
    if kind.double is OpenAIDouble:
        told = [part.get("text", part["type"]) for part in message["content"]]
        assert told == ["Which?", "[1]", "image_url", "[2]", "image_url", "Say."]
    else:
        assert message["content"] == "Which?\n\nSay."


def test_the_question_goes_first_then_pictures_as_they_are_then_the_rest(kind: Kind) -> None:
    with kind.double() as server:
        ask(kind, server)
    (request,) = server.requests
    assert request.text.split() == ["Question:", "which?", "Evidence:", "[1]", "[2]"]
    assert [message["role"] for message in request.messages] == ["user"]
    assert request.encoded_pictures == list(PROMPT.pictures)
    assert request.schema is None


def test_the_same_answer_comes_tomorrow(kind: Kind) -> None:
    with kind.double() as server:
        ask(kind, server)
    body = server.requests[0].body
    assert body["stream"] is True
    assert (body.get("options") or body)["temperature"] == 0


def test_an_answer_can_be_bound_by_a_schema(kind: Kind) -> None:
    with kind.double(reply='{"answer": "yes"}') as server:
        reply, _ = ask(
            kind, server, Prompt("Do they go together?", (jpeg("red"),), "", schema=YES_OR_NO)
        )
    assert server.requests[0].schema == YES_OR_NO
    assert json.loads(reply.text) == {"answer": "yes"}


# ---- what comes back


def test_text_comes_in_pieces_and_adds_up(kind: Kind) -> None:
    with kind.double(reply="Both are streets [1][2].") as server:
        reply, heard = ask(kind, server)
    assert reply == Reply("Both are streets [1][2].", None, 5000)
    assert "".join(heard) == reply.text
    assert len(heard) > 3


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("cut", "connection was cut"),
        ("unfinished", "ended before the answer did"),
        ("error_line", "unexpected EOF"),
        ("stall", "fell silent"),
        ("length", "length"),
    ],
)
def test_half_an_answer_is_kept_and_said_to_be_half(kind: Kind, behaviour: str, why: str) -> None:
    with kind.double(reply="The first is a bridge [1].", script=[behaviour]) as server:
        reply, heard = ask(kind, server)
    assert reply.text
    assert reply.text == "".join(heard)
    assert "The first is a bridge [1].".startswith(reply.text)
    assert why in (reply.broke_off or "")


PATIENT = Limits(connect=0.5, idle=20, silence=0.3, total=20)


def test_silence_within_an_answer_is_not_waited_for_as_long_as_its_first_word(kind: Kind) -> None:
    began = time.monotonic()
    with kind.double(reply="The first is a bridge [1].", script=["stall"]) as server:
        reply, _ = ask(kind, server, limits=PATIENT)
        assert time.monotonic() - began < 10
    assert "The first is a bridge [1].".startswith(reply.text)
    assert reply.text
    assert "fell silent" in (reply.broke_off or "")


def test_the_first_word_is_waited_for_once_it_is_said_who_speaks(kind: Kind) -> None:
    with kind.double(reply="A bridge [1].", script=["ponder"]) as server:
        reply, _ = ask(kind, server, limits=PATIENT)
    assert (reply.text, reply.broke_off) == ("A bridge [1].", None)


def test_a_line_without_end_stops_at_the_total_limit(kind: Kind) -> None:
    limits = Limits(connect=0.5, idle=5, total=0.5)
    with kind.double(script=["dribble"]) as server:
        reply, _ = ask(kind, server, limits=limits)
    assert "too long" in (reply.broke_off or "")


def test_headers_without_end_stop_at_the_total_limit(kind: Kind) -> None:
    limits = Limits(connect=0.5, idle=5, total=0.5)
    with (
        kind.double(script=["drip"]) as server,
        pytest.raises(ServiceUnavailableError, match="in time"),
    ):
        ask(kind, server, limits=limits)


def test_a_compressed_reply_is_not_unpacked(kind: Kind) -> None:
    with kind.double(script=["gzip"]) as server, pytest.raises(ServiceUnavailableError):
        ask(kind, server)
    headers = {name.lower(): value for name, value in server.requests[0].headers.items()}
    assert headers["accept-encoding"] == "identity"


def test_what_a_listener_raises_is_not_the_server_s_fault(kind: Kind) -> None:
    def gone(_piece: str) -> None:
        raise BrokenPipeError("nobody reads on")

    with kind.double() as server, pytest.raises(BrokenPipeError):
        opened(kind, server.url).reply(PROMPT, num_ctx=4096, num_predict=8, on_text=gone)


# ---- what cannot be asked


def test_nothing_listening_names_url_and_option(kind: Kind) -> None:
    url = unused_url()
    with pytest.raises(ServiceUnavailableError, match=kind.option) as error:
        opened(kind, url).reply(PROMPT, num_ctx=4096, num_predict=8, on_text=discard)
    assert url in str(error.value)


def test_silence_before_the_first_word_is_no_service(kind: Kind) -> None:
    with (
        kind.double(script=["hang"]) as server,
        pytest.raises(ServiceUnavailableError, match="in time"),
    ):
        ask(kind, server)


def test_a_missing_model_is_told_when_asked_and_when_looked_for(kind: Kind) -> None:
    with kind.double(models=["one:latest", "two:latest"]) as server:
        model = opened(kind, server.url, name="nope:7b")
        with pytest.raises(ModelMissingError, match="no model 'nope:7b'"):
            model.reply(PROMPT, num_ctx=4096, num_predict=8, on_text=discard)
        with pytest.raises(ModelMissingError, match="no model 'nope:7b'"):
            model.facts()


def test_a_busy_server_is_asked_again(kind: Kind) -> None:
    with kind.double(script=["busy", "busy"]) as server:
        reply, _ = ask(kind, server)
    assert reply.broke_off is None
    assert len(server.requests) == 3


def test_a_server_that_stays_busy_is_given_up(kind: Kind) -> None:
    with (
        kind.double(script=["busy"] * 9) as server,
        pytest.raises(ServiceUnavailableError, match="busy"),
    ):
        ask(kind, server)
    assert len(server.requests) == 3


def test_a_prompt_that_is_too_large_is_told_apart(kind: Kind) -> None:
    with (
        kind.double(script=[kind.too_large]) as server,
        pytest.raises(PromptTooLargeError, match="exceeds the available context size"),
    ):
        ask(kind, server)


@pytest.mark.parametrize("behaviour", ["malformed", "redirect", "web_page"])
def test_other_answers_are_no_service_and_no_traceback(kind: Kind, behaviour: str) -> None:
    with (
        kind.double(script=[behaviour]) as server,
        pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1") as told,
    ):
        ask(kind, server)
    assert len(server.requests) == 1
    assert "<" not in str(told.value)


@pytest.mark.parametrize(
    "said",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "model requires more system memory (5.6 GiB) than is available (3.1 GiB)",
        "unable to allocate CUDA0 buffer",
    ],
)
def test_where_memory_is_short_a_smaller_model_is_advised(
    kind: Kind, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"status": 500, "ctype": "application/json", "text": json.dumps({"error": said})}
    recorded = kind.double.handler.recorded
    monkeypatch.setitem(recorded, "no_memory", error)
    with (
        kind.double(script=["no_memory"]) as server,
        pytest.raises(ServiceUnavailableError) as told,
    ):
        ask(kind, server)
    assert said in str(told.value)
    assert "Choose a smaller model with --model" in str(told.value)
    assert "--max-images" in str(told.value)
    assert "doctor" not in str(told.value)


# ---- where it goes


def test_a_proxy_in_the_environment_is_not_for_loopback(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with kind.double() as server:
        reply, _ = ask(kind, server)
    assert reply.broke_off is None


def test_a_proxy_in_the_environment_is_for_other_hosts(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(5)
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        model = opened(kind, "http://gpu.example:11434")
        with pytest.raises(ServiceUnavailableError):
            model.version()
        connection, _ = proxy.accept()
        with connection:
            assert connection.recv(64).startswith(b"GET http://gpu.example:11434/")


@pytest.mark.parametrize("url", ["ftp://here", "http://", "http://host:port", "http://[::1"])
def test_what_is_no_url_is_a_setting_to_correct(kind: Kind, url: str) -> None:
    with pytest.raises(SettingsError, match=kind.option):
        opened(kind, url)


def test_a_password_in_a_url_is_not_shown(kind: Kind) -> None:
    url = opened(kind, "http://me:secret@gpu.example/o/v1/").url
    assert url == "http://gpu.example:80/o/v1"


def test_how_much_fits_is_known(kind: Kind) -> None:
    with kind.double(models=["gemma3:4b"]) as server:
        assert opened(kind, server.url, "gemma3:4b").facts().trained_context == 32768
    with kind.double(models=["gemma3:4b"], context_length=None) as server:
        assert opened(kind, server.url, "gemma3:4b").facts().trained_context is None


def test_what_the_user_says_goes_before_the_server(kind: Kind) -> None:
    with kind.double() as server:
        settings = Settings(model="llava", context=2048, max_images=3, **{kind.setting: server.url})
        facts = open_model(settings, limits=QUICK).facts()
    assert (facts.served_context, facts.pictures) == (2048, 3)


# ---- a real server


@pytest.fixture
def real() -> VisionModel:
    url = os.environ.get("SIGHTLINE_TEST_VISION")
    if not url:
        pytest.skip("SIGHTLINE_TEST_VISION names no server")
    name = os.environ.get("SIGHTLINE_TEST_VISION_MODEL", "tiny-llava")
    return open_model(Settings(vision_url=url, model=name), limits=Limits(connect=2, idle=120))


def test_a_real_server_looks_at_pictures(real: VisionModel) -> None:
    real.facts()
    words = replied(real, Prompt("Which colour?", (), "Answer in a word."))
    one = replied(real, Prompt("Which colour?", (jpeg("red"),), "Answer in a word."))
    two = replied(real, Prompt("Which colour?", (jpeg("red"), jpeg("blue")), "Answer in a word."))
    counts = [reply.prompt_tokens or 0 for reply in (words, one, two)]
    assert counts == sorted(set(counts))  # each picture is read: it costs tokens


def test_a_real_server_keeps_to_a_schema_or_says_that_it_was_cut_off(real: VisionModel) -> None:
    reply = replied(real, Prompt("Yes or no?", (jpeg("red"),), "Answer.", schema=YES_OR_NO))
    assert reply.broke_off or json.loads(reply.text)["answer"] in ("yes", "no")


def test_a_real_server_refuses_what_does_not_fit(real: VisionModel) -> None:
    facts = real.facts()
    length = facts.served_context or facts.trained_context or 0
    assert length
    with pytest.raises(PromptTooLargeError):
        replied(real, Prompt("word " * length, (jpeg("red"),), "Answer."))


def replied(model: VisionModel, prompt: Prompt) -> Reply:
    options: dict[str, Any] = {"num_ctx": 4096, "num_predict": 64, "on_text": discard}
    return model.reply(prompt, **options)

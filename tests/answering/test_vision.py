"""What Ollama does on the wire, met through `OllamaModel`, over real HTTP."""

import io
import socket

import pytest
from PIL import Image

from app.answering.vision import Limits, OllamaModel, Prompt, PromptTooLargeError, Reply
from app.core.errors import ModelMissingError, ServiceUnavailableError, SettingsError
from tests.ollama_double import OllamaDouble, unused_url

QUICK = Limits(connect=0.5, idle=0.3, total=5, attempts=3, wait=0.01)


def jpeg(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
    return buffer.getvalue()


PROMPT = Prompt("Question: which?", (jpeg("red"), jpeg("blue")), "Evidence: [1] [2]")


def ask(ollama: OllamaDouble, name: str = "llava", limits: Limits = QUICK) -> tuple[Reply, list]:
    heard: list[str] = []
    model = OllamaModel(name, ollama.url, limits=limits)
    reply = model.reply(PROMPT, num_ctx=8192, num_predict=64, on_text=heard.append)
    return reply, heard


def test_text_comes_in_pieces_and_adds_up():
    with OllamaDouble(reply="Both are streets [1][2].") as ollama:
        reply, heard = ask(ollama)
    assert reply == Reply("Both are streets [1][2].", None, 5000)
    assert "".join(heard) == reply.text
    assert len(heard) > 3


def test_question_goes_before_pictures_and_pictures_as_bare_jpeg():
    with OllamaDouble() as ollama:
        ask(ollama)
    first, second = ollama.requests[0].messages
    assert first == {"role": "user", "content": "Question: which?"}
    assert second["content"] == "Evidence: [1] [2]"
    assert [picture.format for picture in ollama.requests[0].pictures] == ["JPEG", "JPEG"]
    assert ollama.requests[0].encoded_pictures == list(PROMPT.pictures)


def test_context_is_ours_and_thinking_is_asked_of_nobody():
    with OllamaDouble(models=["llava:latest", "qwen3-vl:8b"]) as ollama:
        ask(ollama)
        ask(ollama, "qwen3-vl:8b")
    plain, thinker = ollama.requests
    assert plain.options == {"num_ctx": 8192, "num_predict": 64, "temperature": 0.0}
    assert plain.body["stream"] is True
    assert plain.body.get("think") is None
    assert thinker.body["think"] is False


def test_recorded_answer_that_reached_its_length_is_incomplete():
    with OllamaDouble(script=["img1-stream"]) as ollama:
        reply, _ = ask(ollama)
    assert reply.text == "/E"
    assert "length" in reply.broke_off
    assert reply.prompt_tokens == 611


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
def test_half_an_answer_is_kept_and_said_to_be_half(behaviour, why):
    with OllamaDouble(reply="The first is a bridge [1].", script=[behaviour]) as ollama:
        reply, heard = ask(ollama)
    assert reply.text
    assert reply.text == "".join(heard)
    assert "The first is a bridge [1].".startswith(reply.text)
    assert why in reply.broke_off


def test_recorded_done_false_is_incomplete():
    with OllamaDouble(script=["format-json"]) as ollama:
        reply, _ = ask(ollama)
    assert reply.broke_off == "the stream ended before the answer did"


def test_line_without_end_stops_at_the_total_limit():
    limits = Limits(connect=0.5, idle=5, total=0.5)
    with OllamaDouble(script=["dribble"]) as ollama:
        reply, _ = ask(ollama, limits=limits)
    assert "too long" in reply.broke_off


def test_nothing_listening_names_url_and_command():
    url = unused_url()
    with pytest.raises(ServiceUnavailableError, match="ollama serve") as error:
        OllamaModel("llava", url, limits=QUICK).reply(
            PROMPT, num_ctx=4096, num_predict=8, on_text=print
        )
    assert url in str(error.value)


def test_silence_before_the_first_word_is_no_service():
    with (
        OllamaDouble(script=["hang"]) as ollama,
        pytest.raises(ServiceUnavailableError, match="in time"),
    ):
        ask(ollama)


def test_missing_model_names_the_pull():
    with OllamaDouble() as ollama, pytest.raises(ModelMissingError, match="ollama pull nope:7b"):
        ask(ollama, "nope:7b")


def test_busy_server_is_asked_again():
    with OllamaDouble(script=["busy", "busy"]) as ollama:
        reply, _ = ask(ollama)
    assert reply.broke_off is None
    assert len(ollama.requests) == 3


def test_server_that_stays_busy_is_given_up():
    with (
        OllamaDouble(script=["busy"] * 9) as ollama,
        pytest.raises(ServiceUnavailableError, match="busy"),
    ):
        ask(ollama)
    assert len(ollama.requests) == 3


def test_recorded_overflow_is_told_apart():
    with OllamaDouble(script=["img8"]) as ollama, pytest.raises(PromptTooLargeError, match="4643"):
        ask(ollama)


def test_recorded_model_without_eyes_names_models_that_see():
    with (
        OllamaDouble(script=["img-to-text-model"]) as ollama,
        pytest.raises(ServiceUnavailableError, match=r"cannot see pictures.*llava"),
    ):
        ask(ollama)


@pytest.mark.parametrize(
    "behaviour", ["malformed", "redirect", "404route", "opt-bad-type", "web_page"]
)
def test_other_answers_are_no_service_and_no_traceback(behaviour):
    with (
        OllamaDouble(script=[behaviour]) as ollama,
        pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1") as told,
    ):
        ask(ollama)
    assert len(ollama.requests) == 1
    assert "<" not in str(told.value)


def test_proxy_in_the_environment_is_not_for_loopback(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with OllamaDouble() as ollama:
        reply, _ = ask(ollama)
    assert reply.broke_off is None


def test_proxy_in_the_environment_is_for_other_hosts(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(5)
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        model = OllamaModel("llava", "http://ollama.example:11434", limits=QUICK)
        with pytest.raises(ServiceUnavailableError):
            model.version()
        connection, _ = proxy.accept()
        with connection:
            assert connection.recv(64).startswith(b"GET http://ollama.example:11434/api/version")


@pytest.mark.parametrize("url", ["", "ftp://here", "http://", "http://host:port", "http://[::1"])
def test_what_is_no_url_is_a_setting_to_correct(url):
    with pytest.raises(SettingsError, match="--ollama"):
        OllamaModel("llava", url)


def test_passwords_in_a_url_are_not_shown():
    assert OllamaModel("llava", "http://me:secret@gpu.example/o/").url == "http://gpu.example:80/o"
    assert OllamaModel("llava", "localhost").url == "http://localhost:11434"


def test_facts_about_server_and_model():
    with OllamaDouble(models=["llava:latest", "gemma3:4b"]) as ollama:
        assert OllamaModel("llava", ollama.url).version() == "0.32.15"
        assert OllamaModel("llava", ollama.url).is_there()
        assert not OllamaModel("gemma3", ollama.url).is_there()
        assert OllamaModel("gemma3:4b", ollama.url).context_length() == 32768

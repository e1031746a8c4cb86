"""What only Ollama does on the wire, met through `OllamaModel`, over real HTTP."""

import io

import pytest
from PIL import Image

from app.answering.vision import Limits, ModelFacts, Prompt, PromptTooLargeError, Reply
from app.answering.vision.ollama import OllamaModel
from app.model.errors import ModelMissingError, ServiceUnavailableError
from tests.ollama_double import OllamaDouble

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


def test_all_words_are_one_message_and_pictures_are_bare_jpeg():
    with OllamaDouble() as ollama:
        ask(ollama)
    (message,) = ollama.requests[0].messages
    assert message["content"] == "Question: which?\n\nEvidence: [1] [2]"
    assert [picture.format for picture in ollama.requests[0].pictures] == ["JPEG", "JPEG"]
    assert ollama.requests[0].encoded_pictures == list(PROMPT.pictures)


def test_context_is_ours_and_thinking_is_asked_of_nobody():
    with OllamaDouble() as ollama:
        ask(ollama)
        ollama.capabilities = ("vision", "thinking")
        ask(ollama)
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


def test_recorded_done_false_is_incomplete():
    with OllamaDouble(script=["format-json"]) as ollama:
        reply, _ = ask(ollama)
    assert reply.broke_off == "the stream ended before the answer did"


def test_missing_model_names_the_pull():
    with OllamaDouble() as ollama, pytest.raises(ModelMissingError, match="ollama pull nope:7b"):
        ask(ollama, "nope:7b")


def test_recorded_overflow_is_told_apart():
    with OllamaDouble(script=["img8"]) as ollama, pytest.raises(PromptTooLargeError, match="4643"):
        ask(ollama)


def test_recorded_model_without_eyes_names_models_that_see():
    with (
        OllamaDouble(script=["img-to-text-model"]) as ollama,
        pytest.raises(ServiceUnavailableError, match=r"cannot see pictures.*llava"),
    ):
        ask(ollama)


def test_a_host_alone_is_a_url():
    assert OllamaModel("llava", "localhost").url == "http://localhost:11434"


@pytest.mark.parametrize("behaviour", ["404route", "opt-bad-type"])
def test_what_it_refuses_is_told_in_its_words(behaviour):
    with (
        OllamaDouble(script=[behaviour]) as ollama,
        pytest.raises(ServiceUnavailableError, match="refused: "),
    ):
        ask(ollama)


def test_facts_about_server_and_model():
    with OllamaDouble(family="qwen35", capabilities=("vision", "thinking")) as ollama:
        model = OllamaModel("llava", ollama.url)
        assert model.version() == "0.32.15"
        assert model.facts() == ModelFacts(
            trained_context=32768, sees=True, thinks=True, family="qwen35"
        )
        with pytest.raises(ModelMissingError, match="ollama pull gemma3"):
            OllamaModel("gemma3", ollama.url).facts()


def test_a_model_without_eyes_is_known_before_it_is_asked():
    with (
        OllamaDouble(capabilities=()) as ollama,
        pytest.raises(ServiceUnavailableError, match="cannot see pictures"),
    ):
        ask(ollama)
    assert ollama.requests == []

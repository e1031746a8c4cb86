"""What only OpenAI's chat completions do on the wire, over real HTTP."""

import pytest

from app.answering.vision import Limits, Prompt
from app.answering.vision.openai_like import OpenAILikeModel
from app.model.errors import ModelMissingError, ServiceUnavailableError, SettingsError
from app.model.settings import Settings
from tests.openai_double import OpenAIDouble, OpenAIRequest

QUICK = Limits(connect=0.5, idle=0.3, total=5, attempts=2, wait=0.01)


def ask(server: OpenAIDouble, **settings: object) -> OpenAIRequest:
    key = Settings(**settings).vision_api_key
    model = OpenAILikeModel("llava", server.url, key, limits=QUICK)
    model.reply(Prompt("Which?", (), "Say."), num_ctx=4096, num_predict=64, on_text=print)
    return server.requests[0]


def test_one_message_holds_all_for_some_templates_refuse_two_of_one_role():
    with OpenAIDouble() as server:
        request = ask(server)
    assert [message["role"] for message in request.messages] == ["user"]
    assert request.body["max_tokens"] == 64


def test_nothing_is_said_of_who_asks(monkeypatch):
    for name in ("API_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", "ours-alone")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with OpenAIDouble() as server:
        request = ask(server)
    assert not [name for name in request.headers if name.lower().startswith(("openai", "x-stain"))]
    assert "ours-alone" not in str(request.headers)


def test_a_key_goes_to_the_server_that_it_is_for():
    with OpenAIDouble() as server:
        request = ask(server, vision_api_key="secret")
    assert request.headers["Authorization"] == "Bearer secret"


def test_a_wrong_key_names_the_setting():
    with (
        OpenAIDouble(script=["api_key_wrong"]) as server,
        pytest.raises(ServiceUnavailableError, match="SIGHTLINE_VISION_API_KEY"),
    ):
        ask(server)


@pytest.mark.parametrize("recorded", ["json_schema_bad", "json_schema_bad_pattern", "bad_picture"])
def test_what_the_server_refuses_is_told_in_its_words_and_not_asked_again(recorded):
    with (
        OpenAIDouble(script=[recorded]) as server,
        pytest.raises(ServiceUnavailableError, match="refused: "),
    ):
        ask(server)
    assert len(server.requests) == 1


@pytest.mark.parametrize("recorded", ["stream", "stream_usage"])
def test_a_recorded_answer_is_cut_at_its_length(recorded):
    with OpenAIDouble(script=[recorded]) as server:
        model = OpenAILikeModel("llava", server.url, limits=QUICK)
        reply = model.reply(Prompt("Which?", (), ""), num_ctx=0, num_predict=2, on_text=print)
    assert reply.text == "/E"
    assert "length" in reply.broke_off
    assert reply.prompt_tokens == (619 if recorded == "stream_usage" else None)


def test_a_model_that_is_not_there_is_told_with_those_that_are():
    with (
        OpenAIDouble(models=["internvl", "qwen"]) as server,
        pytest.raises(ModelMissingError, match="it has internvl, qwen"),
    ):
        OpenAILikeModel("llava", server.url, limits=QUICK).facts()


def test_a_url_may_leave_out_what_is_always_there():
    with OpenAIDouble(models=["m"]) as server:
        for url in (server.url, f"{server.url}/", f"{server.url}/v1", f"{server.url}/v1/"):
            OpenAILikeModel("m", url, limits=QUICK).facts()


def test_an_empty_url_is_no_server():
    with pytest.raises(SettingsError, match="--vision-url"):
        OpenAILikeModel("m", " ", limits=QUICK)


def test_llama_cpp_tells_what_it_runs():
    with OpenAIDouble(served_context=8192, capabilities=("vision", "thinking")) as server:
        model = OpenAILikeModel("llava", server.url, limits=QUICK)
        facts = model.facts()
        assert (facts.served_context, facts.trained_context) == (8192, 32768)
        assert (facts.sees, facts.thinks) == (True, True)
        model.reply(Prompt("Which?", (), "Say."), num_ctx=0, num_predict=64, on_text=print)
    assert server.requests[0].body["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_model_without_eyes_is_known_before_it_is_asked():
    with (
        OpenAIDouble(capabilities=()) as server,
        pytest.raises(ServiceUnavailableError, match="cannot see pictures"),
    ):
        ask(server)
    assert server.requests == []


def test_a_server_that_lists_nothing_is_asked_all_the_same(monkeypatch):
    monkeypatch.setattr(OpenAIDouble.handler, "listing", lambda _: {})
    with OpenAIDouble() as server:
        assert ask(server).body["model"] == "llava"


LIES = [
    {"/props": {"modalities": ["vision"], "default_generation_settings": "x"}},
    {"/props": {"default_generation_settings": {"n_ctx": -1}, "modalities": {"vision": "yes"}}},
    {"/v1/models": {"data": "abc"}},
    {"/v1/models": {"data": ["x", {}, {"id": None}, {"id": 7}]}},
    {"/v1/models": {"data": [{"id": "llava", "owned_by": "x", "meta": [1], "max_model_len": "9"}]}},
    {"/v1/models": {"data": [{"id": "llava", "owned_by": "x", "meta": {"n_ctx_train": True}}]}},
]


@pytest.mark.parametrize("lie", LIES)
def test_what_a_server_says_amiss_of_its_models_counts_as_untold(lie, monkeypatch):
    listing = OpenAIDouble.handler.listing
    monkeypatch.setattr(OpenAIDouble.handler, "listing", lambda self: {**listing(self), **lie})
    with OpenAIDouble() as server:
        model = OpenAILikeModel("llava", server.url, limits=QUICK)
        try:
            facts = model.facts()
        except ModelMissingError:
            return
    assert facts.served_context is None
    assert facts.trained_context in (None, 32768)


def test_json_that_is_nested_without_end_is_no_bug(monkeypatch):
    deep = {"status": 500, "ctype": "application/json", "text": "[" * 100_000}
    monkeypatch.setitem(OpenAIDouble.handler.recorded, "deep", deep)
    with OpenAIDouble(script=["deep"]) as server, pytest.raises(ServiceUnavailableError):
        ask(server)

"""A form that a model fills in: read with care, checked, asked for once more, or an error."""

from collections.abc import Sequence
from typing import Literal

import pytest
from pydantic import BaseModel

from app.answering.budget import Budget
from app.answering.structured import fill_in
from app.answering.vision import Prompt, open_model
from app.model.errors import AnswerError, ServiceUnavailableError
from app.model.settings import Settings
from tests.ollama_double import OllamaDouble
from tests.vision_double import Reply


class Verdict(BaseModel):
    answer: Literal["yes", "no"]
    reason: str = ""


BUDGET = Budget(1, as_sheet=False, side=672, num_ctx=4096, num_predict=64)


def filled(
    reply: Reply, *, script: Sequence[str] = (), budget: Budget = BUDGET, **more
) -> tuple[Verdict, list[Prompt], OllamaDouble]:
    """What came of it, with the prompts that were built and the server that was asked."""
    built = []

    def build(budget: Budget) -> Prompt:
        built.append(Prompt(f"{budget.side} pixels", (), "Yes or no?", schema={"type": "object"}))
        return built[-1]

    with OllamaDouble(reply=reply, script=script) as ollama:
        model = open_model(Settings(ollama=ollama.url))
        return fill_in(Verdict, build, budget=budget, model=model, **more)[0], built, ollama


@pytest.mark.parametrize(
    "text",
    [
        '{"answer": "yes", "reason": "calm"}',
        'Of course!\n```json\n{"answer": "yes", "reason": "calm"}\n```\nAnything else?',
        'As asked, {so}: {"answer": "yes", "reason": "calm", "mood": {"good": true}}',
        '{"thought": "hm"} {"answer": "yes", "reason": "calm"}',
        '{"answer": "yes", "reason": "calm", "more": "the co',
    ],
)
def test_an_object_is_found_wherever_it_stands(text):
    verdict, _, ollama = filled(text)
    assert verdict == Verdict(answer="yes", reason="calm")
    assert len(ollama.requests) == 1


def test_of_an_object_that_is_cut_off_a_broken_value_does_not_count():
    verdict, *_ = filled('{"answer": "no", "reason": "the colou')
    assert verdict == Verdict(answer="no")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Yes!", "it is not the form that was asked for"),
        ("", "it is not the form that was asked for"),
        ('{"answer": "maybe"}', "its 'answer' is not 'yes' or 'no'"),
        ('{"answer": "y', "its 'answer' is left out"),
        ('{"answer": "yes", "reason": 5}', "its 'reason' is no text"),
        ("[" * 2000 + "{" * 2000, "it is not the form that was asked for"),
    ],
)
def test_what_cannot_be_used_is_asked_for_once_more_and_then_an_error(text, told):
    with pytest.raises(AnswerError, match="llava was asked twice") as failure:
        filled(text)
    assert told in str(failure.value)
    assert len(str(failure.value)) < 500


def test_thoughts_before_an_answer_do_not_count():
    verdict, *_ = filled('<think>Is {"answer": "yes"} right? No.</think> {"answer": "no"}')
    assert verdict.answer == "no"


def test_two_answers_that_differ_are_none():
    with pytest.raises(AnswerError, match="fills in the form several times, and not alike"):
        filled('{"answer": "yes"} or rather {"answer": "no"}')
    assert filled('{"answer": "yes"} as I said: {"answer": "yes"}')[0].answer == "yes"


def test_the_second_time_a_model_is_told_what_was_amiss():
    said = iter(["Yes!", '{"answer": "yes"}'])
    verdict, _, ollama = filled(lambda _: next(said))
    assert verdict.answer == "yes"
    first, second = ollama.requests
    assert "could not be used" not in first.text
    assert "could not be used: it is not the form that was asked for" in second.text
    assert second.schema == {"type": "object"}


def test_a_check_may_mend_a_form_or_refuse_it():
    def check(verdict: Verdict) -> Verdict:
        if verdict.answer == "no":
            raise ValueError("no is no answer")
        return verdict.model_copy(update={"reason": "mended"})

    assert filled('{"answer": "yes"}', check=check)[0].reason == "mended"
    with pytest.raises(AnswerError, match="no is no answer"):
        filled('{"answer": "no"}', check=check)


def test_a_server_that_refuses_the_prompt_is_asked_with_less():
    verdict, built, ollama = filled('{"answer": "yes"}', script=["img8"])
    assert verdict.answer == "yes"
    assert [prompt.before for prompt in built] == ["672 pixels", "336 pixels"]
    assert len(ollama.requests) == 2


def test_a_server_that_refuses_less_too_is_of_no_use():
    with pytest.raises(ServiceUnavailableError, match="refuses the prompt"):
        filled('{"answer": "yes"}', script=["img8", "img8"])

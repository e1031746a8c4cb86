"""Structured: a prompt → a form that a vision model filled in, as a pydantic model, or an error.

A server binds the answer to the form's schema where it can. All the same there may be words or a
fence around it, it may be cut off, and it may say what cannot be: so it is read with care, checked,
and asked for once more before it is given up.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from app.answering.budget import Budget, smaller
from app.answering.prompts import truncated
from app.answering.vision import (
    Prompt,
    PromptTooLargeError,
    Reply,
    SchemaRefusedError,
    VisionModel,
    discard,
)
from app.model.errors import AnswerError, ServiceUnavailableError

Form = TypeVar("Form", bound=BaseModel)

MAX_OBJECTS = 20
"""Places where an object may begin that are tried: prose has a brace or two."""

MAX_SHOWN_CHARACTERS = 120
"""Of an answer that cannot be used, in the message that says so."""


def the_same(filled: Sequence[Form], _text: str) -> Form | None:
    """Return the form if all of several are equal, else None.

    One may be a thought, or quoted from a caption.
    """
    alike = bool(filled) and all(each == filled[0] for each in filled)
    return filled[0] if alike else None


def fill_in(
    form: type[Form],
    build: Callable[[Budget], Prompt],
    *,
    budget: Budget,
    model: VisionModel,
    check: Callable[[Form], Form] = lambda filled: filled,
    settle: Callable[[Sequence[Form], str], Form | None] = the_same,
) -> tuple[Form, str | None]:
    """Ask a model to fill in a form; once more, if what it wrote cannot be used.

    `build` makes the prompt, with its schema, for a budget: a server that refuses it is asked with
    less. `settle` chooses from the forms that stand in an answer, and the answer's whole text.
    `check` may mend what was filled in, or raise ValueError. Returns with the form why the answer
    broke off, if it did. Raises AnswerError, in words for a person, after the second answer that
    cannot be used, and as `VisionModel.reply`.
    """
    prompt, reply = _first(build, budget, model)
    try:
        return check(_read(form, reply, settle)), reply.broke_off
    except ValueError as error:
        remark = f"What you wrote before could not be used: {error}. Write the JSON object alone."
    again = replace(prompt, after=f"{prompt.after}\n{remark}")
    reply = _said(again, budget, model)
    try:
        return check(_read(form, reply, settle)), reply.broke_off
    except ValueError as error:
        said = repr(truncated(reply.text.strip(), MAX_SHOWN_CHARACTERS))
        raise AnswerError(
            f"{model.name} was asked twice and gave no answer that can be used: {error}. It said"
            f" {said}. Try again, or another model with --model"
        ) from error


def _first(
    build: Callable[[Budget], Prompt], budget: Budget, model: VisionModel
) -> tuple[Prompt, Reply]:
    """Return the prompt that the server takes, and the first answer."""
    prompt = build(budget)
    try:
        return prompt, _said(prompt, budget, model)
    except PromptTooLargeError:
        less = smaller(budget, query_image=budget.as_sheet or len(prompt.pictures) > 1)
    prompt = build(less)
    try:
        return prompt, _said(prompt, less, model)
    except PromptTooLargeError as error:
        raise ServiceUnavailableError(str(error)) from error


def _said(prompt: Prompt, budget: Budget, model: VisionModel) -> Reply:
    ask = partial(
        model.reply, num_ctx=budget.num_ctx, num_predict=budget.num_predict, on_text=discard
    )
    try:
        return ask(prompt)
    except SchemaRefusedError:
        return ask(replace(prompt, schema=None))


def _read(
    form: type[Form], reply: Reply, settle: Callable[[Sequence[Form], str], Form | None]
) -> Form:
    """Return the filled-in form. Raises ValueError, which says what is wrong with it."""
    wrong, filled = "it is not the form that was asked for", list[Form]()
    for found in _objects(reply.text):
        try:
            filled.append(form.model_validate(found))
        except ValidationError as error:
            wrong = _amiss(error)
    settled = settle(filled, reply.text)
    if settled is not None:
        return settled
    if filled:
        wrong = "it fills in the form several times, and not alike"
    raise ValueError(f"{wrong}; {reply.broke_off}" if reply.broke_off else wrong)


_AMISS = {
    "missing": "is left out",
    "literal_error": "is not {expected}",
    "string_type": "is no text",
    "list_type": "is no list",
    "too_short": "is too short",
}
"""What is said of a part of a form, by pydantic's name for what is amiss. Its own sentences are a
programmer's; they stay for what only a programmer's form asks for."""


def _amiss(error: ValidationError) -> str:
    """Return what is wrong with a form, the first of several things."""
    first = error.errors(include_input=False, include_url=False)[0]
    part = truncated(".".join(map(str, first["loc"])), MAX_SHOWN_CHARACTERS)
    if told := _AMISS.get(first["type"]):
        return f"its {part!r} {told.format_map(first.get('ctx', {}))}"
    return f"{part}: {first['msg']}"


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    r"""Yield the JSON objects in a text; of one that is cut off, what is whole.

    >>> list(_objects('Sure:\n```json\n{"a": 1}\n```'))
    [{'a': 1}]
    >>> list(_objects('{"answer": "yes", "items": ["a coat", "a ha'))
    [{'answer': 'yes', 'items': ['a coat']}]
    """
    start = text.find("{")
    for _ in range(MAX_OBJECTS):
        if start < 0:
            return
        try:
            found, length = json.JSONDecoder().raw_decode(text[start:])
        except (ValueError, RecursionError):
            found, length = _unfinished(text[start:]), 1
        if isinstance(found, dict):
            yield found
        start = text.find("{", start + length)


def _unfinished(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return from_json(text, allow_partial=True)
    except ValueError:
        return None

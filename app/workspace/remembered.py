"""Remembered: the last answers of a collection, for those who ask the same of it again."""

import math
import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

MAX_ANSWERS = 64

MAX_SECONDS = 5.0
"""What an answer rests on beside the collection, such as pictures on the disk or what `now` means,
may be no older."""

Answer = TypeVar("Answer")


class Remembered:
    """Answers of one version of a collection; threads share it. Of another version all go."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._version: object = None
        self._answers: dict[Hashable, tuple[float, Any]] = {}

    def answer(
        self,
        version: Callable[[], object],
        question: Hashable | None,
        find: Callable[[], Answer],
        holds: Callable[[Answer], bool] = lambda _: True,
    ) -> Answer:
        """Return what is remembered, if it still holds, or else what is found, and remember that.

        Nothing is of no question, where there is no version, or where it changed meanwhile.
        """
        now, asked_at = version(), time.monotonic()
        if question is None or now is None:
            return find()
        with self._lock:
            if self._version is not now:
                self._version, self._answers = now, {}
            found_at, known = self._answers.pop(question, (-math.inf, None))
            if asked_at - found_at <= MAX_SECONDS:
                self._answers[question] = found_at, known  # as the last that was asked
        if asked_at - found_at <= MAX_SECONDS and holds(known):
            return known  # type: ignore[no-any-return]
        found = find()
        is_same = version() is now
        with self._lock:
            if is_same and self._version is now:
                self._answers.pop(question, None)
                self._answers[question] = asked_at, found
                for old in list(self._answers)[:-MAX_ANSWERS]:
                    del self._answers[old]
        return found

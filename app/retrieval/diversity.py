"""Diversity: a ranking → one in which what resembles the ones before it comes later. Pure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def diversify(
    items: Sequence[T],
    *,
    relevance: Callable[[T], float],
    likeness: Callable[[T, T], float],
    balance: float,
) -> list[T]:
    """Return all items by maximal marginal relevance: next is always the best that is new.

    `relevance` and `likeness` are from 0 to 1; of 1, `balance` is what relevance counts, the rest
    is taken off for the likest of those chosen. Source: Carbonell and Goldstein 1998,
    doi:10.1145/290941.291025.

    >>> diversify(["red shirt", "red tie", "blue hat"], relevance=lambda _: 1, balance=0.5,
    ...           likeness=lambda one, other: len({*one.split()} & {*other.split()}) / 2)
    ['red shirt', 'blue hat', 'red tie']
    """
    left, chosen = list(items), list[T]()
    nearest = [0.0] * len(left)

    def worth(place: int) -> float:
        return balance * relevance(left[place]) - (1 - balance) * nearest[place]

    while left:
        best = max(range(len(left)), key=worth)  # the first of equals: ties stay in order
        chosen.append(left.pop(best))
        nearest.pop(best)
        nearest = [
            max(near, likeness(item, chosen[-1])) for near, item in zip(nearest, left, strict=True)
        ]
    return chosen

"""What the sample's streets say when they are counted: the numbers of the shelf."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from data.scenes import CITIES, Scene, make_scenes, scores_of

COUNT, SEED = 60, 7
"""The sample as `make demo` draws it: the shelf speaks of those streets and no others."""


@dataclass(frozen=True, slots=True)
class Street:
    """A street of the sample, and how it is seen: six scores from 0 to 10."""

    scene: Scene
    scores: dict[str, float]

    @property
    def city(self) -> str:
        """The city's name."""
        return self.scene.city.name


Streets = Sequence[Street]
Test = Callable[[Scene], object]


def sample_streets() -> list[Street]:
    """The sixty streets of the sample."""
    return [Street(scene, scores_of(scene)) for scene in make_scenes(COUNT, SEED)]


def those(streets: Streets, test: Test) -> list[Street]:
    """The streets whose scene passes the test."""
    return [street for street in streets if test(street.scene)]


def of_city(streets: Streets, city: str) -> list[Street]:
    """The streets of one city."""
    return those(streets, lambda scene: scene.city.name == city)


def grouped(streets: Streets, tests: Mapping[str, Test]) -> dict[str, list[Street]]:
    """The streets that pass each test, named after it and their number: `a shop (18)`."""
    groups = {name: those(streets, test) for name, test in tests.items()}
    return {f"{name} ({len(group)})": group for name, group in groups.items()}


def scores(groups: Mapping[str, Streets], name: str) -> dict[str, float]:
    """The mean score of each group."""
    return {label: score(group, name) for label, group in groups.items()}


def score(streets: Streets, name: str) -> float:
    """Their mean score of this name."""
    return mean(street.scores[name] for street in streets)


def count(streets: Streets, what: Callable[[Scene], int]) -> int:
    """How many things they hold together; of a thing that is there or not, how many have it."""
    return sum(int(what(street.scene)) for street in streets)


def best_city(streets: Streets, name: str) -> tuple[str, float]:
    """The city with the highest mean of a score, and that mean."""
    cities = scores({city.name: of_city(streets, city.name) for city in CITIES}, name)
    best = max(cities, key=lambda city: cities[city])
    return best, cities[best]

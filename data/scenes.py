"""What is in a sample street: the truth that is drawn, its caption and its scores."""

import random
from dataclasses import dataclass, replace
from typing import Any

Colour = tuple[int, int, int]

SCORES = ("livelier", "more beautiful", "more boring", "more depressing", "safer", "wealthier")
TIMES = ("morning", "noon", "sunset", "night")
WEATHERS = ("clear", "clear", "clear", "clear", "rain", "fog")
CAR_COLOURS: dict[str, Colour] = {
    "red": (206, 32, 38),
    "blue": (36, 92, 190),
    "yellow": (246, 196, 40),
    "white": (238, 238, 236),
    "black": (28, 29, 36),
    "green": (44, 128, 84),
    "silver": (168, 176, 184),
}
SHOPS = ("bakery", "café", "bookshop", "flower shop", "barber's shop", "grocery")


@dataclass(frozen=True, slots=True)
class City:
    """A real city: its centre in degrees, how far scenes stray, and what its streets have."""

    name: str
    lat: float
    lon: float
    spread: float
    buildings: tuple[str, ...]
    trees: tuple[str, ...]
    keeps_left: bool = False


CITIES = (
    City(
        "Amsterdam",
        52.3665,
        4.8945,
        0.012,
        ("brick row houses", "brick row houses", "shop fronts", "houses"),
        ("leafy trees", "leafy trees", "autumn trees", "cherry trees in bloom"),
    ),
    City(
        "Lisbon",
        38.7215,
        -9.1455,
        0.010,
        ("pastel row houses", "pastel row houses", "shop fronts", "houses"),
        ("palm trees", "palm trees", "jacaranda trees", "leafy trees"),
    ),
    City(
        "Melbourne",
        -37.8105,
        144.9630,
        0.010,
        ("office towers", "office towers", "brick row houses", "shop fronts", "houses"),
        ("leafy trees", "pine trees", "autumn trees", "palm trees"),
        keeps_left=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a picture shows and its caption says; `seed` decides what neither counts.

    `trees` is a kind, `tree_count` how many; `cars` are colours, nearest first; no `shop` is "".
    """

    city: City
    lat: float
    lon: float
    id: str
    seed: int
    time: str
    weather: str
    buildings: str
    trees: str = "leafy trees"
    tree_count: int = 0
    cars: tuple[str, ...] = ()
    shop: str = ""
    people: int = 0
    bicycles: int = 0
    lamps: bool = False
    crossing: bool = False
    bridge: bool = False

    @property
    def image_name(self) -> str:
        """The file name, `lat_lon_id_City.JPG`, as the street-view collections write it."""
        return f"{self.lat:.6f}_{self.lon:.6f}_{self.id}_{self.city.name}.JPG"

    def chance(self, topic: str) -> random.Random:
        """Random numbers of one topic: taking a car away moves no tree."""
        return random.Random(f"{self.seed} {topic}")


# The first scene is the one that the README shows and the demo asks for.
FIRST: dict[str, Any] = {
    "time": "sunset", "weather": "clear", "buildings": "brick row houses", "trees": "leafy trees",
    "tree_count": 6, "cars": ("red",), "shop": "", "people": 2, "bicycles": 1, "lamps": False,
    "crossing": False, "bridge": False,
}  # fmt: skip


def make_scenes(count: int, seed: int) -> list[Scene]:
    """`count` scenes with no caption twice, shared evenly by the cities, all times in each."""
    rng = random.Random(seed)
    scenes: list[Scene] = []
    captions: set[str] = set()
    while len(scenes) < count:
        turn, which = divmod(len(scenes), len(CITIES))
        scene = chance_scene(rng, CITIES[which], TIMES[(turn + which) % len(TIMES)])
        if not scenes:
            scene = replace(scene, **FIRST)
        if (caption := caption_of(scene)) not in captions:
            captions.add(caption)
            scenes.append(scene)
    return scenes


def chance_scene(rng: random.Random, city: City, time: str) -> Scene:
    """One street of this city at this time of day."""
    buildings = rng.choice(city.buildings)
    has_shop = buildings == "shop fronts" or (buildings != "houses" and rng.random() < 0.2)
    return Scene(
        city=city,
        lat=round(city.lat + rng.uniform(-city.spread, city.spread), 6),
        lon=round(city.lon + rng.uniform(-city.spread, city.spread), 6),
        id=f"{rng.getrandbits(96):024x}",
        seed=rng.getrandbits(32),
        time=time,
        weather=rng.choice(WEATHERS),
        buildings=buildings,
        trees=rng.choice(city.trees),
        tree_count=rng.choice((0, 1, 2, 4, 5, 6, 7, 8)),
        cars=tuple(rng.sample(list(CAR_COLOURS), k=rng.choice((0, 1, 1, 1, 2, 3)))),
        shop=rng.choice(SHOPS) if has_shop else "",
        people=rng.choice((0, 0, 0, 1, 2, 3, 5)),
        bicycles=rng.choice((0, 0, 1, 2)) if city.name == "Amsterdam" else rng.choice((0, 0, 0, 1)),
        lamps=rng.random() < (0.65 if time == "night" else 0.2),
        crossing=rng.random() < 0.25,
        bridge=rng.random() < 0.15,
    )


# --- the caption -------------------------------------------------------------------------------

NUMBERS = ("no", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def caption_of(scene: Scene) -> str:
    """One sentence, without a capital or a full stop, that names everything the scene shows."""
    first, used = opening(scene)
    things = [thing for thing in details(scene) if thing not in used]
    middle = f" with {joined(things)}" if things else ""
    return f"{first}{middle} {moment(scene)}"


def opening(scene: Scene) -> tuple[str, tuple[str, ...]]:
    """How the sentence starts, and the details that it has already told."""
    rng = scene.chance("caption")
    if scene.cars:
        cars, one = car_words(scene), len(scene.cars) == 1
        verb = rng.choice(("drives past", "passes") if one else ("drive past", "pass"))
        if scene.weather == "rain":
            verb = f"{'drives' if one else 'drive'} down a wet road past"
        return f"{cars} {verb} {scene.buildings}", (cars,)
    if scene.people:
        people = people_words(scene)
        walk = "walks past" if scene.people == 1 else "walk past"
        return f"{people} {walk} {scene.buildings}", (people,)
    lead = rng.choice(("an empty {}street of", "a quiet {}street of", "a deserted {}road past"))
    return f"{lead.format('wet ' if scene.weather == 'rain' else '')} {scene.buildings}", ()


def details(scene: Scene) -> list[str]:
    """Each thing in the street, in the words of the caption."""
    things = [
        (tree_words(scene), scene.tree_count),
        (f"a {scene.shop} under a striped awning", scene.shop),
        (people_words(scene), scene.people),
        (counted(scene.bicycles, "parked bicycle"), scene.bicycles),
        ("lit street lamps" if scene.time == "night" else "street lamps", scene.lamps),
        ("a zebra crossing", scene.crossing),
        ("a stone bridge over the road", scene.bridge),
    ]
    return [words for words, there in things if there]


def car_words(scene: Scene) -> str:
    """`a red car`, or `a red car and a blue car`."""
    return joined([f"a {colour} car" for colour in scene.cars])


def people_words(scene: Scene) -> str:
    """`a person`, `two people`; under umbrellas when it rains."""
    people = "a person" if scene.people == 1 else f"{NUMBERS[scene.people]} people"
    if scene.weather != "rain":
        return people
    return f"{people} under {'an umbrella' if scene.people == 1 else 'umbrellas'}"


def tree_words(scene: Scene) -> str:
    """`two palm trees`, `a cherry tree in bloom`."""
    if scene.tree_count != 1:
        return f"{NUMBERS[scene.tree_count]} {scene.trees}"
    article = "an" if scene.trees[0] in "aeiou" else "a"
    return f"{article} {scene.trees.replace('trees', 'tree')}"


def counted(count: int, noun: str) -> str:
    """`a parked bicycle`, `two parked bicycles`."""
    return f"a {noun}" if count == 1 else f"{NUMBERS[count]} {noun}s"


def moment(scene: Scene) -> str:
    """The time of day and the weather: `at sunset`, `on a foggy morning`."""
    if scene.weather == "clear" or scene.time in ("noon", "sunset"):
        air = {"clear": "", "rain": "in the rain ", "fog": "in the fog "}[scene.weather]
        return f"{air}{'in the' if scene.time == 'morning' else 'at'} {scene.time}"
    return f"on a {'rainy' if scene.weather == 'rain' else 'foggy'} {scene.time}"


def joined(things: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *head, last = things
    return f"{', '.join(head)} and {last}" if head else last


# --- the scores --------------------------------------------------------------------------------

# What each feature adds to a score; a score starts at 5. README.md prints this table's meaning.
SCORE_RULE: dict[str, dict[str, float]] = {
    "livelier": {
        "people": 0.5, "shop": 1.2, "cars": 0.3, "bicycles": 0.3, "night": -0.5, "rain": -0.6,
        "fog": -0.8, "quiet": -1.0,
    },
    "more beautiful": {
        "trees": 0.25, "blossom": 0.8, "sunset": 0.9, "bridge": 0.5, "cars": -0.3, "rain": -0.5,
        "dark": -1.0, "towers": -0.7,
    },
    "more boring": {
        "people": -0.4, "shop": -1.0, "trees": -0.1, "bridge": -0.5, "cars": -0.2, "quiet": 1.2,
        "towers": 0.6, "fog": 0.5,
    },
    "more depressing": {
        "trees": -0.2, "rain": 1.2, "fog": 0.8, "night": 0.5, "dark": 1.0, "people": -0.2,
        "sunset": -0.6, "towers": 0.5,
    },
    "safer": {
        "night": -1.0, "dark": -1.5, "people": 0.3, "shop": 0.6, "crossing": 0.7, "lamps": 0.5,
        "rain": -0.5, "fog": -0.8, "cars": -0.2,
    },
    "wealthier": {
        "towers": 1.5, "houses": 0.8, "trees": 0.15, "shop": 0.5, "lamps": 0.4, "dark": -0.8,
    },
}  # fmt: skip
NOISE = 0.2  # standard deviation: enough to look measured, too little to hide the rule


def features(scene: Scene) -> dict[str, float]:
    """What the score rule counts."""
    return {
        "people": scene.people,
        "cars": len(scene.cars),
        "bicycles": scene.bicycles,
        "trees": scene.tree_count,
        "shop": bool(scene.shop),
        "lamps": scene.lamps,
        "crossing": scene.crossing,
        "bridge": scene.bridge,
        "rain": scene.weather == "rain",
        "fog": scene.weather == "fog",
        "sunset": scene.time == "sunset",
        "night": scene.time == "night",
        "dark": scene.time == "night" and not scene.lamps,
        "quiet": not (scene.people or scene.cars or scene.shop),
        "blossom": scene.tree_count > 0 and scene.trees in BLOSSOMING,
        "towers": scene.buildings == "office towers",
        "houses": scene.buildings == "houses",
    }


BLOSSOMING = ("cherry trees in bloom", "jacaranda trees")


def scores_of(scene: Scene) -> dict[str, float]:
    """Six perception scores from 0 to 10: 5, what the rule adds, and a little seeded noise."""
    seen, rng = features(scene), scene.chance("scores")
    scores = {}
    for name, rule in SCORE_RULE.items():
        exact = 5 + sum(weight * seen[feature] for feature, weight in rule.items())
        scores[name] = min(10.0, max(0.0, exact + rng.gauss(0, NOISE)))
    return scores

"""What the shop sells: the kinds and colours of garments, and a choice of them from a seed."""

import random
from dataclasses import dataclass
from itertools import cycle, islice

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "Black": (38, 38, 43),
    "White": (248, 248, 245),
    "Grey": (128, 133, 142),
    "Navy Blue": (36, 50, 98),
    "Blue": (64, 122, 196),
    "Green": (46, 128, 88),
    "Olive": (112, 114, 62),
    "Yellow": (242, 200, 70),
    "Orange": (228, 124, 52),
    "Red": (198, 44, 52),
    "Pink": (238, 162, 182),
    "Purple": (112, 74, 150),
    "Brown": (120, 76, 48),
    "Beige": (222, 199, 160),
}
BRANDS = ("Bramble", "Tarnwick", "Pellaro", "Fennmoor", "Ostrelle", "Kestrow", "Lumbry", "Wrenfold")
YEARS = (2023, 2024, 2025)

WOMEN, MEN, UNISEX = "Women", "Men", "Unisex"
SOBER = ("Black", "Grey", "Navy Blue", "Brown", "Beige", "Olive")
BRIGHT = (
    "White",
    "Red",
    "Navy Blue",
    "Yellow",
    "Green",
    "Pink",
    "Blue",
    "Black",
    "Purple",
    "Orange",
)
LEATHER = ("Black", "Brown", "Beige", "Navy Blue", "Red")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of garment; `genders` are those of one round of the shop, a garment each.

    `wear` are the pairs of usage and season that make sense; no `patterns`: names do not tell one.
    """

    article: str
    noun: str
    master: str
    sub: str
    slot: str
    genders: tuple[str, ...]
    colours: tuple[str, ...]
    wear: tuple[tuple[str, str], ...]
    patterns: tuple[str, ...] = ()


KINDS = (
    Kind(
        "Tshirts", "T-shirt", "Apparel", "Topwear", "top", (WOMEN, MEN, UNISEX, MEN), BRIGHT,
        (("Casual", "Summer"), ("Sports", "Summer"), ("Sports", "Spring"), ("Casual", "Spring")),
        ("Striped", "Plain", "Plain", "Dotted"),
    ),
    Kind(
        "Jeans", "Jeans", "Apparel", "Bottomwear", "bottom", (WOMEN, MEN, UNISEX),
        ("Blue", "Navy Blue", "Black", "Grey"), (("Casual", "Fall"), ("Casual", "Spring")),
    ),
    Kind(
        "Casual Shoes", "Sneakers", "Footwear", "Shoes", "shoes", (UNISEX, MEN, WOMEN),
        ("White", "Red", "Navy Blue", "Green", "Black", "Pink"),
        (("Sports", "Summer"), ("Casual", "Spring"), ("Casual", "Fall")),
    ),
    Kind(
        "Jackets", "Jacket", "Apparel", "Topwear", "outerwear", (WOMEN, MEN, UNISEX),
        ("Olive", "Black", "Navy Blue", "Red", "Yellow", "Brown"),
        (("Casual", "Fall"), ("Casual", "Spring"), ("Sports", "Spring")),
    ),
    Kind(
        "Handbags", "Handbag", "Accessories", "Bags", "bag", (WOMEN, WOMEN, WOMEN),
        ("Brown", "Red", "Black", "Beige", "Green", "Pink"),
        (("Casual", "Summer"), ("Formal", "Fall"), ("Casual", "Spring")),
    ),
    Kind(
        "Shirts", "Shirt", "Apparel", "Topwear", "top", (MEN, WOMEN, MEN, MEN),
        ("White", "Blue", "Navy Blue", "Pink", "Green", "Grey", "Red"),
        (("Formal", "Spring"), ("Casual", "Summer"), ("Formal", "Fall")),
        ("Plain", "Checked", "Striped", "Plain"),
    ),
    Kind(
        "Trousers", "Trousers", "Apparel", "Bottomwear", "bottom", (MEN, WOMEN, MEN, WOMEN), SOBER,
        (("Formal", "Fall"), ("Casual", "Spring"), ("Formal", "Winter")),
        ("Plain", "Plain", "Checked", "Plain"),
    ),
    Kind(
        "Dresses", "Dress", "Apparel", "Dress", "dress", (WOMEN, WOMEN, WOMEN, WOMEN), BRIGHT,
        (("Casual", "Summer"), ("Formal", "Fall"), ("Casual", "Spring")),
        ("Dotted", "Plain", "Striped", "Checked"),
    ),
    Kind(
        "Formal Shoes", "Formal Shoes", "Footwear", "Shoes", "shoes", (MEN, WOMEN),
        ("Black", "Brown", "Navy Blue", "Red"), (("Formal", "Fall"), ("Formal", "Winter")),
    ),
    Kind(
        "Watches", "Watch", "Accessories", "Watches", "accessory", (MEN, WOMEN),
        ("Black", "Brown", "Navy Blue", "Red"), (("Formal", "Winter"), ("Casual", "Spring")),
    ),
    Kind(
        "Skirts", "Skirt", "Apparel", "Bottomwear", "bottom", (WOMEN, WOMEN, WOMEN), BRIGHT,
        (("Casual", "Summer"), ("Casual", "Spring"), ("Formal", "Fall")),
        ("Plain", "Checked", "Dotted"),
    ),
    Kind(
        "Sweaters", "Jumper", "Apparel", "Topwear", "top", (UNISEX, WOMEN, MEN),
        ("Green", "Red", "Beige", "Grey", "Navy Blue", "Yellow", "Purple"),
        (("Casual", "Winter"), ("Casual", "Fall")), ("Plain", "Striped"),
    ),
    Kind(
        "Coats", "Coat", "Apparel", "Topwear", "outerwear", (WOMEN, MEN, WOMEN),
        ("Beige", "Grey", "Black", "Navy Blue", "Red"),
        (("Formal", "Winter"), ("Casual", "Winter")), ("Plain", "Checked", "Plain"),
    ),
    Kind(
        "Boots", "Boots", "Footwear", "Shoes", "shoes", (WOMEN, MEN, UNISEX),
        ("Brown", "Black", "Beige", "Olive"), (("Casual", "Winter"), ("Casual", "Fall")),
    ),
    Kind(
        "Backpacks", "Backpack", "Accessories", "Bags", "bag", (UNISEX, MEN),
        ("Navy Blue", "Orange", "Green", "Grey", "Red"),
        (("Sports", "Summer"), ("Casual", "Fall")),
    ),
    Kind(
        "Caps", "Cap", "Accessories", "Headwear", "accessory", (UNISEX, UNISEX),
        ("Red", "Blue", "Navy Blue", "White", "Green"),
        (("Sports", "Summer"), ("Casual", "Summer")),
    ),
    Kind(
        "Tops", "Blouse", "Apparel", "Topwear", "top", (WOMEN, WOMEN, WOMEN),
        ("Pink", "White", "Purple", "Orange", "Blue", "Yellow"),
        (("Casual", "Spring"), ("Formal", "Spring"), ("Casual", "Summer")),
        ("Plain", "Dotted", "Plain"),
    ),
    Kind(
        "Shorts", "Shorts", "Apparel", "Bottomwear", "bottom", (MEN, UNISEX, WOMEN),
        ("Beige", "Blue", "Olive", "Black", "Red", "Navy Blue"),
        (("Casual", "Summer"), ("Sports", "Summer")), ("Plain", "Plain", "Checked"),
    ),
    Kind(
        "Belts", "Belt", "Accessories", "Belts", "accessory", (MEN, WOMEN),
        LEATHER, (("Formal", "Fall"), ("Casual", "Spring")),
    ),
    Kind(
        "Scarves", "Scarf", "Accessories", "Scarves", "accessory", (UNISEX, WOMEN),
        ("Red", "Grey", "Blue", "Yellow", "Green", "Purple"),
        (("Casual", "Winter"), ("Casual", "Fall")), ("Checked", "Striped"),
    ),
    Kind(
        "Sandals", "Sandals", "Footwear", "Sandal", "shoes", (WOMEN, MEN),
        ("Brown", "Black", "Beige", "Red"), (("Casual", "Summer"),),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Garment:
    """Everything that a picture shows and its row says."""

    id: int
    kind: Kind
    gender: str
    brand: str
    colour: str
    pattern: str
    usage: str
    season: str
    year: int

    @property
    def name(self) -> str:
        """What the shop calls it: `Bramble Women Striped Navy Blue T-shirt`."""
        told = [self.pattern] if self.kind.patterns else []
        return " ".join([self.brand, self.gender, *told, self.colour, self.kind.noun])


def make_garments(count: int, seed: int) -> list[Garment]:
    """`count` garments; sixty are one round, in which each kind has its share for each gender.

    Within a kind the colours, patterns and uses take turns, so two alike are far apart.
    """
    rng = random.Random(seed)
    colours = {kind.article: rng.sample(kind.colours, len(kind.colours)) for kind in KINDS}
    made = {kind.article: 0 for kind in KINDS}
    garments: list[Garment] = []
    for kind, gender in one_after_another(count):
        turn = made[kind.article]
        made[kind.article] += 1
        usage, season = kind.wear[turn % len(kind.wear)]
        garment = Garment(
            id=10001 + len(garments),
            kind=kind,
            gender=gender,
            brand=rng.choice(BRANDS),
            colour=colours[kind.article][turn % len(kind.colours)],
            pattern=kind.patterns[turn % len(kind.patterns)] if kind.patterns else "Plain",
            usage=usage,
            season=season,
            year=rng.choice(YEARS),
        )
        garments.append(garment)
    return garments


def one_after_another(count: int) -> list[tuple[Kind, str]]:
    """The kind and gender of each garment: one of every kind, then of each its second, and on."""
    most = max(len(kind.genders) for kind in KINDS)
    turns = [(kind, turn) for turn in range(most) for kind in KINDS if turn < len(kind.genders)]
    return [(kind, kind.genders[turn]) for kind, turn in islice(cycle(turns), count)]

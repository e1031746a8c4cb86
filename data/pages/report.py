"""The report, "How people see the streets": eight pages of A4, the last a picture alone."""

from functools import partial

from PIL import Image

from app.figures.style import MUTED
from data.drawing import draw
from data.pages import charts
from data.pages.findings import (
    Street,
    Streets,
    best_city,
    count,
    grouped,
    of_city,
    score,
    scores,
    those,
)
from data.pages.paper import A4, Page, blank, footed
from data.pages.plate import contact_sheet
from data.scenes import CITIES, SCORE_RULE, SCORES, features

FILE = "how-people-see-the-streets.pdf"
TITLE = "How people see the streets"

MINUS = "\u2212"
"""The sign of negative numbers; a hyphen is too short beside a plus."""

page = partial(footed, A4, TITLE)


def report(streets: Streets) -> list[Page]:
    """The report, page by page."""
    return [
        cover(streets),
        in_short(streets),
        scoring(streets[0]),
        cities(streets),
        counted(streets),
        after_dark(streets),
        map_of_beauty(streets),
        plate(streets),
    ]


def cover(streets: Streets) -> Page:
    """Page 1: the first street, and the title."""
    made = blank(A4, top=6.9)
    made.picture(draw(streets[0].scene), (0, 0, A4.width, A4.width * 0.75))
    made.write("How people see\nthe streets", size=33, weight="bold")
    made.skip(0.25)
    made.write("Sixty streets in Amsterdam, Lisbon and Melbourne,", size=12)
    made.write("and six scores for each of them", size=12)
    made.top = 10.6
    made.note(
        "The sample survey of Sightline. Its streets are drawn and its scores made up by a rule:"
        " nothing in it is about the real cities, or the people in them."
    )
    return made


def in_short(streets: Streets) -> Page:
    """Page 2: what was found, and what stands where."""
    made = page(2)
    made.heading("In short")
    dark, lit = (score(night(streets, lamps), "safer") for lamps in (False, True))
    made.lead("A lit street at night is worth the walk.")
    made.paragraph(
        f"Without a lamp, a street at night is given {dark:.1f} of ten for safety; with lamps it is"
        f" given {lit:.1f}, which is not far from what streets get by day."
    )
    (lively, _), (fair, _), (rich, _) = (
        best_city(streets, name) for name in ("livelier", "more beautiful", "wealthier")
    )
    made.lead("No city leads in everything.")
    made.paragraph(
        f"{lively} is seen as the liveliest of the three, {fair} as the most beautiful and"
        f" {rich} as the wealthiest. The distances are small: on no score are two cities more than"
        " a point apart."
    )
    made.lead("What stands in a street counts for more than where it lies.")
    made.paragraph(
        "The same things raise a score in every city: trees and blossom, a shop, people on the"
        " pavement, a lamp. This report counts them; the slides beside it take the most important"
        " ones in turn."
    )
    made.skip(0.35)
    contents(made)
    return made


CONTENTS = (
    ("How a street is scored", 3),
    ("Three cities, six scores", 4),
    ("What stands in the streets", 5),
    ("After dark", 6),
    ("Where the beauty lies", 7),
    ("Plate: twelve of the streets", 8),
)


def contents(made: Page) -> None:
    """The pages to come, each on a line with its number."""
    for heading, number in CONTENTS:
        made.rule()
        made.skip(0.27)
        made.line(heading, size=A4.body)
        made.line(str(number), left=A4.column, size=A4.body, color=MUTED, ha="right")
    made.rule()


THINGS = {
    "people": "each person", "cars": "each car", "bicycles": "each bicycle", "trees": "each tree",
    "shop": "a shop", "lamps": "lamps", "crossing": "a crossing", "bridge": "a bridge",
    "rain": "rain", "fog": "fog", "sunset": "sunset", "night": "night", "dark": "no lamp at night",
    "quiet": "nobody there", "blossom": "blossom", "towers": "towers", "houses": "houses",
}  # fmt: skip


def scoring(cover_street: Street) -> Page:
    """Page 3: the method, what each score hangs on, and an example worked out."""
    made = page(3)
    made.heading("How a street is scored")
    made.paragraph(
        "Twenty streets were drawn by chance in each city, five of them in the morning, five at"
        " noon, five at sunset and five at night. Of six chances with the weather four are for a"
        " clear sky, one is for rain and one for fog."
    )
    made.paragraph(
        "Every score begins at 5. What is in the street adds to it or takes away from it, as the"
        " table says, and a little noise with a standard deviation of 0.2 is added, so that two"
        " streets alike are not given quite the same. A score stays between 0 and 10."
    )
    made.skip(0.1)
    made.lead("What moves each score the most")
    made.skip(0.1)
    head = ("score", "up", "by", "down", "by")
    made.table([head, *map(strongest, SCORES)], (0, 0.24, 0.52, 0.62, 0.9))
    made.note("Trees, people, cars and bicycles count as often as they are there.")
    made.skip(0.2)
    made.lead("An example: the beauty of the street on the cover")
    made.skip(0.1)
    made.table([("", "times", "weight", "points"), *example(cover_street)], (0, 0.4, 0.6, 0.8))
    return made


def example(street: Street, name: str = "more beautiful") -> list[tuple[str, ...]]:
    """Rows that add up to a street's score."""
    seen = {thing: number for thing, number in features(street.scene).items() if number}
    rule = SCORE_RULE[name]
    added = {thing: rule[thing] * seen[thing] for thing in rule if thing in seen}
    noise = street.scores[name] - 5 - sum(added.values())
    return [
        ("what a street begins with", "", "", "5.00"),
        *(
            (THINGS[thing], f"{seen[thing]:d}", signed(rule[thing]), signed(points))
            for thing, points in added.items()
        ),
        ("noise", "", "", signed(noise)),
        ("its score", "", "", f"{street.scores[name]:.2f}"),
    ]


def signed(points: float) -> str:
    """Points with their sign: `+0.25`, `−1.00`."""
    return f"{points:+.2f}".replace("-", MINUS)


def strongest(name: str) -> tuple[str, ...]:
    """A row: a score, what adds most to it, and what takes most from it."""
    rule = SCORE_RULE[name]
    up, down = max(rule, key=lambda thing: rule[thing]), min(rule, key=lambda thing: rule[thing])
    least = ("nothing", "") if rule[down] >= 0 else (THINGS[down], signed(rule[down]))
    return (name, THINGS[up], signed(rule[up]), *least)


def cities(streets: Streets) -> Page:
    """Page 4: the cities' means, as a chart."""
    made = page(4)
    made.heading("Three cities, six scores")
    (lively, liveliness), (safe, safety) = (
        best_city(streets, name) for name in ("livelier", "safer")
    )
    made.paragraph(
        f"{lively} has the highest mean for liveliness, {liveliness:.2f}. Melbourne is given the"
        " most for wealth, for office towers stand in its streets and nowhere else; they also make"
        " it the most boring and the most depressing of the three."
    )
    made.paragraph(
        f"In safety the cities can hardly be told apart: {safe} comes first with {safety:.2f}, and"
        " all three lie within a fifth of a point."
    )
    made.skip(0.55)
    charts.city_scores(made.axes(4.4, left=1.2), streets)
    made.skip(0.45)
    made.note("Mean score of twenty streets in each city; 5 is what a street begins with.")
    return made


COUNTED = {
    "trees": lambda scene: scene.tree_count,
    "people": lambda scene: scene.people,
    "cars": lambda scene: len(scene.cars),
    "parked bicycles": lambda scene: scene.bicycles,
    "streets with a shop": lambda scene: bool(scene.shop),
    "streets with lamps": lambda scene: scene.lamps,
    "zebra crossings": lambda scene: scene.crossing,
    "stone bridges": lambda scene: scene.bridge,
}


def counted(streets: Streets) -> Page:
    """Page 5: a table of what was counted in each city."""
    made = page(5)
    made.heading("What stands in the streets")
    there, everywhere = (
        count(group, COUNTED["parked bicycles"])
        for group in (of_city(streets, "Amsterdam"), streets)
    )
    made.paragraph(
        f"Of {everywhere} parked bicycles {there} stand in Amsterdam. Cars are spread evenly, and"
        " so are people; of zebra crossings each city has about one in three streets."
    )
    made.skip(0.2)
    names = [city.name for city in CITIES]
    head = ("counted in twenty streets each", *names, "all")
    made.table(
        [head, *(counts_of(thing, streets) for thing in COUNTED)], (0, 0.42, 0.62, 0.76, 0.93)
    )
    made.note("Everything was counted as it was drawn; a street with two lamps counts once.")
    made.skip(0.2)
    shown = max(of_city(streets, "Amsterdam"), key=lambda street: street.scene.bicycles)
    box = (A4.margin, made.top, A4.column, A4.column * 0.62)
    made.picture(lower_part(draw(shown.scene)), box)
    made.skip(box[3] + 0.1)
    made.note("Two of Amsterdam's bicycles.")
    return made


def lower_part(picture: Image.Image) -> Image.Image:
    """A picture less some of its sky, as wide as it was."""
    return picture.crop((0, round(picture.height * 0.173), picture.width, picture.height))


def counts_of(thing: str, streets: Streets) -> tuple[str, ...]:
    """A row: how many there are in each city, and in all."""
    groups = [*(of_city(streets, city.name) for city in CITIES), streets]
    return (thing, *(str(count(group, COUNTED[thing])) for group in groups))


def night(streets: Streets, lamps: bool) -> Streets:
    """The streets at night with lamps, or without."""
    return those(streets, lambda scene: scene.time == "night" and scene.lamps == lamps)


def after_dark(streets: Streets) -> Page:
    """Page 6: safety by the hour, and what lamps do."""
    made = page(6)
    made.heading("After dark")
    made.paragraph(
        "By day a street seems about equally safe at any hour. At night every city loses, and"
        " Amsterdam the most."
    )
    made.skip(0.5)
    charts.safety_by_hour(made.axes(3.0, left=0.3), streets)
    made.skip(0.4)
    made.note("How safe a street seems, by the time of day: mean of five streets in each city.")
    made.skip(0.2)
    made.lead("What a lamp does")
    made.skip(0.1)
    groups = grouped(
        those(streets, lambda scene: scene.time == "night"),
        {"no lamp": lambda scene: not scene.lamps, "lamps": lambda scene: scene.lamps},
    )
    means = scores(groups, "safer")
    charts.bars(made.axes(0.9, left=1.2, right=1.5), means, colours=("#3b4252", "#e69f00"))
    made.skip(0.15)
    made.note("How safe the streets at night seem, with lamps and without; how many there are.")
    return made


def map_of_beauty(streets: Streets) -> Page:
    """Page 7: a map of each city."""
    made = page(7)
    made.heading("Where the beauty lies")
    best = max(streets, key=lambda street: street.scores["more beautiful"])
    made.paragraph(
        f"The most beautiful street of all lies in {best.city}, at {abs(best.scene.lat):.3f}° north"
        f" and {abs(best.scene.lon):.3f}° west, between seven jacaranda trees at sunset. It is"
        f" given {best.scores['more beautiful']:.1f}."
    )
    made.paragraph(
        "Beauty does not gather in the middle of a city. In none of the three maps does it fall"
        " off from the centre; it follows the trees."
    )
    made.skip(0.3)
    side = (A4.column - 0.3) / 3
    for number, city in enumerate(CITIES):
        left = number * (side + 0.15)
        charts.city_map(made.axes(side, left=left, right=2 * (side + 0.15) - left), streets, city)
        made.skip(-side)
    made.skip(side + 0.15)
    made.note("The larger and the darker, the more beautiful. Each square is 3.4 km wide.")
    made.skip(0.2)
    made.lead("The five most beautiful streets")
    made.skip(0.1)
    ranked = sorted(streets, key=lambda street: -street.scores["more beautiful"])
    made.table([BEST, *map(beauty_of, ranked[:5])], (0, 0.2, 0.4, 0.58, 0.78))
    return made


BEST = ("city", "north", "east", "trees", "beauty")


def beauty_of(street: Street) -> tuple[str, ...]:
    """A row: where a street is, how many trees it has, and its score."""
    scene = street.scene
    place = (f"{scene.lat:.3f}°", f"{scene.lon:.3f}°".replace("-", "−"))
    beauty = f"{street.scores['more beautiful']:.1f}"
    return (street.city, *place, str(scene.tree_count), beauty)


def plate(streets: Streets) -> Page:
    """Page 8: twelve streets and their places as pixels; not a word of it is text."""
    made = blank(A4)
    made.picture(contact_sheet(streets[:12]), (0, 0, A4.width, A4.height))
    return made

"""The slides, "What a street needs": six of them, four to three, after a picture that fills one."""

from collections import Counter
from functools import partial

from app.figures.style import HUES, INK, OTHER
from data.drawing import draw
from data.pages import charts
from data.pages.findings import Streets, grouped, score, scores, those
from data.pages.paper import SLIDE, Page, blank, footed
from data.scenes import CAR_COLOURS

FILE = "what-a-street-needs.pdf"
TITLE = "What a street needs"

slide = partial(footed, SLIDE, TITLE)


def slides(streets: Streets) -> list[Page]:
    """The deck, slide by slide."""
    return [opening(streets), trees(streets), shop(streets), cars(streets), rain(streets), plans()]


def opening(streets: Streets) -> Page:
    """Slide 1: the title, on a street that has what the deck asks for."""
    made = blank(SLIDE, top=5.35)
    shown = next(
        street for street in streets if street.scene.lamps and street.scene.time == "night"
    )
    made.picture(draw(shown.scene), (0, 0, SLIDE.width, SLIDE.height))
    made.band(1.75)
    made.write(TITLE, size=36, weight="bold")
    made.write("Trees, shops, light, a roof against the rain", size=SLIDE.body)
    return made


def trees(streets: Streets) -> Page:
    """Slide 2: beauty by the number of trees."""
    made = slide(2)
    made.heading("Plant trees: beauty grows with each")
    bare, wooded = (
        score(those(streets, test), "more beautiful")
        for test in (lambda scene: scene.tree_count == 0, lambda scene: scene.tree_count >= 7)
    )
    made.paragraph(
        f"A street with no tree gets {bare:.1f} of ten for beauty, one with seven or more"
        f" {wooded:.1f}. Where they blossom, as jacarandas and cherries do, it gets more still."
    )
    charts.beauty_by_trees(made.axes(3.35, left=0.3), streets)
    return made


def shop(streets: Streets) -> Page:
    """Slide 3: what a shop does, and which there are."""
    made = slide(3)
    made.heading("Open a shop: it makes a street lively")
    groups = grouped(
        streets, {"a shop": lambda scene: scene.shop, "no shop": lambda scene: not scene.shop}
    )
    for name in ("livelier", "more boring"):
        made.note(name)
        axes = made.axes(1.0, left=1.6, right=1.5)
        charts.bars(axes, scores(groups, name), colours=GREENS, size=12)
        made.skip(0.25)
    kinds = Counter(street.scene.shop for street in streets if street.scene.shop).most_common()
    made.paragraph("Under the awnings: " + ", ".join(f"{kind} {n}" for kind, n in kinds) + ".")
    return made


GREENS = (HUES[2], OTHER)


def cars(streets: Streets) -> Page:
    """Slide 4: the cars by their colour."""
    made = slide(4)
    made.heading("Yellow is the commonest of the cars")
    colours = Counter(colour for street in streets for colour in street.scene.cars).most_common()
    made.paragraph(
        f"{sum(number for _, number in colours)} cars drive past, counted by colour. Each takes a"
        " little from a street's beauty and from its safety, and makes it a little livelier."
    )
    paint = ["#" + bytes(CAR_COLOURS[name]).hex() for name, _ in colours]
    axes = made.axes(3.7, left=1.0, right=1.0)
    charts.bars(axes, dict(colours), colours=paint, form="{:.0f}", size=12)
    for bar in axes.patches:
        bar.set(edgecolor=INK, linewidth=0.5)
    return made


def rain(streets: Streets) -> Page:
    """Slide 5: how depressing each weather is."""
    made = slide(5)
    made.heading("Shelter people: rain depresses more than fog")
    groups = grouped(
        streets,
        {
            "clear sky": lambda scene: scene.weather == "clear",
            "fog": lambda scene: scene.weather == "fog",
            "rain": lambda scene: scene.weather == "rain",
        },
    )
    means = scores(groups, "more depressing")
    made.skip(0.2)
    charts.bars(made.axes(2.4, left=1.6, right=1), means, colours=RAINY, size=13)
    made.skip(0.3)
    made.paragraph(
        "How depressing a street seems, by the weather. In the rain people carry umbrellas; what"
        " would help them are arcades and awnings."
    )
    return made


RAINY = ("#56b4e9", "#9aa5b1", "#0072b2")

PLANS = (
    ("March", "draw 120 streets, with snow for the first time"),
    ("April", "score them; add a seventh score, for noise"),
    ("May", "count again, and print the second report"),
)


def plans() -> Page:
    """Slide 6: what comes next."""
    made = slide(6)
    made.heading("What comes next")
    made.skip(0.2)
    for month, what in PLANS:
        made.lead(month)
        made.paragraph(what)
        made.skip(0.2)
    return made

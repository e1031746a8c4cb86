"""The demo: draw streets, search them three ways, and ask; then a shelf of PDFs; then an outfit.

Every command it shows is run as it stands, here and now. One thing is prepared: where no vision
model can be reached, a script answers for the outfit, and the demo says so.
"""

import shlex
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from app.answering.vision import open_model
from app.cli import app
from app.model.errors import SightlineError
from app.model.settings import Settings
from data.make_sample import make_sample
from data.make_shelf import make_shelf
from data.make_shop import make_shop
from data.stand_in import GARMENT, MODEL, stand_in

SAMPLE = Path("data/sample")
SHELF = Path("data/shelf")
SHOP = Path("data/shop")
FIGURES = Path("build/demo")


def run(command: str) -> None:
    """Show a command of the README, and run it."""
    print(f"\n$ sightline {command}", flush=True)
    app(shlex.split(command), standalone_mode=False)


def main() -> None:
    """Tell the whole story, and say what lies where."""
    started = time.monotonic()
    FIGURES.mkdir(parents=True, exist_ok=True)
    streets()
    shelf()
    shop()
    print(f"\nDone in {time.monotonic() - started:.0f} s. What lies where:")
    print(f"  pictures     {SAMPLE}/streets, and metadata.json beside them")
    print(f"  documents    {SHELF}")
    print(f"  garments     {SHOP}/images, and styles.csv beside them")
    print(f"  figures      {FIGURES}")
    print(f"  collections  {Settings().collections_folder}: sample, shelf and shop")
    print("Try next:")
    print("  .venv/bin/sightline search 'rain at night' --collection sample --figure night.png")
    print("  .venv/bin/sightline info shelf")
    print(f"  .venv/bin/sightline outfit {SHOP}/images/10023.jpg --collection shop --per-slot 2")
    print("  .venv/bin/sightline doctor            # what an answer still needs")
    print("  .venv/bin/sightline ingest YOUR/FOLDER --collection yours --offline")


def streets() -> None:
    """From drawing streets to an answer about them."""
    print(f"Drawing sixty streets in three cities into {SAMPLE} …")
    make_sample(SAMPLE)
    picture = sorted((SAMPLE / "streets").glob("*.JPG"))[0]

    run(f"ingest {SAMPLE} --collection sample --offline")
    run("search 'a red car at sunset' --collection sample --mode text-to-image -k 3")
    run(f"search --image {picture} --collection sample -k 3 --figure {FIGURES}/similar.png")
    run(
        "search 'shops and trees by a zebra crossing' --collection sample -k 6"
        f" --where 'city == \"Lisbon\" and livelier >= 5' --figure {FIGURES}/lisbon.png"
    )
    run(f"ask 'Where is a red car passing brick houses?' -c sample -k 3 --figure {FIGURES}/ask.png")


def shelf() -> None:
    """From writing PDFs to the pages that answer a question."""
    print(f"\nWriting a report and slides about these streets into {SHELF} …")
    make_shelf(SHELF)
    run(f"ingest {SHELF} --collection shelf --offline")
    run(f"search 'what does a lamp do at night?' -c shelf -k 4 --figure {FIGURES}/pages.png")
    run("ask 'How many bicycles are parked in Amsterdam?' -c shelf -k 3")


def shop() -> None:
    """From drawing a shop to what goes with one of its garments."""
    print(f"\nDrawing sixty garments, and the table that sells them, into {SHOP} …")
    make_shop(SHOP)
    run(f"ingest {SHOP} --collection shop --offline")
    outfit = f"outfit {SHOP}/images/{GARMENT}.jpg -c shop --figure {FIGURES}/outfit.png"
    try:
        open_model(Settings()).facts()
    except SightlineError as error:
        print(f"\nAn outfit needs a vision model, and none was reached: {error}.")
        print(f"So {MODEL} answers in its place: a script written for this one garment.")
        print("It sees no picture. Titles and verdicts are its author's; the search is real.")
        with stand_in() as url:
            run(f"{outfit} --vision-url {url} --model {MODEL}")
        print(f"\nAgain: no model has looked at this outfit. {MODEL} has seen nothing.")
        return
    run(outfit)


if __name__ == "__main__":
    main()

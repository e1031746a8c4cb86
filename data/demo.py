"""The demo: draw the sample collection, ingest it, search it three ways, and ask it a question.

Every command it shows is run as it stands, here and now; nothing is prepared.
"""

import shlex
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from app.cli import app
from app.core.settings import Settings
from data.make_sample import make_sample

SAMPLE = Path("data/sample")
FIGURES = Path("build/demo")


def run(command: str) -> None:
    """Show a command of the README, and run it."""
    print(f"\n$ sightline {command}", flush=True)
    app(shlex.split(command), standalone_mode=False)


def main() -> None:
    """Tell the whole story, from drawing to answer."""
    started = time.monotonic()
    print(f"Drawing sixty streets in three cities into {SAMPLE} …")
    make_sample(SAMPLE)
    FIGURES.mkdir(parents=True, exist_ok=True)
    picture = sorted((SAMPLE / "streets").glob("*.JPG"))[0]

    run(f"ingest {SAMPLE} --collection sample --offline")
    run("search 'a red car at sunset' --collection sample --mode text-to-image -k 3")
    run(f"search --image {picture} --collection sample -k 3 --figure {FIGURES}/similar.png")
    run(
        "search 'shops and trees by a zebra crossing' --collection sample -k 6"
        f" --where 'city == \"Lisbon\" and livelier >= 5' --figure {FIGURES}/lisbon.png"
    )
    run(f"ask 'Where is a red car passing brick houses?' -c sample -k 3 --figure {FIGURES}/ask.png")

    print(f"\nDone in {time.monotonic() - started:.0f} s. What lies where:")
    print(f"  pictures    {SAMPLE}/streets, and metadata.json beside them")
    print(f"  figures     {FIGURES}")
    print(f"  collection  {Settings().collections_folder / 'sample'}")
    print("Try next:")
    print("  .venv/bin/sightline search 'rain at night' --collection sample --figure night.png")
    print("  .venv/bin/sightline info sample")
    print("  .venv/bin/sightline doctor            # what an answer still needs")
    print("  .venv/bin/sightline ingest YOUR/FOLDER --collection yours --offline")


if __name__ == "__main__":
    main()

"""Draw the sample shop: garments with their table, in the format of fashion catalogues.

python data/make_shop.py [--out data/shop] [--count 60] [--seed 7]
"""

import argparse
import csv
import sys
from pathlib import Path

if not __package__:  # run as a script: sys.path then holds data/, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from data.garments import cut_out, draw
from data.garments.catalogue import Garment, make_garments

__all__ = ["Garment", "cut_out", "draw", "make_garments", "make_shop"]

JPEG_QUALITY = 90  # 7–20 kB a picture; below it thin stitches and dots get rings


def make_shop(out: Path, *, count: int = 60, seed: int = 7) -> Path:
    """Write `out`/styles.csv and `out`/images/<id>.jpg, and return `out`.

    The same seed gives the same styles.csv everywhere, and the same pictures under one Pillow
    and one numpy.
    """
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    garments = make_garments(count, seed)
    for garment in garments:
        draw(garment).save(images / f"{garment.id}.jpg", "JPEG", quality=JPEG_QUALITY)
    with (out / "styles.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, list(row_of(garments[0])), lineterminator="\n")
        rows.writeheader()
        rows.writerows(map(row_of, garments))
    return out


def row_of(garment: Garment) -> dict[str, str]:
    """One row, in the columns and the words of fashion catalogues."""
    return {
        "id": str(garment.id),
        "gender": garment.gender,
        "masterCategory": garment.kind.master,
        "subCategory": garment.kind.sub,
        "articleType": garment.kind.article,
        "baseColour": garment.colour,
        "season": garment.season,
        "year": str(garment.year),
        "usage": garment.usage,
        "productDisplayName": garment.name,
    }


def main() -> None:
    """Read the options, draw, and say where it lies."""
    parser = argparse.ArgumentParser(description="Draw the sample shop of garments.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "shop")
    parser.add_argument("--count", type=int, default=60, help="how many garments (default 60)")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same pictures (default 7)")
    options = parser.parse_args()
    out = make_shop(options.out, count=options.count, seed=options.seed)
    print(f"{options.count} pictures and styles.csv in {out}")


if __name__ == "__main__":
    main()

"""Draw the sample collection: street scenes of three cities, in the wild format of real ones.

python data/make_sample.py [--out data/sample] [--count 60] [--seed 7]
"""

import argparse
import json
import sys
from pathlib import Path

if not __package__:  # run as a script: sys.path then holds data/, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from data.drawing import draw
from data.scenes import Scene, caption_of, make_scenes, scores_of

__all__ = ["Scene", "caption_of", "draw", "make_sample", "make_scenes", "scores_of"]

JPEG_QUALITY = 85  # 30–60 kB a picture at 640 × 480, with no rings to be seen around the lamps


def make_sample(out: Path, *, count: int = 60, seed: int = 7) -> Path:
    """Write `out`/metadata.json and `out`/streets/*.JPG, and return `out`.

    The same seed gives the same metadata.json everywhere, and the same pictures under one Pillow.
    """
    scenes = make_scenes(count, seed)
    streets = out / "streets"
    streets.mkdir(parents=True, exist_ok=True)
    for scene in scenes:
        draw(scene).save(streets / scene.image_name, "JPEG", quality=JPEG_QUALITY)
    (out / "metadata.json").write_bytes(metadata_bytes(scenes))
    return out


def metadata_bytes(scenes: list[Scene]) -> bytes:
    """The rows as JSON with CRLF line ends, as the real collection has them."""
    text = json.dumps([row_of(scene) for scene in scenes], indent=4)
    return text.replace("\n", "\r\n").encode()


def row_of(scene: Scene) -> dict[str, str]:
    """One row, with every value a string: a Windows path, a Python list as text, the scores."""
    return {
        "Image Name": scene.image_name,
        "Relative Path": f"./streets\\{scene.image_name}",
        "Caption": str([caption_of(scene)]),
        **{name: f"{score:.9f}" for name, score in scores_of(scene).items()},
    }


def main() -> None:
    """Read the options, draw, and say where it lies."""
    parser = argparse.ArgumentParser(description="Draw the sample collection of street scenes.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sample")
    parser.add_argument("--count", type=int, default=60, help="how many scenes (default 60)")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same pictures (default 7)")
    options = parser.parse_args()
    out = make_sample(options.out, count=options.count, seed=options.seed)
    print(f"{options.count} pictures and metadata.json in {out}")


if __name__ == "__main__":
    main()

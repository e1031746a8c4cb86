"""Write the sample shelf: a report and slides about the sample's streets, as PDFs.

python data/make_shelf.py [--out data/shelf]
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

if not __package__:  # run as a script: sys.path then holds data/, not the checkout
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from matplotlib import rc_context
from matplotlib.backends.backend_pdf import PdfPages

from data.pages import report, slides
from data.pages.findings import sample_streets
from data.pages.paper import Page

WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
"""What the files say of their date: the same bytes come out on any day."""

STYLE = {"pdf.fonttype": 42, "svg.hashsalt": "shelf"}
"""TrueType fonts: readers find every letter, also those beyond Latin-1."""


def make_shelf(out: Path) -> Path:
    """Write the two documents into `out`, and return it.

    Under one matplotlib and one Pillow, the same bytes each time.
    """
    out.mkdir(parents=True, exist_ok=True)
    streets = sample_streets()
    write_pdf(out / report.FILE, report.TITLE, report.report(streets))
    write_pdf(out / slides.FILE, slides.TITLE, slides.slides(streets))
    return out


def write_pdf(file: Path, title: str, pages: Sequence[Page]) -> None:
    """Write pages as a PDF whose text can be read and searched."""
    told = {"Title": title, "Author": "Sightline's sample", "CreationDate": WRITTEN}
    with rc_context(STYLE), PdfPages(file, metadata=told) as pdf:
        for page in pages:
            pdf.savefig(page.figure)


def main() -> None:
    """Read the options, write, and say where it lies."""
    parser = argparse.ArgumentParser(description="Write the sample shelf: two PDFs.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "shelf")
    out = make_shelf(parser.parse_args().out)
    print(f"{', '.join(sorted(file.name for file in out.glob('*.pdf')))} in {out}")


if __name__ == "__main__":
    main()

"""Figures: what they show, and that nothing that is shown can break them."""

import io
import math
import os
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from app.figures import (
    bar_chart,
    check_figure_target,
    drawable,
    embedding_plot,
    histograms,
    place_map,
    principal_plane,
    result_sheet,
    write_figure,
)
from app.figures import text as lettering
from app.model.errors import SettingsError
from app.retrieval.hits import Hit
from app.retrieval.retriever import Found
from app.retrieval.search import Search

SINGAPORE, LISBON, MELBOURNE = (1.3, 103.8), (38.72, -9.14), (-37.81, 144.96)


def hit(file: Path, caption: str = "", score: float | None = 0.5) -> Hit:
    return Hit(
        id=file.name,
        text=caption,
        file=file,
        score=score,
        record_id=file.name,
        path=file.name,
        captions=(caption,) if caption else (),
    )


def sheet_of(words: str, hits: list[Hit], **asked: Any) -> Figure:
    return result_sheet(Search(words, **asked), Found(hits))


def words_in(figure: Figure) -> str:
    """All text of a figure that would be drawn, lines of a caption joined."""
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    shown = [text for text in figure.findobj(Text) if text.get_visible()]
    return " ".join(text.get_text() for text in shown if text.get_text())


def panels(figure: Figure) -> list[str]:
    return [axes.get_title("left") for axes in figure.axes if axes.get_title("left")]


def pixel(figure: Figure, across: float, down: float) -> tuple[int, ...]:
    """The colour at so many inches from the left and from the top."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    return Image.open(buffer).convert("RGB").getpixel((int(across * 50), int(down * 50)))


def test_a_sheet_shows_the_query_and_the_numbered_hits_with_score_and_caption(squares):
    hits = [hit(squares / "red.png", "a red square", 0.91), hit(squares / "blue.png", "a blue one")]
    words = words_in(sheet_of("something red", hits))
    for expected in ("something red", "2 hits", "1", "0.910", "a red square", "2", "0.500"):
        assert expected in words


def test_a_sheet_shows_the_pictures_in_order_left_to_right(squares):
    sheet = sheet_of("colours", [hit(squares / "green.png"), hit(squares / "blue.png")])
    assert pixel(sheet, 1.0, 2.0) == (30, 160, 60)
    assert pixel(sheet, 6.5, 2.0) == (30, 60, 220)


def test_the_picture_that_was_asked_with_stands_at_the_top(squares):
    sheet = sheet_of("", [hit(squares / "blue.png")], image=squares / "red.png")
    assert pixel(sheet, 1.0, 1.0) == (220, 30, 30)


def test_a_picture_that_is_gone_or_broken_is_a_grey_tile_that_says_so(squares):
    (squares / "broken.png").write_bytes((squares / "red.png").read_bytes()[:60])
    hits = [hit(squares / "gone.png", "it was here"), hit(squares / "broken.png")]
    words = words_in(sheet_of("what is left", hits, image=squares / "gone too.png"))
    assert words.count("cannot be opened") == 3
    assert "missing file" in words
    assert "it was here" in words


def test_a_hit_without_a_caption_is_named_by_its_file_and_one_without_a_score_has_none(squares):
    words = words_in(sheet_of("city", [hit(squares / "red.png", score=None)]))
    assert "red.png" in words
    assert "0." not in words


def test_a_sheet_of_nothing_says_so():
    words = words_in(sheet_of("a unicorn", []))
    assert "0 hits" in words
    assert "Nothing found." in words


def test_a_sheet_is_one_page_and_says_how_many_more_there_are(squares):
    sheet = sheet_of("many", [hit(squares / "red.png")] * 1_000)
    assert "… and 970 more" in words_in(sheet)
    assert sheet.get_figheight() < 20


@pytest.mark.parametrize(
    "text",
    [
        r"$\frac{1$ and $x_{$",
        "夜市 🚗 in the rain",
        "مرحبا بالعالم and שלום",
        "a\x00b\x1b[2J\u202e\u200d\ud800",
        "{braces} %s <b>",
        "unbroken" * 500,
        " \n\t ",
    ],
)
def test_any_text_is_drawn_as_it_stands(squares, text):
    hits = [hit(squares / "red.png", text)]
    words_in(sheet_of(text, hits))  # a warning or a mathtext error would fail the test
    words_in(histograms({text: [1.0, 2.0]}))
    words_in(bar_chart({text: 3}))
    words_in(place_map([LISBON], values=[text], label=text, names=[text]))


def test_dollar_signs_stay_dollar_signs(squares):
    assert "from $5 to $9" in words_in(sheet_of("from $5 to $9", []))


def test_a_sign_that_no_font_has_becomes_a_box_and_accents_stay():
    assert drawable("Café \ue000 №7") == "Café □ №7"


@pytest.fixture
def fonts(monkeypatch):
    """The families that figures are drawn with, on a machine that has no font but matplotlib's."""
    bundled = [font for font in fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(fontManager, "ttflist", bundled)
    before = lettering.FONTS[:]
    forget_fonts()
    lettering.FONTS[1:] = []
    yield lettering.FONTS
    lettering.FONTS[:] = before
    forget_fonts()


def forget_fonts():
    for name in ("_font_of", "_advance", "_characters_of", "_tell_of_boxes"):
        getattr(lettering, name).cache_clear()


def square_font(file: Path, family: str) -> Path:
    """A font of one sign: 夜 is a full black square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 800), (1000, 800), (1000, 0)):
        pen.lineTo(corner)
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "night"])
    font.setupCharacterMap({ord("夜"): "night"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "night": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (500, 0), "night": (1000, 0)})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(file)
    return file


def test_what_the_font_lacks_is_drawn_with_one_that_was_installed_since(
    fonts, squares, tmp_path, monkeypatch
):
    night = square_font(tmp_path / "night.ttf", "VL Gothic")
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    monkeypatch.setattr(lettering, "findSystemFonts", lambda: [str(broken), str(night)])
    fonts[:] = lettering._families()
    assert fonts == ["DejaVu Sans", "VL Gothic"]
    assert drawable("夜 Café") == "夜 Café"
    sheet = sheet_of("夜夜夜", [hit(squares / "red.png")])
    assert pixel(sheet, 0.3 + 1.5 * 15 / 72, 0.63) == (31, 41, 51)  # the ink of the middle one
    assert lettering.wrap("夜" * 20, inches=1, points=9, lines=2) == "夜夜夜夜夜夜夜\n夜夜夜夜夜夜…"


def test_of_signs_that_no_font_draws_a_person_is_told_once(fonts, squares, caplog):
    words = words_in(sheet_of("夜市", [hit(squares / "red.png", "東京")]))
    assert words.count("□□") == 2
    (told,) = caplog.messages
    assert "Noto Sans CJK" in told


def test_of_signs_that_no_font_can_have_nothing_is_said(fonts, caplog):
    assert drawable("Café\x00\ue000") == "Café□□"
    assert not caplog.messages


def test_a_long_caption_is_cut_after_a_word(squares):
    caption = "houses and trees " * 100
    words = words_in(sheet_of("long", [hit(squares / "red.png", caption)]))
    assert words.count("houses") < 30
    assert "houses…" in words or "and…" in words or "trees…" in words


def test_no_text_of_a_sheet_leaves_it_or_runs_into_the_next_column(squares):
    wide = hit(squares / "red.png", "WWWW " * 60)
    sheet = sheet_of("W" * 300, [wide] * 5)
    sheet.savefig(io.BytesIO(), format="png")
    edges = [text.get_window_extent() for text in sheet.texts]
    assert max(edge.x1 for edge in edges) <= sheet.bbox.x1
    column = sheet.bbox.x1 * (0.3 + (9 - 0.6 + 0.18) / 5) / 9
    first = [edge for edge in edges if edge.x0 < column * 0.5 and edge.y1 < sheet.bbox.y1 * 0.6]
    assert first
    assert max(edge.x1 for edge in first) <= column


def test_places_that_are_far_apart_get_a_panel_each_the_largest_first():
    places = [LISBON, SINGAPORE, (1.31, 103.85), MELBOURNE]
    names = ["Lisbon", "Singapore", "Singapore", "Melbourne"]
    assert panels(place_map(places, names=names)) == ["Singapore", "Lisbon", "Melbourne"]


def test_places_all_over_the_world_share_one_map():
    places = [(lat, lon) for lat in (-40.0, 0.0, 40.0) for lon in (-120.0, 0.0, 120.0)]
    figure = place_map(places)
    assert panels(figure) == ["9 places"]
    west, east = figure.axes[0].get_xlim()
    assert west == -east


def test_two_sides_of_the_date_line_are_neighbours():
    figure = place_map([(-16.8, 179.99), (-16.8, -179.99)])
    assert panels(figure) == ["2 places"]
    west, east = figure.axes[0].get_xlim()
    assert east - west < 0.1


def test_a_map_is_true_to_scale_at_its_latitude():
    # At 60° north a degree of longitude is half as long as one of latitude: cos 60° = 1/2.
    figure = place_map([(60.0, 10.0), (60.1, 10.3)])
    figure.savefig(io.BytesIO(), format="png")
    axes = figure.axes[0]
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    box = axes.get_window_extent()
    ratio = (box.width / (east - west)) / (box.height / (north - south))
    assert ratio == pytest.approx(0.5, rel=0.01)


def test_degrees_have_as_many_decimals_as_tell_places_apart():
    """Two places 4 m apart, and two cities: the same decimals on all of an axis's degrees."""
    near = words_in(place_map([(1.30001, 103.79235), (1.30003, 103.79238)]))
    for told in ("1.30000° N", "1.30005° N", "103.79235° E", "103.79240° E", "2 m"):
        assert told in near
    far = words_in(place_map([(1.27, 103.71), (1.34, 103.96)]))
    assert "1.25° N 1.30° N 1.35° N" in far


def test_a_place_alone_has_a_map_of_600_m():
    axes = place_map([(1.3, 103.8)]).axes[0]
    south, north = axes.get_ylim()
    assert (north - south) * 111.2 == pytest.approx(0.6, rel=0.01)


def test_degrees_of_panels_side_by_side_do_not_run_into_each_other():
    towns = [(-37.81, 144.96), (51.5001, -0.1001), (60.0, 10.0), (38.72, -9.14), (1.3, 103.8)]
    figure = place_map(towns, values=[1, None, 2, 3, 4], label="safer")
    figure.savefig(io.BytesIO(), format="png")
    for axes in figure.axes:
        shown = [tick.label1 for tick in axes.xaxis.get_major_ticks() if tick.get_visible()]
        boxes = [label.get_window_extent() for label in shown if label.get_text()]
        assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_south_and_west_are_named():
    words = words_in(place_map([(-23.55, -46.63)]))
    assert "° S" in words
    assert "° W" in words


def test_colour_by_words_has_a_legend_and_the_rest_is_other():
    values = [*"aabbccddeeff", "rare", None]
    words = words_in(embedding_plot(np.eye(14), values=values, label="letter"))
    assert "letter a b c d e f other" in words


def test_colour_by_numbers_has_a_scale_and_missing_ones_are_grey():
    figure = embedding_plot(np.eye(3), values=[1.0, None, 5.0], label="safer")
    assert "safer" in words_in(figure)
    colours = figure.axes[0].collections[0].get_facecolor()
    assert len({tuple(colour) for colour in colours}) == 3


@pytest.mark.parametrize("values", [[None, None], [math.nan, 2.0], [7, 7], [True, False]])
def test_values_of_any_kind_can_colour(values):
    words_in(place_map([LISBON, LISBON], values=values))


def test_what_is_not_on_a_scale_is_said_beside_it():
    assert "safer · grey: no value" in words_in(
        embedding_plot(np.eye(3), values=[1.0, None, 5.0], label="safer")
    )
    assert "grey" not in words_in(embedding_plot(np.eye(2), values=[1.0, 5.0], label="safer"))


def test_a_scale_of_years_has_no_halves_and_no_offset():
    words = words_in(embedding_plot(np.eye(3), values=[2010, 2011, 2012], label="year"))
    assert "2010 2011 2012" in words
    near = words_in(embedding_plot(np.eye(2), values=[1.300010, 1.300030], label="lat"))
    assert "1.30002" in near
    assert "e-" not in near


def test_truth_is_two_words_and_no_scale():
    words = words_in(embedding_plot(np.eye(2), values=[True, False], label="is new"))
    assert "is new False True" in words


def test_histograms_show_each_median_and_count_what_is_no_number():
    words = words_in(histograms({"safer": [1.0, 2.0, 9.0, math.nan, None], "empty": []}))
    assert "median 2\n2 missing" in words
    assert "no values" in words


def test_a_median_is_as_exact_as_its_column():
    assert "median 2012" in words_in(histograms({"year": [2011, 2012, 2013]}))
    assert "median 5.27" in words_in(histograms({"score": [2.0, 5.268654, 8.0]}))


def test_bins_of_whole_numbers_lie_about_them():
    axes = histograms({"year": [2010, 2011, 2011, 2013]}).axes[0]
    middles = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    assert middles == pytest.approx([2010, 2011, 2012, 2013])
    assert [bar.get_height() for bar in axes.patches] == [1, 2, 0, 1]


def test_bins_of_many_whole_numbers_hold_as_many_each():
    axes = histograms({"price": [0, 99, 50, 51]}).axes[0]
    starts = [bar.get_x() - 0.04 * bar.get_width() for bar in axes.patches]
    assert len(axes.patches) <= 24
    assert np.diff(starts) == pytest.approx(5)
    assert sum(bar.get_height() for bar in axes.patches) == 4


@pytest.mark.parametrize(
    "numbers",
    [[1e308, -1e308], [1e20] * 3, [1.0, 1.0 + 3e-16], [10**400], [0.25], [10**9, -(10**9)], [0.0]],
)
def test_numbers_of_any_size_have_a_histogram_and_a_scale(numbers):
    words_in(histograms({"a": numbers}))
    words_in(place_map([LISBON] * len(numbers), values=numbers))


def test_each_axis_says_what_it_shows():
    scores = {name: [1.5, 2.5] for name in "abcde"}
    figure = histograms(scores, label="euros")
    assert words_in(figure).count("euros") == 3  # of three columns, each at its lowest
    assert [axes.get_ylabel() for axes in figure.axes[:4]] == ["count", "", "", "count"]
    assert "captions" in words_in(bar_chart({"car": 40}, label="captions"))
    assert "first principal component" in words_in(embedding_plot(np.eye(3)))


def test_the_lowest_of_each_column_has_numbers_below_it_also_in_a_row_that_is_not_full():
    figure = histograms({name: [1.5, 2.5] for name in "abcde"})
    figure.savefig(io.BytesIO(), format="png")
    below = [axes.xaxis.get_major_ticks()[0].label1.get_visible() for axes in figure.axes[:5]]
    assert below == [False, False, True, True, True]


def test_a_bar_says_its_whole_number():
    words = words_in(bar_chart({"car": 1_234_567, "tree": 0.625}))
    assert "1234567" in words
    assert "0.625" in words


def thumbnails(figure: Figure) -> list[Bbox]:
    figure.savefig(io.BytesIO(), format="png")
    return [box.patch.get_window_extent() for box in figure.findobj(AnnotationBbox)]


def test_pictures_stand_on_their_points_and_none_on_another(squares):
    points = np.random.default_rng(7).normal(size=(500, 2))
    files = [squares / "red.png"] * 500
    boxes = thumbnails(embedding_plot(points, pictures=files))
    assert 10 < len(boxes) <= 40
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]


def test_those_far_out_are_pictured_first_and_what_does_not_open_stays_a_point(squares):
    points = [[0.0, 0.0], [0.001, 0.0], [9.0, 0.0], [0.0, 5.0]]
    files = [squares / "gone.png", squares / "red.png", squares / "green.png", None]
    figure = embedding_plot(points, pictures=files)
    assert len(thumbnails(figure)) == 2
    assert len(figure.axes[0].collections[0].get_offsets()) == 4


def test_a_cloud_of_nothing_and_one_on_one_spot_have_thumbnails_too(squares):
    assert thumbnails(embedding_plot([], pictures=[])) == []
    alike = embedding_plot([[1.0, 2.0]] * 3, pictures=[squares / "red.png"] * 3)
    assert len(thumbnails(alike)) == 1


def test_bars_stand_in_the_order_given_the_first_on_top():
    axes = bar_chart({"car": 40, "tree": 22}).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["car", "tree"]
    assert axes.yaxis_inverted()


def test_figures_of_nothing_are_empty_and_no_error():
    for figure in (place_map([]), histograms({}), bar_chart({}), embedding_plot([])):
        words_in(figure)


def test_the_principal_plane_of_a_cross_is_the_cross():
    # Variance along x is 2·3² = 18, along y 2·1² = 2, along z none: shares .9 and .1.
    plane = principal_plane([[3, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]])
    assert plane.points == pytest.approx(np.array([[3, 0], [-3, 0], [0, 1], [0, -1]]))
    assert plane.shares == pytest.approx((0.9, 0.1))


@pytest.mark.parametrize("vectors", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 2.0], [1.0, 2.0]]])
def test_too_few_vectors_for_a_plane_lie_on_its_axes(vectors):
    plane = principal_plane(vectors)
    assert plane.points.shape == (len(vectors), 2)
    assert np.isfinite(plane.points).all()


@pytest.mark.parametrize(
    ("suffix", "begins"),
    [("png", b"\x89PNG"), ("JPG", b"\xff\xd8"), ("pdf", b"%PDF"), ("svg", b"<?")],
)
def test_a_figure_is_written_as_its_name_says(tmp_path, suffix, begins):
    write_figure(bar_chart({"car": 1}), tmp_path / f"figure.{suffix}")
    assert (tmp_path / f"figure.{suffix}").read_bytes().startswith(begins)


@pytest.mark.parametrize("name", ["figure.exe", "figure"])
def test_a_name_that_says_no_format_is_refused_with_those_there_are(tmp_path, name):
    with pytest.raises(SettingsError, match=r"figure.*\.png"):
        check_figure_target(tmp_path / name)


def test_a_folder_that_is_not_there_is_named_and_not_made(tmp_path):
    with pytest.raises(SettingsError, match=r"absent is not there; make it"):
        check_figure_target(tmp_path / "absent" / "figure.png")
    assert not (tmp_path / "absent").exists()


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "figure.png").mkdir()
    with pytest.raises(SettingsError, match=r"figure\.png cannot be written: it is a folder"):
        check_figure_target(tmp_path / "figure.png")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_place_where_nothing_may_be_written_is_named(tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o555)
    with pytest.raises(SettingsError, match=r"figure\.png may not be written"):
        check_figure_target(tmp_path / "theirs" / "figure.png")


def test_a_figure_that_can_be_written_passes_and_nothing_is_there_yet(tmp_path):
    check_figure_target(tmp_path / "figure.PNG")
    assert not list(tmp_path.iterdir())


def test_writing_a_figure_checks_its_target(tmp_path):
    with pytest.raises(SettingsError, match="absent"):
        write_figure(bar_chart({"car": 1}), tmp_path / "absent" / "figure.png")


def test_a_target_is_checked_without_loading_what_draws():
    code = "import sys; from app.figures.files import check_figure_target; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "numpy", "PIL"} & set(ran.stdout.split())

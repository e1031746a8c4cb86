"""The part of a text that bears on a question, as a model is sent it and a person reads it."""

import re
import time

import pytest

from app.retrieval.excerpt import ELLIPSIS, excerpt

FILLER = "The committee met and approved the minutes of its last meeting without change. "
REPORT = (
    "Annual report of the station. "
    + FILLER * 40
    + "Rain fell on 41 days in May. "
    + FILLER * 40
    + "The end."
)


def test_what_fits_goes_whole():
    assert excerpt("Rain fell.", "snow", 10) == "Rain fell."


def test_the_part_that_answers_is_shown_from_sentence_to_sentence():
    part = excerpt(REPORT, "On how many days did it rain?", 200)
    assert "Rain fell on 41 days in May." in part
    assert part.startswith(f"{ELLIPSIS} ")
    assert part.endswith(f". {ELLIPSIS}")
    assert len(part) <= 200
    assert part[2:5] in ("The", "Rai")


def test_where_no_word_occurs_it_is_the_beginning():
    part = excerpt(REPORT, "elephants", 200)
    assert part.startswith("Annual report of the station. The committee")
    assert part.endswith(f" {ELLIPSIS}")
    assert excerpt(REPORT, "", 200) == excerpt(REPORT, "of the and", 200) == part


def test_what_stands_at_either_end_keeps_that_end():
    assert excerpt(REPORT, "report of a station", 120).startswith("Annual report of the station.")
    assert excerpt(REPORT, "end", 120).endswith(" The end.")


def test_a_rare_word_counts_more_than_common_ones():
    text = "committee minutes meeting. " * 50 + "A walrus came. " + "committee minutes. " * 50
    assert "walrus" in excerpt(text, "the walrus and the committee", 60)


def test_distinct_words_count_more_than_one_that_is_repeated():
    text = "rain rain rain rain rain. " * 9 + FILLER * 3 + "days of rain, counted. " + FILLER * 3
    assert "days of rain" in excerpt(text, "days with rain", 80)


def test_words_that_stand_together_count_more_than_words_apart():
    text = (
        "water " + "pipes, pumps " * 7 + "level. " + FILLER * 5 + "The water level rose. " + FILLER
    )
    assert "The water level rose." in excerpt(text, "water level", 120)


def test_chinese_is_found_and_cut_at_its_sentences():
    filler = "委员会批准了上次会议的记录，没有改动。"
    text = filler * 20 + "五月有四十一天下雨。" + filler * 20
    part = excerpt(text, "五月下雨多少天？", 60)
    assert "五月有四十一天下雨。" in part
    assert part.removesuffix(f" {ELLIPSIS}").endswith("。")
    assert len(part) <= 60


@pytest.mark.parametrize("limit", [0, 1, 2, 4, 5, 7, 30, 199, 1000, 5000])
@pytest.mark.parametrize("text", [REPORT, "x" * 9000, "夜市" * 3000, " \n" * 4000, "a. " * 3000])
def test_it_is_never_longer_than_its_limit(text, limit):
    for words in ("rain", "x", "夜市", "a b c"):
        assert len(excerpt(text, words, limit)) <= limit


def test_no_word_is_cut_in_two():
    words = set(REPORT.replace(".", "").split())
    for limit in range(60, 400, 7):
        part = excerpt(REPORT, "minutes in May", limit)
        assert set(re.findall(r"\w+", part)) <= words


def test_a_long_text_takes_a_moment():
    text = " ".join(f"word{n % 700} rain" for n in range(5000))
    started = time.perf_counter()
    excerpt(text, "rain " + " ".join(f"word{n}" for n in range(200)), 3000)
    assert time.perf_counter() - started < 2  # some .05 s; what is not linear takes a minute

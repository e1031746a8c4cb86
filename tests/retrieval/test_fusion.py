"""Fusion, worked by hand: each test is a line of the formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.fusion import SignalScores, fuse

SCORES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100))
WEIGHTS = st.floats(0.01, 1)


def test_one_signal_alone_keeps_its_cosines_whatever_its_weight():
    text = SignalScores(0.25, {"a": 0.8, "b": -0.1})
    assert fuse([text], ["a", "b"]) == {"a": 0.8, "b": -0.1}


def test_cosines_are_averaged_by_weight():
    text = SignalScores(0.3, {"a": 0.5, "b": 0.9})
    image = SignalScores(0.1, {"a": 0.3, "b": 0.1})
    fused = fuse([text, image], ["a", "b"])
    assert fused == {"a": 0.45, "b": 0.7}  # (.3·.5 + .1·.3) / .4 and (.3·.9 + .1·.1) / .4


def test_keywords_are_divided_by_the_best_of_the_query():
    text = SignalScores(0.5, {"a": 0.6, "b": 0.6, "c": 0.6})
    keywords = SignalScores(0.5, {"a": 8.0, "b": 2.0, "c": 0.0}, relative=True)
    fused = fuse([text, keywords], "abc")
    assert fused == {"a": 0.8, "b": 0.425, "c": 0.3}  # .3 + .5·(1, ¼, 0)


def test_a_candidate_that_shares_no_word_gets_nothing_for_keywords():
    keywords = SignalScores(1.0, {"a": 3.0}, relative=True)
    assert fuse([keywords], ["a", "b"]) == {"a": 1.0, "b": 0.0}


def test_a_query_that_shares_no_word_with_any_candidate_is_decided_by_meaning():
    text = SignalScores(0.5, {"a": 0.2, "b": 0.4})
    for none in ({}, {"a": 0.0}):
        keywords = SignalScores(0.5, none, relative=True)
        assert fuse([text, keywords], ["a", "b"]) == {"a": 0.1, "b": 0.2}


def test_a_candidate_without_a_caption_counts_as_the_least_like_of_those_that_have_one():
    image = SignalScores(0.5, {"a": 0.8, "b": 0.7, "bare": 0.9})
    text = SignalScores(0.5, {"a": 0.6, "b": 0.2})
    fused = fuse([image, text], ["a", "b", "bare"])
    assert fused == {"a": 0.7, "b": 0.45, "bare": 0.55}  # not 0.45: .5·.9 + .5·.2


def test_beside_other_signals_cosines_count_from_their_background_on():
    text = SignalScores(0.5, {"same": 0.2, "other": 0.5, "far": 0.5})
    image = SignalScores(0.5, {"same": 1.0, "other": 0.9, "far": 0.7}, background=0.8)
    fused = fuse([text, image], ["same", "other", "far"])
    assert fused == {"same": 0.6, "other": 0.5, "far": 0.25}  # .5·.2 + .5·1; .5·.5 + .5·½; + 0
    assert fuse([image], ["same", "far"]) == {"same": 1.0, "far": 0.7}


def test_a_negative_weight_pushes_away():
    like = SignalScores(1.0, {"a": 0.9, "b": 0.8})
    unlike = SignalScores(-0.5, {"a": 0.9, "b": 0.0})
    fused = fuse([like, unlike], ["a", "b"])
    assert fused == {"a": 0.3, "b": pytest.approx(0.8 / 1.5)}  # (.9 - .45) / 1.5; .8 / 1.5


def test_what_has_no_caption_is_not_taken_for_what_is_pushed_away():
    like = SignalScores(0.5, {"a": 0.8, "b": 0.8, "bare": 0.8})
    unlike = SignalScores(-0.5, {"a": 0.6, "b": 0.2})
    assert fuse([like, unlike], ["a", "b", "bare"]) == {"a": 0.1, "b": 0.3, "bare": 0.3}


def test_only_candidates_are_scored_and_the_best_of_the_query_need_not_be_one():
    keywords = SignalScores(1.0, {"a": 1.0, "elsewhere": 4.0}, relative=True)
    assert fuse([keywords], ["a"]) == {"a": 0.25}
    assert fuse([keywords], []) == {}


def test_without_a_signal_every_candidate_is_equal():
    assert fuse([], ["a", "b"]) == {"a": 0.0, "b": 0.0}


@given(text=SCORES, keywords=SCORES, weight=WEIGHTS, scale=st.sampled_from([0.5, 2.0, 1024.0]))
def test_the_unit_of_the_weights_and_of_bm25_does_not_matter(text, keywords, weight, scale):
    def fused(unit: float) -> dict[str, float]:
        said = {candidate: score * unit for candidate, score in keywords.items()}
        meaning = SignalScores(weight * unit, text)
        return fuse([meaning, SignalScores(0.5 * unit, said, relative=True)], "abcdef")

    assert fused(scale) == pytest.approx(fused(1.0), abs=1e-6)


@given(text=SCORES, keywords=SCORES, weight=WEIGHTS)
def test_what_is_best_under_every_signal_comes_first(text, keywords, weight):
    best = {"best": 100}
    signals = [
        SignalScores(weight, text | best),
        SignalScores(1 - weight, keywords | best, relative=True),
    ]
    fused = fuse(signals, [*"abcdef", "best"])
    assert fused["best"] == max(fused.values())

"""Keywords: a text's words as a sparse vector, weighed as BM25 has it."""

import pytest

from app.encoders.bm25 import average_length, embed_document, embed_query


def found(question: str, text: str) -> bool:
    """Whether a question shares a word with a text."""
    asked, said = embed_query(question), embed_document(text, 5.0)
    return bool(asked and said and set(asked[0]) & set(said[0]))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("bridges", "a footpath below the bridge"),
        ("夜市", "这条街是新加坡的夜市"),
        ("药", "街角有一家药店。"),
        ("東京の橋", "橋と川"),
        ("2013", "报告完成于2013年"),
    ],
)
def test_a_question_finds_the_words_it_shares(question: str, text: str) -> None:
    assert found(question, text)


@pytest.mark.parametrize("question", ["the", "", "夜市"])
def test_nothing_shared_is_nothing_found(question: str) -> None:
    assert not found(question, "a wet road in the morning")


def test_a_length_counts_words_that_count_and_signs() -> None:
    assert average_length(["the red cars", "夜市"]) == pytest.approx(2.0, abs=1e-3)
    assert average_length([]) == 1.0

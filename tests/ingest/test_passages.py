"""Passages: what lies in a page's text layer becomes words, or nothing."""

from itertools import pairwise
from pathlib import Path

import pytest

from app.core import isolated
from app.core.embeddings import load_text_embedding
from app.core.records import Record
from app.core.settings import Settings
from ingest.passages import caption_of, readable
from ingest.sampling import sample_texts
from tests.pdfs import Page, pdf, words_of


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("two\r\nlines  and\ttabs", "two lines and tabs"),
        ("a hyphen\ufffeated word", "a hyphenated word"),
        ("of\ufb01ce, \uff21\uff22\uff23", "office, ABC"),
        ("Chapter 1 ........ 12", "Chapter 1 12"),
        ("\u2022 \uf0b7 a bullet of a font of its own", "• a bullet of a font of its own"),
        ("數據與圖表 и слова", "數據與圖表 и слова"),
        ("", ""),
        (" \x00 \x01\x02", ""),
    ],
)
def test_a_text_layer_becomes_words_on_one_line(layer: str, words: str) -> None:
    assert readable(layer) == words


@pytest.mark.parametrize("layer", ["\x13\x14\x15 \x16\x17\x18 of", "\ufffd\ufffd\ufffd\ufffd ab"])
def test_a_text_layer_that_nobody_can_read_is_none(layer: str) -> None:
    assert readable(layer) == ""


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("a short page", "a short page"),
        ("x" * 200, "x" * 200),
        ("word " * 100, "word " * 39 + "word…"),
        ("lengthened " * 20, "lengthened " * 17 + "lengthened…"),
        ("街" * 300, "街" * 199 + "…"),
    ],
)
def test_a_caption_is_how_a_page_begins_and_ends_with_a_word(text: str, caption: str) -> None:
    assert caption_of(text) == caption


def test_passages_overlap_and_leave_nothing_out() -> None:
    embedding = load_text_embedding("minilm", Settings())
    words = [f"word{n}" for n in range(200)]
    passages = embedding.split(" ".join(words))
    assert len(passages) > 3
    assert {word for passage in passages for word in passage.split()} >= set(words)
    for one, next_ in pairwise(passages):
        assert set(one.split()) & set(next_.split())


def test_the_words_of_pages_are_sampled_throughout_and_a_hostile_document_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.pdf").write_bytes(pdf(*words_of(40)))
    slow = Page(content=b"BT /F1 1 Tf " + b"(a) Tj " * 500_000 + b"ET")
    (tmp_path / "slow.pdf").write_bytes(pdf(*[slow] * 3))
    records = [page("good.pdf", n, tmp_path) for n in range(1, 41)]
    records += [page("slow.pdf", n, tmp_path) for n in range(1, 4)]
    records.append(Record("s/a.jpg", "s", tmp_path, "a.jpg", captions=("a red house",)))
    monkeypatch.setattr("ingest.sampling.SAMPLE_PAGES", 10)
    isolated.call(int)  # started
    monkeypatch.setattr(isolated, "MAX_SECONDS", 0.3)
    texts = list(sample_texts(records))
    assert len(texts) == 11
    assert texts[0] == "Page 1 as it was"
    assert texts[-1] == "a red house"


def page(document: str, number: int, root: Path) -> Record:
    path = f"{document}#page={number}"
    return Record(f"s/{path}", "s", root, path, page=number)

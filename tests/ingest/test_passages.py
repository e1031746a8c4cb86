"""Passages: what lies in a page's text layer becomes words, or nothing."""

from itertools import pairwise
from pathlib import Path

import pytest

from app.encoders import load_text_embedding
from app.media import isolated
from app.model.records import Record
from app.model.settings import Settings
from ingest.passages import caption_of, is_prose, joined, readable, says_little
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


STAMP = "RECEIVED 12 MAY 1987"
PROSE = "The harbour is closed to all sailing boats until the market opens at seven each day. " * 3


@pytest.mark.parametrize(
    ("text", "share", "little"),
    [
        (STAMP, 1.0, True),
        (STAMP, 0.3, False),  # a page of its own, with a small picture
        (STAMP, 0.0, False),
        (PROSE, 1.0, False),  # a scan whose words were read before
        (PROSE, 0.0, False),
        ("• • •", 0.0, True),
        ("Xq3$vB9 zK%7pL Wd&4mT aR)8nJ 5gH=cF", 0.0, True),
        ("數據與圖表" * 40, 1.0, False),
    ],
)
def test_a_layer_says_little_where_it_is_no_words_or_few_over_a_picture(
    text: str, share: float, little: bool
) -> None:
    assert says_little(text, lambda: share) == little


@pytest.mark.parametrize(
    "text",
    [
        "Die GmbH & Co. KG in der Straße der OECD-Länder, 1990s, 3rd",
        "Dvořák četl čtvrtek, prst a krk; smrt",
        "и слова на русском языке, для проверки",
        "هذه كلمات من اللغة العربية للتجربة",
        "यह हिन्दी में लिखे हुए कुछ शब्द हैं",
        "這是 一些 中文 的 字 在 這裡",
        "Revenue 1,234.5 -12% 2019 2020 (3.1) $4.00 €5",
        "def read(self, words): return self.words + words[1:] if words else None",
        "https://example.org/a/b?c=d is a link, me@example.org an address",
        "H2O B747",  # too few to tell
    ],
)
def test_words_and_numbers_of_any_language_are_prose(text: str) -> None:
    assert is_prose(text)


@pytest.mark.parametrize(
    "text",
    [
        "I9A8O-P$p$P$Ax31J 9zQ$kk1 3FFQ& -V8VceZWZTReVW9 daVTeeHVcZVd8EcVW",
        "Uif! rvjdl4 csp(xo gpy2 kvnq^t pwfs4 uif! mb=z eph6",
        "xqzt vbnm jkl ghjkl wrtp sdfg zxcvb",
    ],
)
def test_a_layer_in_an_encoding_of_its_own_is_none(text: str) -> None:
    assert not is_prose(text)


@pytest.mark.parametrize(
    ("layer", "read", "words"),
    [
        ("", "what is on it", "what is on it"),
        (STAMP, "", STAMP),
        (STAMP, "received 12 may 1987 The harbour", "received 12 may 1987 The harbour"),
        (STAMP, "The harbour is closed", f"{STAMP} The harbour is closed"),
        ("Xq3$vB9 zK%7pL Wd&4mT aR)8nJ 5gH=cF", "The harbour", "The harbour"),
        (STAMP, "k$f8 a&s3b q%9z w)x2y v=b4n", STAMP),  # of a script that OCR cannot read
    ],
)
def test_what_ocr_read_is_joined_to_what_it_left_out(layer: str, read: str, words: str) -> None:
    assert joined(layer, read) == words


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

"""Question and hits in, an answer that cites its evidence out; a double plays Ollama."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from app.answering.answer import Answer, answer
from app.answering.vision import Limits, open_model
from app.model.errors import QueryError
from app.model.settings import Settings
from app.retrieval.hits import Hit
from tests.ollama_double import OllamaDouble, unused_url

QUICK = Limits(connect=0.5, idle=0.3, total=5, attempts=2, wait=0.01)
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "brown", "pink", "grey")


@pytest.fixture
def hits(tmp_path: Path) -> list[Hit]:
    """Ten pictures of one colour each, with a caption that says so."""
    found = []
    for colour in COLOURS:
        file = tmp_path / f"{colour}.JPG"
        Image.new("RGB", (1600, 1200), colour).save(file, "JPEG")
        caption = f"a {colour} wall"
        found.append(
            Hit(
                id=colour,
                metadata={"city": "Oslo", "more beautiful": 4.5},
                file=file,
                score=1.0,
                record_id=f"walls/{file.name}",
                path=file.name,
                captions=(caption,),
            )
        )
    return found


def ask(
    ollama: OllamaDouble,
    hits: list[Hit],
    question: str = "Which wall?",
    max_images: int | None = None,
    **options,
) -> Answer:
    name = ollama.models[0].removesuffix(":latest")
    settings = Settings(ollama=ollama.url, model=name, max_images=max_images)
    return answer(
        question, hits, settings=settings, model=open_model(settings, limits=QUICK), **options
    )


def test_answer_cites_its_evidence(hits):
    heard: list[str] = []
    with OllamaDouble(reply="It is red [1], not blue [Image 3].") as ollama:
        said = ask(ollama, hits[:3], on_text=heard.append)
    assert said.status == "answered"
    assert said.text == "It is red [1], not blue [3]."
    assert said.citations == (1, 3)
    assert [(piece.number, piece.path) for piece in said.evidence] == [
        (1, "red.JPG"),
        (2, "green.JPG"),
        (3, "blue.JPG"),
    ]
    assert said.evidence[0].metadata == {"city": "Oslo", "more beautiful": 4.5}
    assert "".join(heard) == said.text
    assert said.notices == ()


def test_forged_citations_are_removed_from_text_and_stream_and_counted(hits):
    heard: list[str] = []
    with OllamaDouble(reply="A wall [9][1, 7]. Seen in [2015].") as ollama:
        said = ask(ollama, hits[:3], on_text=heard.append)
    assert said.text == "A wall [1]."
    assert "".join(heard) == said.text
    assert (said.citations, said.dropped_citations) == ((1,), 3)
    assert any("3 citation" in notice for notice in said.notices)


def test_model_that_says_it_is_not_enough_is_believed(hits):
    heard: list[str] = []
    with OllamaDouble(reply="NOT_ENOUGH_EVIDENCE.") as ollama:
        said = ask(ollama, hits, on_text=heard.append)
    assert (said.status, said.text, heard) == ("not_enough_evidence", "", [])
    assert said.notices[-1] == (
        "the model says that what it was shown does not answer the question"
    )


def test_a_citation_of_nothing_is_no_answer(hits):
    with OllamaDouble(reply="[1] nothing") as ollama:
        said = ask(ollama, hits)
    assert said.status == "not_enough_evidence"


def test_a_model_that_says_nothing_of_any_page_has_failed(page_hits):
    with OllamaDouble(reply=" ") as ollama:
        said = ask(ollama, page_hits)
    assert said.status == "incomplete"
    assert "ended without an answer" in said.notices[-1]


def test_text_that_cites_nothing_is_kept_but_is_no_grounded_answer(hits):
    with OllamaDouble(reply="Walls are usually grey.") as ollama:
        said = ask(ollama, hits)
    assert said.status == "not_enough_evidence"
    assert said.text == "Walls are usually grey."
    assert any("cites none" in notice for notice in said.notices)


def test_nothing_found_is_not_enough_and_asks_no_model():
    with OllamaDouble() as ollama:
        said = ask(ollama, [])
    assert (said.status, said.evidence, ollama.requests) == ("not_enough_evidence", (), [])


def test_llava_gets_one_contact_sheet_with_all_tiles(hits):
    with OllamaDouble() as ollama:
        said = ask(ollama, hits[:4])
    (sheet,) = ollama.requests[0].pictures
    assert sheet.size == (672, 672)
    centres = [sheet.getpixel((x, y)) for y in (190, 530) for x in (168, 504)]
    for seen, true in zip(
        centres, [(255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 0)], strict=True
    ):
        assert max(abs(a - b) for a, b in zip(seen, true, strict=True)) < 12
    assert "contact sheet" in ollama.requests[0].text
    assert ollama.requests[0].options["num_ctx"] == 4096
    assert len(said.evidence) == 4


def test_model_of_several_pictures_gets_them_apart_and_small(hits):
    with OllamaDouble(models=["gemma3:4b"]) as ollama:
        said = ask(ollama, hits)
    pictures = ollama.requests[0].pictures
    assert [picture.size for picture in pictures] == [(896, 672)] * 8
    assert len(said.evidence) == 8
    assert "best 8 of 10" in said.notices[0]


def test_asked_for_fewer_pictures_fewer_are_sent(hits):
    with OllamaDouble() as ollama:
        said = ask(ollama, hits, max_images=1)
    assert ollama.requests[0].pictures[0].size == (672, 504)
    assert [piece.path for piece in said.evidence] == ["red.JPG"]


def test_query_picture_is_shown_as_the_question_and_not_as_evidence(hits):
    query = Image.new("RGB", (300, 200), "white")
    with OllamaDouble(models=["gemma3:4b"]) as ollama:
        said = ask(ollama, hits[:2], query_image=query)
    request = ollama.requests[0]
    assert [picture.size for picture in request.pictures] == [(300, 200), (896, 672), (896, 672)]
    assert "QUESTION" in request.messages[0]["content"]
    assert len(said.evidence) == 2


def test_query_picture_is_the_first_tile_for_a_model_of_one_picture(hits):
    with OllamaDouble() as ollama:
        ask(ollama, hits[:1], query_image=Image.new("RGB", (300, 300), "magenta"))
    (sheet,) = ollama.requests[0].pictures
    assert sheet.size == (672, 336)
    red, green, blue = sheet.getpixel((168, 190))
    assert red > 200
    assert blue > 200
    assert green < 60


def test_the_evidence_is_told_before_the_first_word_with_its_numbers(hits):
    told: list[tuple[str, ...]] = []
    heard: list[str] = []

    def note(evidence):
        assert not heard
        told.append(tuple(f"{piece.number} {piece.path}" for piece in evidence))

    hits[0].file.unlink()
    with OllamaDouble(models=["gemma3:4b"]) as ollama:
        said = ask(ollama, hits[:3], on_evidence=note, on_text=heard.append)
    assert told == [("1 green.JPG", "2 blue.JPG")]
    assert [piece.number for piece in said.evidence] == [1, 2]
    assert [(piece.number, piece.path) for piece in said.unshown] == [(0, "red.JPG")]


def test_evidence_that_a_server_refuses_is_told_anew(hits):
    told: list[int] = []
    with OllamaDouble(script=["img8"]) as ollama:
        said = ask(ollama, hits[:6], on_evidence=lambda evidence: told.append(len(evidence)))
    assert told == [6, 3]
    assert [piece.path for piece in said.unshown] == ["yellow.JPG", "purple.JPG", "orange.JPG"]


def test_record_found_twice_is_one_piece_of_evidence(hits):
    with OllamaDouble() as ollama:
        said = ask(ollama, [hits[0], hits[0], hits[1]])
    assert [piece.record_id for piece in said.evidence] == ["walls/red.JPG", "walls/green.JPG"]


def test_picture_that_has_gone_is_left_out_and_named(hits):
    hits[0].file.unlink()
    with OllamaDouble() as ollama:
        said = ask(ollama, hits[:2])
    assert [(piece.number, piece.path) for piece in said.evidence] == [(1, "green.JPG")]
    assert "red.JPG" in said.notices[0]


def test_no_model_still_gives_the_evidence_and_no_text(hits):
    settings = Settings(ollama=unused_url())
    said = answer("Which?", hits[:2], settings=settings)
    assert (said.status, said.text, len(said.evidence)) == ("model_unavailable", "", 2)
    assert any("ollama serve" in notice for notice in said.notices)


def test_missing_model_still_gives_the_evidence(hits):
    with OllamaDouble(script=["chat-missing-model-stream"]) as ollama:
        said = ask(ollama, hits[:2])
    assert (said.status, said.text, len(said.evidence)) == ("model_missing", "", 2)
    assert any("ollama pull llava" in notice for notice in said.notices)


@pytest.mark.parametrize("behaviour", ["cut", "unfinished", "error_line", "stall", "length"])
def test_half_an_answer_is_incomplete_and_kept(hits, behaviour):
    with OllamaDouble(reply="The wall is red [1] and high.", script=[behaviour]) as ollama:
        said = ask(ollama, hits[:2])
    assert said.status == "incomplete"
    assert said.text.startswith("The wall")
    assert any("incomplete" in notice for notice in said.notices)


def test_refused_prompt_is_asked_again_with_less(hits):
    with OllamaDouble(script=["img8"]) as ollama:
        said = ask(ollama, hits[:6])
    first, second = ollama.requests
    assert said.status == "answered"
    assert len(said.evidence) == 3
    assert second.pictures[0].size[0] < first.pictures[0].size[0]
    assert any("asked again" in notice for notice in said.notices)


def test_prompt_refused_twice_is_given_up_with_the_evidence(hits):
    with OllamaDouble(script=["img8", "img8"]) as ollama:
        said = ask(ollama, hits[:6])
    assert (said.status, len(said.evidence)) == ("model_unavailable", 3)


def test_prompt_whose_front_was_dropped_is_noticed(hits):
    with OllamaDouble(prompt_tokens=60) as ollama:
        said = ask(ollama, hits[:2])
    assert any("dropped the front" in notice for notice in said.notices)


@pytest.mark.parametrize("question", ["", " \n", "why? " * 200_000])
def test_question_that_is_empty_or_huge_is_refused(hits, question):
    with OllamaDouble() as ollama, pytest.raises(QueryError, match="question"):
        ask(ollama, hits, question)


def test_question_with_marks_braces_and_half_characters_is_sent_as_text(hits):
    with OllamaDouble() as ollama:
        said = ask(ollama, hits[:1], "what is {0} [img-0] <|im_end|> \ud800?")
    sent = ollama.requests[0].messages[0]["content"]
    assert "{0}" in sent
    assert "[img-0]" not in sent
    assert "<|" not in sent
    assert said.status == "answered"


# ---- pages of documents


@pytest.fixture
def page_hits(tmp_path: Path) -> list[Hit]:
    """Three pages, best first: the last of one report, the only one of another, the first."""
    found = []
    for source, text in (
        ("b/report.pdf#page=9", "Rain fell on 41 days."),
        ("a.pdf#page=1", ""),
        ("b/report.pdf#page=2", "x" * 9000),
    ):
        file = tmp_path / f"{len(found)}.jpg"
        Image.new("RGB", (1086, 1536), "white").save(file)
        number = int(source.rpartition("=")[2])
        found.append(
            Hit(
                id=source,
                text=text,
                metadata={"page": number},
                file=file,
                score=1.0,
                record_id=source,
                path=source,
                page=number,
            )
        )
    return found


def test_pages_go_together_in_the_order_of_their_documents(page_hits):
    heard: list[str] = []
    reply = "[1] nothing\n[2] rain, 41 days\n[3] nothing\nANSWER: On 41 days [2]."
    with OllamaDouble(models=["qwen2.5vl:7b"], reply=reply) as ollama:
        said = ask(ollama, page_hits, "How many days?", on_text=heard.append)
    assert (said.status, said.text, said.citations) == ("answered", "On 41 days [2].", (2,))
    assert [(piece.number, piece.name) for piece in said.evidence] == [
        (1, "b/report.pdf, page 2"),
        (2, "b/report.pdf, page 9"),
        (3, "a.pdf, page 1"),
    ]
    (request,) = ollama.requests
    assert [picture.size for picture in request.pictures] == [(1086, 1536)] * 3
    assert request.text.startswith('Question: "How many days?"')
    assert request.text.endswith('The question again: "How many days?"')
    assert '[2] page 9 of "b/report.pdf"\n  its text: "Rain fell on 41 days."' in request.text
    assert request.text.count("its text") == 2
    assert "".join(heard) == "[2] rain, 41 days\nANSWER: On 41 days [2]."
    assert said.notices == (
        "qwen2.5vl:7b reads 3 pages, 1,536 pixels high or wide",
        "of 1 page only the most relevant part of the text was sent",
    )


FILLER = "The committee met and approved the minutes of its last meeting. " * 100


def with_text(hit: Hit, text: str) -> Hit:
    return replace(hit, text=text)


@pytest.mark.parametrize("model", ["qwen2.5vl:7b", "llava:latest"])
def test_of_a_long_page_the_part_that_bears_on_the_question_is_sent(page_hits, model):
    long = with_text(page_hits[0], FILLER + "Rain fell on 41 days. " + FILLER)
    with OllamaDouble(models=[model], reply="Rain [1].") as ollama:
        said = ask(ollama, [long, *page_hits[1:2]], "How often did rain fall?")
    text = ollama.requests[0].text
    assert 'its text: "… The committee met' in text
    assert "Rain fell on 41 days." in text
    assert len(text) < 8000
    assert any("of 1 page only the most relevant part" in notice for notice in said.notices)


def test_a_page_that_fits_goes_whole(page_hits):
    text = FILLER[:5800]
    with OllamaDouble(models=["qwen2.5vl:7b"], reply="Rain [1].") as ollama:
        said = ask(ollama, [with_text(page_hits[0], text)])
    assert f'"{text}"' in ollama.requests[0].text
    assert not any("relevant part" in notice for notice in said.notices)


def test_pages_whose_text_does_not_fit_are_said_to_go_without_it(page_hits):
    question = "How? " * 100
    with OllamaDouble(context_length=4096, reply="Rain [1].") as ollama:
        said = ask(ollama, [with_text(page_hits[0], FILLER)], question)
    assert "its text" not in ollama.requests[0].text
    assert any("of 1 page the text was not sent" in notice for notice in said.notices)


@pytest.mark.parametrize(
    "reply",
    [
        "[1] nothing\n[2] rain\nANSWER: NOT_ENOUGH_EVIDENCE",
        "[1] nothing\n[2] rain\n**ANSWER:** **NOT_ENOUGH_EVIDENCE**.\n",
        "[1] nothing\n[2] rain\n### Answer\nNOTHING_HERE",
    ],
)
def test_pages_that_do_not_answer_are_not_enough(page_hits, reply):
    heard: list[str] = []
    with OllamaDouble(models=["qwen2.5vl:7b"], reply=reply) as ollama:
        said = ask(ollama, page_hits, on_text=heard.append)
    assert (said.status, said.text, said.citations) == ("not_enough_evidence", "", ())
    assert said.notices[-1].startswith("the model says that what it was shown does not answer")
    assert "".join(heard) == "[2] rain"


@pytest.mark.parametrize("rest", ["", "\nANSWER:", "\nANSWER: ", "\n**ANSWER:** **"])
def test_pages_of_which_nothing_is_said_give_no_answer(page_hits, rest):
    heard: list[str] = []
    with OllamaDouble(models=["qwen2.5vl:7b"], reply=f"[1] nothing\n[2]: Nothing.{rest}") as ollama:
        said = ask(ollama, page_hits, on_text=heard.append)
    assert said.status == ("incomplete" if rest else "not_enough_evidence")
    assert (said.text, said.citations, heard) == ("", (), [])
    assert ("ended without an answer" in said.notices[-1]) == bool(rest)


def test_an_answer_that_is_not_marked_is_what_was_said_of_pages_that_show_something(page_hits):
    heard: list[str] = []
    reply = "[1] shows a thing.\n[2] nothing\n[3] NOTHING_HERE"
    with OllamaDouble(models=["qwen2.5vl:7b"], reply=reply) as ollama:
        said = ask(ollama, page_hits, on_text=heard.append)
    assert (said.status, said.text, said.citations) == ("answered", "[1] shows a thing.", (1,))
    assert "".join(heard) == said.text
    assert said.notices[-1].startswith("the model did not mark where its answer begins")


def test_an_answer_without_a_mark_streams_as_it_ends(page_hits):
    heard: list[str] = []
    reply = "The report of the station says that rain fell on 41 days. " * 3 + "[2]\n[1] nothing"
    with OllamaDouble(models=["qwen2.5vl:7b"], reply=reply) as ollama:
        said = ask(ollama, page_hits, on_text=heard.append)
    assert (said.status, said.citations) == ("answered", (2,))
    assert "".join(heard) == said.text == reply.removesuffix("\n[1] nothing")
    assert len(heard) > 10


def read_by_one(request):
    """LLaVA, to which page 9 says something, and who joins what the pages gave."""
    if not request.encoded_pictures:
        return "On 41 days [2], or on 9 [1]."
    return "Rain on 41 days.\x1b[2J" if "page 9 of" in request.text else "NOTHING_HERE"


def test_a_model_of_one_picture_reads_page_by_page_and_joins_what_they_gave(page_hits):
    heard: list[str] = []
    steps: list[str] = []
    with OllamaDouble(reply=read_by_one) as ollama:
        said = ask(ollama, page_hits, on_text=heard.append, on_step=steps.append)
    assert [len(request.encoded_pictures) for request in ollama.requests] == [1, 1, 1, 0]
    assert (said.status, said.text, said.citations) == (
        "answered",
        "On 41 days [2], or on 9.",
        (2,),
    )
    assert said.dropped_citations == 1  # page 2 gave nothing, so nothing can rest on it
    joined = ollama.requests[-1].text
    assert '[2] page 9 of "b/report.pdf": "Rain on 41 days.(2J"' in joined
    assert "page 2 of" not in joined
    assert "".join(heard) == said.text
    assert steps == [
        "reading b/report.pdf, page 2 (1 of 3)",
        "reading b/report.pdf, page 9 (2 of 3)",
        "reading a.pdf, page 1 (3 of 3)",
    ]
    assert len(said.evidence) == 3


def test_pages_that_give_nothing_are_not_joined(page_hits):
    with OllamaDouble(reply="NOTHING_HERE") as ollama:
        said = ask(ollama, page_hits)
    assert (said.status, said.text, len(ollama.requests)) == ("not_enough_evidence", "", 3)
    assert said.notices[-1] == "no page that was found is relevant to the question"


@pytest.mark.parametrize(
    ("script", "status", "notice"),
    [
        (["obey", "hang"], "model_unavailable", "sent nothing in time"),
        (["cut"], "answered", "b/report.pdf, page 2 was read in part"),
        (["img8"], "answered", "refused a page and was asked again with smaller ones"),
        (["obey", "obey", "obey", "cut"], "incomplete", "the answer is incomplete"),
    ],
)
def test_a_reading_that_is_disturbed_says_so(page_hits, script, status, notice):
    with OllamaDouble(script=script, reply="It is 4 [1].") as ollama:
        said = ask(ollama, page_hits)
    assert said.status == status
    assert any(notice in told for told in said.notices), said.notices


def test_pages_beside_a_picture_that_is_asked_about_are_pictures_and_this_is_said(page_hits):
    with OllamaDouble(models=["gemma3:4b"], reply="ANSWER: A logo [1].") as ollama:
        said = ask(ollama, page_hits, query_image=Image.new("RGB", (300, 200)))
    assert len(ollama.requests[0].pictures) == 4
    assert "its text" not in ollama.requests[0].text
    assert said.evidence[0].name == "b/report.pdf, page 9"
    assert said.notices == (
        "with --image the model sees pages as pictures without their text, so small type is lost;"
        " leave out --image to have them read",
    )


def test_pictures_beside_a_picture_that_is_asked_about_need_no_such_notice(hits):
    with OllamaDouble(models=["gemma3:4b"]) as ollama:
        said = ask(ollama, hits[:2], query_image=Image.new("RGB", (300, 200)))
    assert said.notices == ()


def at(hit: Hit, label: str, path: str) -> Hit:
    return replace(hit, path=path, record_id=f"{label}/{path}")


def test_documents_of_one_name_are_told_apart(page_hits):
    """Two sources have a report.pdf; of the third document there is only one."""
    paths = ("m1/report.pdf#page=9", "m2/report.pdf#page=1", "m2/other.pdf#page=2")
    found = [at(hit, *path.split("/")) for hit, path in zip(page_hits, paths, strict=True)]
    with OllamaDouble(models=["qwen2.5vl:7b"], reply="ANSWER: Rain [1].") as ollama:
        said = ask(ollama, found)
    assert [piece.name for piece in said.evidence] == [
        "m1/report.pdf, page 9",
        "m2/report.pdf, page 1",
        "other.pdf, page 2",
    ]
    assert '[2] page 1 of "m2/report.pdf"' in ollama.requests[0].text
    assert 'page 2 of "other.pdf"' in ollama.requests[0].text


def test_pages_of_two_documents_of_one_name_are_not_mixed(page_hits):
    found = [
        replace(at(hit, label, f"report.pdf#page={page}"), page=page)
        for hit, label, page in zip(page_hits, ("m1", "m2", "m1"), (2, 1, 1), strict=True)
    ]
    with OllamaDouble(models=["qwen2.5vl:7b"], reply="ANSWER: Rain [1].") as ollama:
        said = ask(ollama, found)
    assert [piece.record_id for piece in said.evidence] == [
        "m1/report.pdf#page=1",
        "m1/report.pdf#page=2",
        "m2/report.pdf#page=1",
    ]


def test_pictures_of_one_path_in_two_sources_are_told_apart(hits):
    hits[1] = at(hits[1], "other", "red.JPG")
    with OllamaDouble() as ollama:
        said = ask(ollama, hits[:3])
    assert [piece.name for piece in said.evidence] == ["walls/red.JPG", "other/red.JPG", "blue.JPG"]
    assert '[2] picture "other/red.JPG"' in ollama.requests[0].text

"""How real models answer, each manner held: what of it is the answer, and what it rests on."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.answering.answer import Answer, answer
from app.answering.bound import BoundText
from app.answering.citations import CitedText
from app.answering.manners import is_refusal, loose_citations, named_numbers, repeats_prompt
from app.answering.page_lines import says_nothing, without_nothing
from app.answering.prompts import EXAMPLE, RULES
from app.answering.vision import discard
from app.answering.vision.wire import Piece, read
from app.model.settings import Settings
from app.retrieval.hits import Hit
from tests.ollama_double import OllamaDouble
from tests.openai_double import OpenAIDouble
from tests.vision_double import VisionDouble

ANSWERED, NOT_ENOUGH, BROKEN = "answered", "not_enough_evidence", "incomplete"

Ask = Callable[..., tuple[Answer, str]]


@pytest.fixture
def hits(tmp_path: Path) -> list[Hit]:
    """Five pictures of streets."""
    return [hit(tmp_path, f"walk/street-{name}.jpg") for name in "abcde"]


def hit(folder: Path, source: str, page: int | None = None) -> Hit:
    file = folder / f"{source.replace('/', '-').replace('#', '-')}.jpg"
    Image.new("RGB", (96, 64), "red").save(file)
    return Hit(
        id=source,
        text="Rain fell." if page else "",
        file=file,
        score=1.0,
        record_id=source,
        path=source,
        captions=() if page else ("a red car",),
        page=page,
    )


@pytest.fixture(params=["ollama", "vision_url"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask over either protocol; return the answer, and all that was handed on."""
    double: type[VisionDouble] = {"ollama": OllamaDouble, "vision_url": OpenAIDouble}[request.param]

    def asked(
        hits: list[Hit],
        reply: str,
        query_image: Image.Image | None = None,
        **options: Any,
    ) -> tuple[Answer, str]:
        heard: list[str] = []
        name = {"ollama": "gemma3:latest", "vision_url": "gemma3"}[request.param]
        with double(reply=reply, models=[name], **options) as server:
            settings = Settings(model="gemma3", **{request.param: server.url})
            said = answer(
                "Where?", hits, settings=settings, query_image=query_image, on_text=heard.append
            )
        return said, "".join(heard)

    return asked


MANNERS = {
    # ---- thoughts, and marks of templates
    "thought": ("<think>\n[2] is blue.\n</think>\n\nRed [1].", ANSWERED, "Red [1].", {1}),
    "empty thought": ("<think>\n\n</think>\n\nRed [1].", ANSWERED, "Red [1].", {1}),
    "thought of another name": ("<thinking>[2]?</thinking>Red [1].", ANSWERED, "Red [1].", {1}),
    "Mistral's thought": ("[THINK]Is it [2]?[/THINK]Red [1].", ANSWERED, "Red [1].", {1}),
    "Kimi's thought": ("◁think▷Is it [2]?◁/think▷Red [1].", ANSWERED, "Red [1].", {1}),
    "gpt-oss's channels": (
        "<|channel|>analysis<|message|>[2]?<|end|><|start|>assistant<|channel|>final<|message|>"
        "Red [1].<|return|>",
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "thought of the word for nothing": (
        "<think>Or NOT_ENOUGH_EVIDENCE? No: [1].</think>Red [1].",
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "thought twice": (
        "<think>[2]</think>Red [1]. <think>and [3]?</think>Blue [4].",
        ANSWERED,
        "Red [1]. Blue [4].",
        {1, 4},
    ),
    "end of the turn": ("Red [1].<|im_end|>\n<|im_start|>user\nThanks", ANSWERED, "Red [1].", {1}),
    "beginning of its own turn": (
        "<|im_start|>assistant\nRed [1].<|im_end|>",
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "beginning of Llama's turn": (
        "<|start_header_id|>assistant<|end_header_id|>\n\nRed [1].<|eot_id|>",
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "word for word": ("Red [1]. " * 300, ANSWERED, ("Red [1]. " * 300).rstrip(), {1}),
    "MedGemma's thought": ("<unused94>thought\n[2]<unused95>Red [1].", ANSWERED, "Red [1].", {1}),
    "Cohere's thought": (
        "<|START_THINKING|>[2]<|END_THINKING|>Red [1].",
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "OpenThinker's thought": (
        "<|begin_of_thought|>[2]<|end_of_thought|>Red [1].",
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "thought in odd tags": ("<think\n>[2]</think >Red [1].", ANSWERED, "Red [1].", {1}),
    "analysis in tags": ("<analysis>[2]</analysis>Red [1].", ANSWERED, "Red [1].", {1}),
    "tokens of many models": (
        "<s><bos><image_soft_token>Red<unk> [1].<｜end▁of▁sentence｜>[2]",
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "a token that is cut": ("Red [1].<|im_end", ANSWERED, "Red [1].", {1}),
    "a thought between": (
        "Red [1].<think>[2]</think> Blue [3].",
        ANSWERED,
        "Red [1]. Blue [3].",
        {1, 3},
    ),
    "end of Gemma's turn": ("Red [1].<end_of_turn>\nmodel [2]", ANSWERED, "Red [1].", {1}),
    "end of Llama's turn": ("Red [1].<|eot_id|>", ANSWERED, "Red [1].", {1}),
    "GLM's box": ("<|begin_of_box|>Red [1].<|end_of_box|>", ANSWERED, "Red [1].", {1}),
    "Qwen's boxes": (
        "A <ref>car</ref><box>(10,20),(300,400)</box> passes [1].",
        ANSWERED,
        "A car passes [1].",
        {1},
    ),
    "PaliGemma's places": ("A car <loc_12><loc_400> [1].", ANSWERED, "A car  [1].", {1}),
    "tags of an answer": ("<answer>Red [1].</answer>", ANSWERED, "Red [1].", {1}),
    "less than": ("3 < 5 and <b>red</b> [1]", ANSWERED, "3 < 5 and <b>red</b> [1]", {1}),
    # ---- citations
    "Image 1": (
        "In Image 1, a red car. Evidence 5 too.",
        ANSWERED,
        "In Image 1, a red car. Evidence 5 too. [1, 5]",
        {1, 5},
    ),
    "images 1 and 5": (
        "It is in images 1, 3 and 5.",
        ANSWERED,
        "It is in images 1, 3 and 5. [1, 3, 5]",
        {1, 3, 5},
    ),
    "round brackets": ("Red in (1) and (5).", ANSWERED, "Red in (1) and (5). [1, 5]", {1, 5}),
    "the first picture": (
        "In the first picture a red car drives.",
        ANSWERED,
        "In the first picture a red car drives. [1]",
        {1},
    ),
    "the third image": (
        "The third image shows it.",
        ANSWERED,
        "The third image shows it. [3]",
        {3},
    ),
    "several in order": (
        "The first, second and the fourth photo show it.",
        ANSWERED,
        "The first, second and the fourth photo show it. [1, 2, 4]",
        {1, 2, 4},
    ),
    "in order, beside a number": (
        "A car is in the first picture, a bus in [2].",
        ANSWERED,
        "A car is in the first picture, a bus in [2]. [1]",
        {1, 2},
    ),
    "in order, and cited": (
        "The first picture [1] shows it.",
        ANSWERED,
        "The first picture [1] shows it.",
        {1},
    ),
    "in order, in JSON": (
        '{"answer": "It is in the first picture.", "evidence": [2]}',
        ANSWERED,
        "It is in the first picture. [1, 2]",
        {1, 2},
    ),
    "the ninth picture": (
        "The ninth picture shows it.",
        NOT_ENOUGH,
        "The ninth picture shows it.",
        set(),
    ),
    "the second figure": ("The second figure waves from the first item.", NOT_ENOUGH, None, set()),
    "a file": ("It is in street-b.jpg.", ANSWERED, "It is in street-b.jpg. [2]", {2}),
    "图": (
        "图1中一辆红色汽车[图1]。图片5也是[图片5]。",
        ANSWERED,
        "图1中一辆红色汽车[1]。图片5也是[5]。",
        {1, 5},
    ),
    "图 without brackets": ("图2中一辆红色汽车。", ANSWERED, "图2中一辆红色汽车。 [2]", {2}),
    "【1】": ("红色【1】。", ANSWERED, "红色[1]。", {1}),
    "RAGFlow": ("Red [ID:1].", ANSWERED, "Red [1].", {1}),
    "RAGFlow, several": ("Red [ID: 1][ID: 2].", ANSWERED, "Red [1][2].", {1, 2}),
    "footnote": ("Red [^1].", ANSWERED, "Red [1].", {1}),
    "source": ("Red [source 1].", ANSWERED, "Red [1].", {1}),
    "evidence": ("Red [Evidence 1, Evidence 2].", ANSWERED, "Red [1, 2].", {1, 2}),
    "a link": ("Red [1](walk/a.jpg).", ANSWERED, None, {1}),
    "no such number": ("Red [9], as in image 12.", NOT_ENOUGH, "Red, as in image 12.", set()),
    "a number of things": ("There are (1984) cars and 3 pictures.", NOT_ENOUGH, None, set()),
    "a list": ("(1) A car.\n(2) A bus.", NOT_ENOUGH, None, set()),
    # ---- JSON, asked for or not
    "JSON": ('{"answer": "Red", "evidence": [1, 5]}', ANSWERED, "Red [1, 5]", {1, 5}),
    "JSON with its own citations": (
        '{"answer": "Red [1].", "evidence": [1, 2]}',
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "JSON of another form": ('{"answer": "Red", "citations": ["[1]"]}', ANSWERED, "Red [1]", {1}),
    "JSON in a fence": (
        '```json\n{"answer": "Red \\"car\\"", "evidence": [1]}\n```\nHope this helps',
        ANSWERED,
        'Red "car" [1]',
        {1},
    ),
    "JSON after a thought": (
        '<think>{"answer": "no"}</think>{"answer": "Red", "evidence": [1]}',
        ANSWERED,
        "Red [1]",
        {1},
    ),
    "JSON that names no evidence": ('{"answer": "Red", "evidence": []}', NOT_ENOUGH, "Red", set()),
    "JSON that names what is not there": (
        '{"answer": "Red", "evidence": [9]}',
        NOT_ENOUGH,
        "Red",
        set(),
    ),
    "JSON that says it is not enough": (
        '{"answer": "NOT_ENOUGH_EVIDENCE", "evidence": [1]}',
        NOT_ENOUGH,
        None,
        None,
    ),
    "JSON that is no answer": ('{"color": "red", "id": [1]}', NOT_ENOUGH, None, None),
    "JSON with a line end in its text": (
        '{"answer": "Red [1].\nNot blue; that is [2].", "evidence": [1, 2]}',
        ANSWERED,
        "Red [1].\nNot blue; that is [2].",
        {1, 2},
    ),
    "JSON with a path of Windows": (
        '{"answer": "In C:\\Users\\x \\q", "evidence": [1]}',
        ANSWERED,
        "In C:\\Users\\x \\q [1]",
        {1},
    ),
    "JSON with a pair of surrogates": (
        '{"answer": "A \\ud83d\\ude00 and half \\ud83d", "evidence": [1]}',
        ANSWERED,
        "A 😀 and half [1]",
        {1},
    ),
    "JSON with what steers a terminal": (
        '{"answer": "Red\\u001b\\u009b [1].", "evidence": [1]}',
        ANSWERED,
        "Red [1].",
        {1},
    ),
    "JSON with a quote that is not escaped": (
        '{"answer": "Red [1] and "blue" [2]", "evidence": [1, 2]}',
        NOT_ENOUGH,
        None,
        None,
    ),
    "JSON that is cut": ('{"answer": "Red [1], and', NOT_ENOUGH, None, None),
    "JSON with a comma too many": ('{"answer": "Red", "evidence": [1],}', NOT_ENOUGH, None, None),
    "JSON in capitals": ('```JSON\n{"answer": "Red", "evidence": [1]}\n```', ANSWERED, None, {1}),
    "JSON in a list": ('[{"answer": "Red", "evidence": [1]}]', ANSWERED, "Red [1]", {1}),
    "JSON after prose": ('Here:\n{"answer": "Red", "evidence": [1]}', NOT_ENOUGH, None, None),
    "JSON with other numbers": (
        '{"answer": "Red [9]", "evidence": "1, 2"}',
        ANSWERED,
        "Red [1, 2]",
        {1, 2},
    ),
    "JSON with a mark in its text": (
        '{"answer": "a </think> b", "evidence": [1]}',
        ANSWERED,
        "a </think> b [1]",
        {1},
    ),
    "JSON without words": ('{"answer": "", "evidence": [1]}', BROKEN, "", None),
    "JSON with a list of words": ('{"answer": ["Red"], "evidence": [1]}', NOT_ENOUGH, None, None),
    "JSON with two answers": (
        '{"answer": "Red", "answer": "Blue", "evidence": [1]}',
        NOT_ENOUGH,
        "Red",
        set(),
    ),
    "JSON that refuses": ('{"answer": "I cannot tell.", "evidence": [1]}', NOT_ENOUGH, None, None),
    "a call of a tool": ('<tool_call>{"name": "x"}</tool_call> [1]', NOT_ENOUGH, None, None),
    # ---- refusals, and what only looks like an answer
    "refusal": ("I'm sorry, but I can't help with identifying people.", NOT_ENOUGH, None, set()),
    "refusal with numbers": ("I'm sorry, I cannot determine this [1][2].", NOT_ENOUGH, None, None),
    "refusal in typographer's marks": ("I’m unable to tell from [1].", NOT_ENOUGH, None, None),
    "refusal in Chinese": ("抱歉，我无法确定[1]。", NOT_ENOUGH, None, None),
    "refusal in German": ("Leider ist das auf [1] nicht zu sehen.", NOT_ENOUGH, None, None),
    "not enough, softly": ("There is not enough evidence [1].", NOT_ENOUGH, None, None),
    "evidence does not answer": (
        "The pictures do not provide that information [1][2].",
        NOT_ENOUGH,
        None,
        None,
    ),
    "refusal, and a number behind it": (
        "I'm sorry, I cannot answer that. [1]",
        NOT_ENOUGH,
        None,
        None,
    ),
    "refusal in French": ("Je ne peux pas répondre [1].", NOT_ENOUGH, None, None),
    "refusal by none of them": ("None of the pictures answers that [1].", NOT_ENOUGH, None, None),
    "citations alone": ("- [1]\n- [2]", BROKEN, None, None),
    "a mark that is quoted": (
        "A sign says 'ANSWER: 5' [1].",
        ANSWERED,
        "A sign says 'ANSWER: 5' [1].",
        {1},
    ),
    "echo of the question": ('The question again: "Where?" [1]', NOT_ENOUGH, None, None),
    "sorry, and then an answer": (
        "Unfortunately there is no tram. A red car is in [1].",
        ANSWERED,
        None,
        {1},
    ),
    "an answer that says no": ("No: [1] shows a car, not a tram.", ANSWERED, None, {1}),
    "echo of rules": (f"[1]\n{RULES}"[:300], NOT_ENOUGH, None, None),
    "echo of the example": (EXAMPLE, NOT_ENOUGH, None, None),
    "echo of evidence": ('[1] picture "a.jpg"\n  caption: "a red car"', NOT_ENOUGH, None, None),
    "nothing": ("", BROKEN, "", set()),
    "nothing but a thought": ("<think>Hm [1].</think>", BROKEN, "", set()),
    "blanks": (" " * 2_000, BROKEN, "", set()),
}


@pytest.mark.parametrize("manner", MANNERS)
def test_a_manner_is_understood(manner: str, ask: Ask, hits: list[Hit]) -> None:
    reply, status, text, citations = MANNERS[manner]
    said, heard = ask(hits, reply)
    assert said.status == status, said
    if text is not None:
        assert said.text == text
    if citations is not None:
        assert set(said.citations) == citations
    assert heard == said.text


def test_a_thought_that_was_not_seen_to_begin_is_no_answer(ask: Ask, hits: list[Hit]) -> None:
    said, heard = ask(hits, "The user asks of [2].\n</think>\n\nOnly [1] shows it.")
    assert (said.status, said.text, said.citations) == (ANSWERED, "Only [1] shows it.", (1,))
    assert heard.endswith("ANSWER: Only [1] shows it.")


def test_of_a_thought_within_a_thought_nothing_is_answer(ask: Ask, hits: list[Hit]) -> None:
    said, _ = ask(hits, "<think>a [2] <think>b</think> c [3]</think>Red [1].")
    assert (said.text, said.citations) == ("Red [1].", (1,))


def test_a_thought_that_is_cut_off_gives_no_word(ask: Ask, hits: list[Hit]) -> None:
    said, heard = ask(hits, "<think>It may be [1] or [2]", script=["length", "length"])
    assert (said.status, said.text, said.citations, heard) == (BROKEN, "", (), "")
    assert "the model wrote down its thoughts" in said.notices[-1]


def test_a_model_whose_thoughts_took_all_its_room_is_given_more(ask: Ask, hits: list[Hit]) -> None:
    room = []

    def think(request: Any) -> str:
        room.append(request.options["num_predict"] if hasattr(request, "options") else None)
        room[-1] = room[-1] or request.body["max_tokens"]
        return "" if len(room) == 1 else "Red [1]."

    said, _ = ask(hits, think, thought="Let me look at [2]. ", script=["length"])
    assert (said.status, said.text) == (ANSWERED, "Red [1].")
    assert room == [512, 3072]


def test_thoughts_that_the_server_tells_apart_are_no_answer(ask: Ask, hits: list[Hit]) -> None:
    said, heard = ask(hits, "Red [1].", thought="Is it [2] or [3]?")
    assert (said.text, said.citations, heard) == ("Red [1].", (1,), "Red [1].")


@pytest.mark.parametrize("word", ["content_filter", "abort", "error"])
def test_an_answer_that_the_server_ended_is_incomplete(word: str, hits: list[Hit]) -> None:
    pieces = iter([Piece("Red [1] is"), Piece("", word)])
    assert word in (read(pieces, discard).broke_off or "")


def test_a_server_that_cannot_bind_an_answer_is_asked_without(hits: list[Hit]) -> None:
    with OpenAIDouble(reply="Red [1].", script=["json_schema_bad"]) as server:
        said = answer("Where?", hits, settings=Settings(model="llava", vision_url=server.url))
    assert (said.status, said.text) == (ANSWERED, "Red [1].")
    assert [bool(request.schema) for request in server.requests] == [True, False]


def test_one_piece_of_evidence_needs_no_number(ask: Ask, hits: list[Hit]) -> None:
    said, _ = ask(hits[:1], "A red car passes.")
    assert (said.status, said.citations) == (ANSWERED, (1,))
    for reply in (
        "I cannot tell.",
        "Not enough evidence.",
        "Les images ne suffisent pas.",
        EXAMPLE,
    ):
        assert ask(hits[:1], reply)[0].status == NOT_ENOUGH


def test_evidence_that_is_named_and_is_none_is_told(ask: Ask, hits: list[Hit]) -> None:
    said, _ = ask(hits, "In Image 1, a red car. Evidence 9 too.")
    assert said.citations == (1,)
    assert said.notices[-1] == "the text cites evidence that does not exist:  9"


def test_beside_a_picture_that_is_asked_about_the_first_picture_is_no_evidence(
    ask: Ask, hits: list[Hit]
) -> None:
    asked = Image.new("RGB", (8, 8), "red")
    said, _ = ask(hits, "The first picture shows it.", query_image=asked)
    assert (said.status, said.citations) == (NOT_ENOUGH, ())
    assert ask(hits, "The first picture shows [2].", query_image=asked)[0].citations == (2,)


LEFT = [
    ("A red car, as shown in [9], drives past [1].", "A red car drives past [1]."),
    ("There is a wall [1], as shown in [9].", "There is a wall [1]."),
    ("As shown in [9], the wall is red [1].", "The wall is red [1]."),
    ("In [9] a red car drives [1].", "A red car drives [1]."),
    ("The car in [9] is red [1].", "The car is red [1]."),
    ("It is red (see [9]).", "It is red."),
    ("It is red ([9]).", "It is red."),
    ("It is red (see [9], left) [1].", "It is red (left) [1]."),
    ("It is red (a car, see [9]).", "It is red (a car)."),
    ("Red [1] and [9].", "Red [1]."),
    ("[9] and [1] show it.", "[1] show it."),
    ("Red [1], [9] and [2].", "Red [1] and [2]."),
    ("A car is shown in [9].", "A car is shown."),
    ("A car is in [9].", "A car is in."),
    ("A wall [1]. Seen in [2015].", "A wall [1]."),
    ("See [9].", "See."),
    ("[9] shows a bus [1].", "Shows a bus [1]."),
    ("Red, [9], blue [1].", "Red, blue [1]."),
    ("Red [1]. In [9], a bus; a tram [2].", "Red [1]. A bus; a tram [2]."),
    ("**[9]** shows [1].", "Shows [1]."),
    ("It is red, see [9].", "It is red."),
    ("It is red as seen in images [9] and [8], and blue [1].", "It is red, and blue [1]."),
    ("According to [9], it is red [1].", "It is red [1]."),
    ("[1] is red\n[9]: a bus\n[2]: a tram", "[1] is red\nA bus\n[2]: a tram"),
    ("There are plain [9] walls [1].", "There are plain walls [1]."),
    ("红色[9]。", "红色。"),
    ("As seen in [1] and [9], it is red.", "As seen in [1], it is red."),
    ("A bus and a tram [1], [2], in the rain [9].", "A bus and a tram [1], [2], in the rain."),
    ("Red [1], in [9] a bus [2].", "Red [1] a bus [2]."),
    ("It is red in [9] 5 times", "It is red 5 times"),
]


@pytest.mark.parametrize(("written", "left"), LEFT)
def test_a_sentence_stays_whole_where_its_citation_goes(written: str, left: str) -> None:
    for step in (1, 3, len(written)):
        text = CitedText({1, 2})
        pieces = (written[start : start + step] for start in range(0, len(written), step))
        assert "".join(map(text.add, pieces)) + text.end() == text.text == left


PAGES = {
    "page of a document": ("It fell on 41 days (page 9 of report.pdf).", ANSWERED, {2}),
    "page in brackets": ("It fell on 41 days [page 9].", ANSWERED, {2}),
    "document and page in brackets": ("On 41 days [report.pdf, page 9].", ANSWERED, {2}),
    "page that two have": ("It fell on 41 days (page 2).", NOT_ENOUGH, set()),
    "page that two have, with its document": ("On 41 days (a.pdf, p. 2).", ANSWERED, {3}),
    "page that is not there": ("It fell on 41 days (page 70).", NOT_ENOUGH, set()),
    "the report's own figure": ("Figure 2 shows 41 days.", NOT_ENOUGH, set()),
    "thought": ("<think>ANSWER: [1]</think>[1] rain\nANSWER: 41 [2].", ANSWERED, {2}),
}


@pytest.mark.parametrize("manner", PAGES)
def test_pages_are_named_in_many_ways(manner: str, ask: Ask, tmp_path: Path) -> None:
    reply, status, citations = PAGES[manner]
    pages = [("b/report.pdf", 2), ("b/report.pdf", 9), ("a.pdf", 2)]
    hits = [hit(tmp_path, f"{document}#page={page}", page) for document, page in pages]
    said, _ = ask(hits, f"[1] nothing\nANSWER: {reply}" if manner != "thought" else reply)
    assert (said.status, set(said.citations)) == (status, citations)


HOSTILE = [
    " " * 400_000,
    "\n" * 400_000,
    "*" * 400_000,
    "* " * 200_000,
    "[" * 400_000,
    "[1" * 200_000,
    "[1]" * 130_000,
    "<" * 400_000,
    "<think>" * 60_000,
    "</think>" * 50_000,
    "<box>" * 80_000,
    "{" * 400_000,
    '{"answer": "' + "a\\" * 200_000,
    "image 1 and " * 30_000,
    "(1, " * 100_000,
    "no " + "\t" * 400_000 + "information",
    "ANSWER" * 60_000,
    "I'm sorry. " * 40_000,
    "page 1 of " * 40_000,
    "图" * 400_000,
    "<ref>" * 80_000,
    "<think></think>" * 30_000,
    (" " * 60 + "\x00") * 6_000,
    "nothing about " + "*" * 400_000 + "1",
    '{"answer": "' + "\\ud83d" * 60_000,
    "first and " * 40_000,
    "[" * 200_000 + "]" * 200_000,
]


@pytest.mark.parametrize("step", [3, 1_000_000])
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].strip() or repr(text[0]))
def test_no_text_of_a_model_takes_long_to_read(text: str, step: int) -> None:
    """60 kB of blanks took minutes: looked at more than once they take far longer."""
    text = text[:50_000] if step > 3 else text[:10_000]
    started = time.process_time()
    pieces = [Piece(text[start : start + step]) for start in range(0, len(text), step)]
    for marked in (False, True):
        bound, cited = BoundText(), CitedText({1, 2}, pages={1: 1}, marked=marked)
        reply = read(iter(pieces), lambda piece, c=cited, b=bound: discard(c.add(b.add(piece))))
        cited.add(bound.end())
        cited.end()
        for said in (reply.text, cited.text):
            is_refusal(said)
            repeats_prompt(said)
            says_nothing(said)
            without_nothing(said)
            loose_citations(said, [])
            named_numbers(said, [], in_order=True)
    assert time.process_time() - started < 3  # most take .2 s

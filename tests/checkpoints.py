"""Tiny random checkpoints, saved in the layouts of the real ones: nothing is downloaded.

`save_clip(folder)` and `save_siglip(folder)` write transformers' layout, as on
openai/clip-vit-base-patch32 and google/siglip2-base-patch16-224; `save_sentence_clip(folder)`
writes that of sentence-transformers/clip-ViT-B-32, and `save_sentence(folder)` that of
BAAI/bge-small-en-v1.5. Each returns the folder. All read the same few words.
"""

import json
from pathlib import Path

WORDS = ["a", "the", "red", "blue", "green", "square", "circle", "house", "car", "query"]
PIXELS = 32
DIMENSIONS = 24


def save_clip(folder: Path, *, seed: int = 0) -> Path:
    """Save a CLIP whose text tower reads 16 tokens."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(seed)
    vocabulary = [*WORDS, "<|startoftext|>", "<|endoftext|>"]
    start, end = len(WORDS), len(WORDS) + 1
    text = {"vocab_size": len(vocabulary) + 1, "max_position_embeddings": 16}
    text |= {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    config = CLIPConfig(
        text_config=_tower() | text,
        vision_config=_tower() | {"image_size": PIXELS, "patch_size": 8},
        projection_dim=DIMENSIONS,
    )
    _save(CLIPModel(config), folder)
    _save_tokenizer(folder, vocabulary, "<|startoftext|>", "<|endoftext|>", "<|endoftext|>", 16)
    _save_processor(folder, "CLIPProcessor", "CLIPImageProcessor", {"shortest_edge": PIXELS})
    return folder


def save_siglip(folder: Path, *, seed: int = 0) -> Path:
    """Save a SigLIP whose text tower reads 64 tokens, padding included."""
    import torch
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(seed)
    vocabulary = ["<pad>", "<eos>", *WORDS]
    text = {"vocab_size": len(vocabulary) + 1, "max_position_embeddings": 64}
    text |= {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1, "projection_size": 32}
    config = SiglipConfig(
        text_config=_tower() | text,
        vision_config=_tower() | {"image_size": PIXELS, "patch_size": 8},
    )
    _save(SiglipModel(config), folder)
    _save_tokenizer(folder, vocabulary, None, "<eos>", "<pad>", 64)
    size = {"height": PIXELS, "width": PIXELS}
    _save_processor(folder, "SiglipProcessor", "SiglipImageProcessor", size)
    return folder


def save_sentence_clip(folder: Path, *, seed: int = 0) -> Path:
    """Save a CLIP as sentence-transformers does: modules.json and the model one folder down."""
    save_clip(folder / "0_CLIPModel", seed=seed)
    kind = "sentence_transformers.models.CLIPModel"
    modules = [{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": kind}]
    _write(folder / "modules.json", modules)
    _write(folder / "config_sentence_transformers.json", {"__version__": {}})
    return folder


def save_sentence(
    folder: Path, *, seed: int = 0, prompts: dict[str, str] | None = None, pooling: str = "mean"
) -> Path:
    """Save a BERT with pooling and, if given, prompts such as {"query": "query: "}."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ":", *WORDS]
    config = BertConfig(
        vocab_size=len(vocabulary), max_position_embeddings=32, pad_token_id=0, **_tower()
    )
    _save(BertModel(config), folder)
    _save_tokenizer(folder, vocabulary, "[CLS]", "[SEP]", "[PAD]", 32)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": 32, "do_lower_case": False})
    pooling_config = {"word_embedding_dimension": 32, f"pooling_mode_{pooling}_tokens": True}
    if pooling == "cls":
        pooling_config = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True}
        pooling_config["pooling_mode_mean_tokens"] = False
    _write(folder / "1_Pooling" / "config.json", pooling_config)
    kind = "sentence_transformers.models."
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{kind}Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{kind}Pooling"},
    ]
    _write(folder / "modules.json", modules)
    settings = {"__version__": {}, "prompts": prompts or {}, "default_prompt_name": None}
    _write(folder / "config_sentence_transformers.json", settings)
    return folder


def _tower() -> dict[str, int]:
    return {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }


def _save(model, folder: Path) -> None:
    import torch

    for parameter in model.parameters():  # spread out: initial weights are too small to tell apart
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)


def _save_tokenizer(
    folder: Path, words: list[str], start: str | None, end: str, pad: str, length: int
) -> None:
    """Save a tokenizer of whole words, framed by its start and end tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    unknown = "[UNK]" if "[UNK]" in words else "<unk>"
    vocabulary = words if unknown in words else [*words, unknown]
    ids = {word: index for index, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    frame = f"{start} $A {end}" if start else f"$A {end}"
    special = [(token, ids[token]) for token in (start, end) if token]
    tokenizer.post_processor = processors.TemplateProcessing(single=frame, special_tokens=special)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=unknown,
        pad_token=pad,
        eos_token=end,
        model_max_length=length,
        **({"bos_token": start} if start else {}),
    )
    fast.save_pretrained(folder)


def _save_processor(folder: Path, processor: str, image_processor: str, size: dict) -> None:
    crop = {"do_center_crop": True, "crop_size": PIXELS} if "shortest_edge" in size else {}
    _write(
        folder / "preprocessor_config.json",
        {
            "processor_class": processor,
            "image_processor_type": image_processor,
            "size": size,
            "resample": 3,
            "do_resize": True,
            "do_rescale": True,
            "do_normalize": True,
            "image_mean": [0.48, 0.46, 0.41],
            "image_std": [0.27, 0.26, 0.28],
            **crop,
        },
    )


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")

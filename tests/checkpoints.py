"""Tiny random checkpoints, saved in the layouts of the real ones: nothing is downloaded.

`save_clip(folder)` and `save_siglip(folder)` write transformers' layout, as on
openai/clip-vit-base-patch32 and google/siglip2-base-patch16-224; `save_sentence_clip(folder)`
writes that of sentence-transformers/clip-ViT-B-32, and `save_sentence(folder)` that of
BAAI/bge-small-en-v1.5. `save_colqwen2`, `save_colmodernvbert` and `save_colpali` write those of
vidore/colqwen2-v1.0-hf, ModernVBERT/colmodernvbert-merged and vidore/colpali-v1.3-hf;
`save_qwen3vl` that of a Qwen3-VL which sentence-transformers reads. Each returns the folder. All
read the same few words.
"""

import json
from pathlib import Path
from typing import Any

WORDS = ["a", "the", "red", "blue", "green", "square", "circle", "house", "car", "query"]
PIXELS = 32
DIMENSIONS = 24
PAGE_DIMENSIONS = 16


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


def save_colqwen2(folder: Path, *, seed: int = 0) -> Path:
    """Save a ColQwen2 that tells 1 to 8 parts of a picture, squares of 28 pixels."""
    import torch
    from transformers import ColQwen2Config, ColQwen2ForRetrieval, Qwen2VLConfig

    torch.manual_seed(seed)
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
    marks += ["<|image_pad|>", "<|video_pad|>"]
    ids = _save_marks(folder, marks, pad="<|endoftext|>")
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}
    text = _words(ids) | {"num_key_value_heads": 2, "rope_parameters": rope}
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2}
    config = Qwen2VLConfig(
        text_config=text,
        vision_config=vision | {"patch_size": 14},
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    late = ColQwen2Config(vlm_config=config, embedding_dim=PAGE_DIMENSIONS)
    _save(ColQwen2ForRetrieval(late), folder)
    squares = {"shortest_edge": 28 * 28, "longest_edge": 8 * 28 * 28}
    _save_processor(folder, "ColQwen2Processor", "Qwen2VLImageProcessor", squares, crop=False)
    return folder


def save_colmodernvbert(folder: Path, *, seed: int = 0) -> Path:
    """Save a ColModernVBERT that looks at a picture whole and in tiles, at 4 parts of each."""
    import torch
    from transformers import ColModernVBertConfig, ColModernVBertForRetrieval, ModernVBertConfig

    torch.manual_seed(seed)
    marks = ["<|begin_of_text|>", "<end_of_utterance>", "<fake_token_around_image>", "<image>"]
    marks += ["<global-img>", "[PAD]"]
    marks += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    ids = _save_marks(folder, marks, pad="[PAD]")
    text = _words(ids) | {"model_type": "modernbert", "pad_token_id": ids["[PAD]"]}
    text |= {"cls_token_id": 0, "sep_token_id": 1}
    config = ModernVBertConfig(
        text_config=text,
        vision_config=_eye(),
        pixel_shuffle_factor=2,
        image_token_id=ids["<image>"],
    )
    late = ColModernVBertConfig(vlm_config=config, embedding_dim=PAGE_DIMENSIONS)
    _save(ColModernVBertForRetrieval(late), folder)
    whole = {"longest_edge": 2 * PIXELS}
    name, images = "ColModernVBertProcessor", "Idefics3ImageProcessor"
    tiles = {"do_image_splitting": True, "max_image_size": {"longest_edge": PIXELS}, "do_pad": True}
    _save_processor(folder, name, images, whole, crop=False, **tiles)
    _write(folder / "processor_config.json", {"image_seq_len": 4, "processor_class": name})
    return folder


def save_colpali(folder: Path, *, seed: int = 0) -> Path:
    """Save a ColPali that tells 16 parts of every picture."""
    import torch
    from transformers import ColPaliConfig, ColPaliForRetrieval, PaliGemmaConfig

    torch.manual_seed(seed)
    ids = _save_marks(folder, ["<bos>", "<eos>", "<pad>", "<image>"], pad="<pad>")
    text = _words(ids) | {"model_type": "gemma", "num_key_value_heads": 1, "head_dim": 8}
    text |= {"vocab_size": len(ids) + 1024 + 128, "pad_token_id": ids["<pad>"]}
    config = PaliGemmaConfig(
        text_config=text,
        vision_config=_eye() | {"projection_dim": 32, "vision_use_head": False},
        image_token_index=ids["<image>"],
        projection_dim=32,
        hidden_size=32,
    )
    late = ColPaliConfig(vlm_config=config, embedding_dim=PAGE_DIMENSIONS)
    _save(ColPaliForRetrieval(late), folder)
    size = {"height": PIXELS, "width": PIXELS}
    parts = {"image_seq_length": (PIXELS // 8) ** 2}
    _save_processor(folder, "ColPaliProcessor", "SiglipImageProcessor", size, **parts)
    return folder


def save_qwen3vl(folder: Path, *, seed: int = 0) -> Path:
    """Save a Qwen3-VL that gives one vector, as sentence-transformers does."""
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    torch.manual_seed(seed)
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
    marks += ["<|image_pad|>", "<|video_pad|>"]
    ids = _save_marks(folder, marks, pad="<|endoftext|>")
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]}
    text = _words(ids) | {"num_key_value_heads": 2, "head_dim": 8, "rope_parameters": rope}
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 4}
    vision |= {"out_hidden_size": 32, "deepstack_visual_indexes": [0]}
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision | {"num_position_embeddings": 16},
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    _save(Qwen3VLForConditionalGeneration(config), folder)
    squares = {"shortest_edge": 32 * 32, "longest_edge": 8 * 32 * 32}
    eye = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2}
    name = "Qwen3VLProcessor"
    _save_processor(folder, name, "Qwen2VLImageProcessorFast", squares, crop=False, **eye)
    video = {"processor_class": name, "video_processor_type": "Qwen3VLVideoProcessor"}
    _write(folder / "video_preprocessor_config.json", video | {"size": squares} | eye)
    (folder / "chat_template.jinja").write_text(CHAT, encoding="utf-8")
    _save_multimodal(folder)
    return folder


CHAT = """\
{%- for message in messages -%}<|im_start|> {{ message.role }}
{%- for part in message.content %} {% if part.type == "image" -%}
<|vision_start|><|image_pad|><|vision_end|>{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}
<|im_end|> {% endfor -%}
{%- if add_generation_prompt -%}<|im_start|> assistant{%- endif -%}"""
"""How a conversation is put to the model: what sentence-transformers takes for a picture."""


def _save_multimodal(folder: Path) -> None:
    """Save what sentence-transformers 5.4 and later keep of such a model."""
    kind = "sentence_transformers."
    types = {
        "": f"{kind}base.modules.transformer.Transformer",
        "1_Pooling": f"{kind}sentence_transformer.modules.pooling.Pooling",
        "2_Normalize": f"{kind}base.modules.normalize.Normalize",
    }
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": type_}
        for index, (path, type_) in enumerate(types.items())
    ]
    _write(folder / "modules.json", modules)
    _write(folder / "1_Pooling" / "config.json", {"embedding_dimension": 32} | LAST_TOKEN)
    said = {"method": "forward", "method_output_name": "last_hidden_state"}
    inputs = {"text": said, "image": said, "message": said | {"format": "structured"}}
    _write(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "feature-extraction",
            "modality_config": inputs,
            "module_output_name": "token_embeddings",
            "processing_kwargs": {"chat_template": {"add_generation_prompt": True}},
            "unpad_inputs": False,
        },
    )
    _write(folder / "config_sentence_transformers.json", {"__version__": {}})


LAST_TOKEN = {"pooling_mode": "lasttoken", "include_prompt": True}


def _words(ids: dict[str, int]) -> dict[str, Any]:
    """A language model that reads these words; bos and eos are the first two."""
    length = {"max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1}
    return _tower() | {"vocab_size": len(ids)} | length


def _eye() -> dict[str, Any]:
    """A SigLIP that sees squares of 8 pixels."""
    size = {"image_size": PIXELS, "patch_size": 8}
    return _tower() | size | {"model_type": "siglip_vision_model"}


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


def _save_marks(folder: Path, marks: list[str], pad: str) -> dict[str, int]:
    """Save a tokenizer of whole words and of a model's own marks; return its vocabulary."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    prompts = ["describe", "image", "question", "user", "assistant", ":", ".", "<unk>"]
    ids = {word: index for index, word in enumerate([*marks, *WORDS, *prompts])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token=marks[0],
        eos_token=marks[1],
        pad_token=pad,
        additional_special_tokens=marks,
    )
    fast.save_pretrained(folder)
    return ids


def _save_processor(
    folder: Path,
    processor: str,
    image_processor: str,
    size: dict,
    *,
    crop: bool = True,
    **more: object,
) -> None:
    if crop and "shortest_edge" in size:
        more |= {"do_center_crop": True, "crop_size": PIXELS}
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
            **more,
        },
    )


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")

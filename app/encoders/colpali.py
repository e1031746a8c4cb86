"""colpali: pages and words → many unit vectors each, by checkpoints of the ColPali family.

Over transformers' own classes; `colpali-engine` needs torchvision, of which there is no CPU build
beside our torch. A checkpoint must be in their layout: vidore/colqwen2-v1.0 is an adapter,
vidore/colqwen2-v1.0-hf is what is read here.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.encoders import EmbeddingSpec, FloatMatrix
from app.encoders.huggingface import (
    failed,
    find_weights,
    loading,
    model_id,
    pick_device,
)
from app.encoders.windows import text_of
from app.model.errors import EmbeddingError
from app.model.settings import Settings

logger = logging.getLogger(__name__)

SPEC = EmbeddingSpec(
    space="page",
    description="pages part by part; ColModernVBERT, ColQwen2 and ColPali checkpoints",
    # 250 million parameters, which a CPU can run; MIT; English. ColQwen2 has nine times as many.
    default_checkpoint="ModernVBERT/colmodernvbert-merged",
)

MODEL_CLASSES = {
    "colmodernvbert": "ColModernVBertForRetrieval",
    "colpali": "ColPaliForRetrieval",
    "colqwen2": "ColQwen2ForRetrieval",
}
"""transformers' class for each `model_type` of a config.json."""

MAX_TOKENS = 128
"""Of a question; each is held against every part of every page. ColPali was trained with 50."""

MAX_RATIO = 100
"""Of a picture's long side to its short one: Qwen2-VL refuses 200 and more."""


def load(checkpoint: str | None, settings: Settings) -> "ColPali":
    """Load a checkpoint by its name on the hub or its folder. Raises EmbeddingError.

    No network once it is on disk, no pickle, no code of its own. Always float32, as it was stored
    and as it is asked, on whichever device.
    """
    checkpoint = checkpoint or str(SPEC.default_checkpoint)
    folder = find_weights(checkpoint)
    family = _family(checkpoint, folder)
    device = pick_device(settings.device)
    with loading(checkpoint, "a late-interaction model"):
        import transformers

        processor = transformers.AutoProcessor.from_pretrained(folder, **_LOCAL)
        model = getattr(transformers, family).from_pretrained(
            folder, use_safetensors=True, dtype="float32", **_LOCAL
        )
    return ColPali(model.eval().to(device), processor, model_id("colpali", checkpoint, folder))


_LOCAL = {"local_files_only": True, "trust_remote_code": False}


class ColPali:
    """A loaded checkpoint. Source: Faysse et al. 2024, arXiv:2407.01449.

    Pages and questions go through the model one by one: a page of 700 tokens fills a processor, and
    in a batch its vectors would depend on how far its neighbours pad it.
    """

    def __init__(self, model: Any, processor: Any, name: str) -> None:  # noqa: ANN401 - any family
        self.model_id = name
        self.dimensions = int(model.config.embedding_dim)
        self._model = model
        self._processor = processor

    def embed_images(self, images: Sequence[Image.Image]) -> list[FloatMatrix]:
        """Embed opened pictures: for each a matrix of (parts, dimensions), 700 to 1,200 for a page.

        ColModernVBERT tells 64 parts in each of up to 17 tiles, ColQwen2 as many as there are
        squares of 28 pixels, ColPali 1,024; some more are the words around the picture.
        """
        return [self._embed(self._processor.process_images(images=[_squat(i)])) for i in images]

    def embed_words(self, texts: Sequence[str]) -> list[FloatMatrix]:
        """Embed texts: for each a matrix of (tokens, dimensions); over 128 tokens are cut."""
        plain = [self._plain(text) for text in texts]
        kept = [self._cut(text) for text in plain]
        longer = sum(len(short) < len(text) for short, text in zip(kept, plain, strict=True))
        if longer:
            logger.warning("%d of %d texts have over %d tokens: cut", longer, len(kept), MAX_TOKENS)
        return [self._embed(self._processor.process_queries(text=[text])) for text in kept]

    def _plain(self, text: str) -> str:
        """Bound a text, and take out what the model reads as a mark, such as `<image>`."""
        text = text_of(text)
        for mark in self._processor.tokenizer.all_special_tokens:
            text = text.replace(mark, " ")
        return text

    def _cut(self, text: str) -> str:
        tokens = self._processor.tokenizer(
            text, return_offsets_mapping=True, add_special_tokens=False, verbose=False
        )["offset_mapping"]
        return text if len(tokens) <= MAX_TOKENS else text[: tokens[MAX_TOKENS - 1][1]]

    def _embed(self, inputs: Any) -> FloatMatrix:  # noqa: ANN401 - a processor's BatchFeature
        import torch

        inputs.pop("labels", None)  # they are for training
        try:
            with torch.inference_mode():
                rows = self._model(**inputs.to(self._model.device)).embeddings[0]
        except Exception as error:  # the runtime's: out of memory, a device that is lost
            raise failed(self.model_id, error) from error
        matrix: FloatMatrix = rows.float().cpu().numpy()
        lengths = np.linalg.norm(matrix, axis=1)
        if not np.allclose(lengths, 1.0, atol=1e-3):
            raise EmbeddingError(
                f"{self.model_id} gave vectors of length 0: are its weights damaged?"
            )
        return matrix


def _family(checkpoint: str, folder: Path) -> str:
    """Return the class that a checkpoint is for."""
    file = folder / "config.json"
    kind = json.loads(file.read_text("utf-8")).get("model_type") if file.is_file() else None
    if kind not in MODEL_CLASSES:
        raise EmbeddingError(
            f"{checkpoint} is {kind or 'an adapter, or no model'}; a late-interaction model is"
            f" {', '.join(MODEL_CLASSES)} in transformers' layout, such as"
            f" colpali:{SPEC.default_checkpoint} or colpali:vidore/colqwen2-v1.0-hf"
        )
    return MODEL_CLASSES[kind]


def _squat(image: Image.Image) -> Image.Image:
    """Return a picture that is not too long for its width, squeezed if it was."""
    width, height = image.size
    size = min(width, MAX_RATIO * height), min(height, MAX_RATIO * width)
    return image if size == image.size else image.resize(size)

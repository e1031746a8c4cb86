"""clip: pictures and words → unit vectors in one space, by any CLIP or SigLIP checkpoint.

Also by models of vision and language that sentence-transformers reads, such as
Qwen/Qwen3-VL-Embedding-2B, which read pages as well: with torchvision, for they prepare videos too.
Over LlamaIndex's HuggingFaceEmbedding. A faster runtime (ONNX: 2.3 times the pictures a second)
would come in behind `load`, which then picks the class.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from app.encoders import EmbeddingSpec, FloatMatrix
from app.encoders.huggingface import (
    embed,
    find_weights,
    limit_lengths,
    load_checkpoint,
    model_id,
    read_prompts,
)
from app.model.errors import EmbeddingError
from app.model.settings import Settings

if TYPE_CHECKING:
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

SPEC = EmbeddingSpec(
    space="image",
    description="pictures and words in one space; any CLIP or SigLIP checkpoint",
    default_checkpoint="sentence-transformers/clip-ViT-B-32",
)


PROMPTS = {
    "Qwen3-VL-Embedding": (
        "Retrieve images or text relevant to the user's query.",
        "Represent the user's input.",
    ),
}
"""What goes before a question and before a picture, by a part of the checkpoint's name: as in the
examples of its authors, https://github.com/QwenLM/Qwen3-VL-Embedding."""


def load(checkpoint: str | None, settings: Settings) -> "Clip":
    """Load a checkpoint by its name on the hub or its folder. Raises EmbeddingError."""
    checkpoint = checkpoint or str(SPEC.default_checkpoint)
    folder = find_weights(checkpoint)
    query, document = prompts_of(checkpoint, folder)
    model = load_checkpoint(folder, checkpoint, settings.device, query=query, document=document)
    encoder = model._model
    if not (encoder.supports("image") and encoder.supports("text")):
        raise EmbeddingError(
            f"{checkpoint} does not embed both pictures and words; for words alone take `sentence`"
        )
    _call_as_trained(encoder[0])
    return Clip(model, model_id("clip", checkpoint, folder))


def prompts_of(checkpoint: str, folder: Path) -> tuple[str, str]:
    """Return what goes before a question and before a picture; the checkpoint's own come first."""
    own = read_prompts(checkpoint, folder)
    known = (prompts for part, prompts in PROMPTS.items() if part in checkpoint)
    return own if any(own) else next(known, ("", ""))


class Clip:
    """A loaded checkpoint. Source: Radford et al. 2021, arXiv:2103.00020 (CLIP).

    A text or a picture has the same vector alone, in a batch, and from transformers' own call.
    """

    def __init__(self, model: "HuggingFaceEmbedding", name: str) -> None:
        self.model_id = name
        self._model = model
        # Asked of the model: a checkpoint's configuration has three places for it.
        self.dimensions = embed(model, [{"text": "a"}], name=name).shape[1]

    def embed_images(self, images: Sequence[Image.Image]) -> FloatMatrix:
        """Embed opened pictures; a path is refused, for LlamaIndex reads a missing one as words."""
        strangers = [type(image).__name__ for image in images if not isinstance(image, Image.Image)]
        if strangers:
            raise EmbeddingError(f"a picture must be opened with open_image; got {strangers[0]}")
        return self._embed([{"image": image} for image in images], "text")

    def embed_words(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts; what is over the model's length (77 or 64 tokens) is cut, with a notice."""
        return self._embed([{"text": text} for text in limit_lengths(texts, self._model)], "query")

    def _embed(self, inputs: list[dict[str, Any]], prompt: str) -> FloatMatrix:
        """Embed inputs that say what they are: a text may be the path of a picture."""
        return embed(
            self._model,
            inputs,
            name=self.model_id,
            dimensions=self.dimensions,
            prompt=prompt,
        )


def _call_as_trained(transformer: Any) -> None:  # noqa: ANN401 - sentence-transformers' first module
    """Prepare texts as in the checkpoint's training."""
    config = transformer.config
    limit = min(transformer.tokenizer.model_max_length, config.text_config.max_position_embeddings)
    transformer.tokenizer.model_max_length = limit
    if config.model_type.startswith("siglip"):
        # SigLIP reads its padding: 64 tokens, no mask. Padded to the longest of a batch, as is
        # the default, a text's vector would depend on its neighbours.
        # https://huggingface.co/docs/transformers/model_doc/siglip#usage-tips
        transformer.processing_kwargs = {
            "text": {
                "padding": "max_length",
                "max_length": limit,
                "truncation": True,
                "return_attention_mask": False,
            }
        }

"""sentence: texts → unit vectors, by any sentence-transformers checkpoint.

Over LlamaIndex's HuggingFaceEmbedding, with the prompts that a checkpoint wants before questions
and before documents.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.encoders import EmbeddingSpec, FloatMatrix
from app.encoders.huggingface import (
    embed,
    find_weights,
    limit_lengths,
    load_checkpoint,
    model_id,
    read_prompts,
    windows,
)
from app.model.settings import Settings

if TYPE_CHECKING:
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

SPEC = EmbeddingSpec(
    space="text",
    description="captions and questions; any sentence-transformers checkpoint",
    default_checkpoint="BAAI/bge-small-en-v1.5",
    # What the outfit cookbook has for GTE; not measured here. Each checkpoint has its own scale:
    # with GTE unrelated texts have .7 (clawrxiv.io/abs/2604.01098), so there it leaves out nothing.
    related=0.6,
)


def load(checkpoint: str | None, settings: Settings) -> "Sentence":
    """Load a checkpoint by its name on the hub or its folder. Raises EmbeddingError."""
    checkpoint = checkpoint or str(SPEC.default_checkpoint)
    folder = find_weights(checkpoint)
    query, document = read_prompts(checkpoint, folder)
    model = load_checkpoint(folder, checkpoint, settings.device, query=query, document=document)
    return Sentence(model, model_id("sentence", checkpoint, folder))


class Sentence:
    """A loaded checkpoint."""

    def __init__(self, model: "HuggingFaceEmbedding", name: str) -> None:
        self.model_id = name
        self._model = model
        self.dimensions = embed(model, ["a"], name=name, prompt="text").shape[1]

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts to be found; what is beyond the model's length is cut, with a notice."""
        return self._embed(texts, "text")

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts to find with; cut as above."""
        return self._embed(texts, "query")

    def split(self, text: str) -> list[str]:
        """Cut a text into parts that the model reads whole; each begins in the one before."""
        return windows(text, self._model)

    def _embed(self, texts: Sequence[str], prompt: str) -> FloatMatrix:
        return embed(
            self._model,
            limit_lengths(texts, self._model),
            name=self.model_id,
            dimensions=self.dimensions,
            prompt=prompt,
        )

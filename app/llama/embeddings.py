"""LlamaIndex embeddings: a collection's two models as its index asks for them; see `index.py`."""

from io import BytesIO
from pathlib import Path

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.embeddings.multi_modal_base import MultiModalEmbedding

from app.media.images import open_image
from app.model.callbacks import own_callbacks
from app.store.models import DenseVector, Models


class TextAdapter(BaseEmbedding):
    """The text embedding: documents and questions may be embedded differently."""

    _models: Models = PrivateAttr()

    def __init__(self, models: Models) -> None:
        super().__init__(model_name=models.text_name, callback_manager=own_callbacks())
        self._models = models

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        rows: list[DenseVector] = self._models.text.embed_documents(texts).tolist()
        return rows

    def _get_query_embedding(self, query: str) -> Embedding:
        rows: list[DenseVector] = self._models.text.embed_queries([query]).tolist()
        return rows[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return self._get_query_embedding(query)


class ImageAdapter(MultiModalEmbedding):
    """The image embedding: words and pictures in one space, pictures through our own door.

    LlamaIndex's HuggingFaceEmbedding embeds the path of a missing picture as if it were words.
    """

    _models: Models = PrivateAttr()
    _max_megapixels: float = PrivateAttr()

    def __init__(self, models: Models, max_megapixels: float) -> None:
        super().__init__(model_name=models.image_name, callback_manager=own_callbacks())
        self._models = models
        self._max_megapixels = max_megapixels

    def _get_text_embedding(self, text: str) -> Embedding:
        rows: list[DenseVector] = self._models.image.embed_words([text]).tolist()
        return rows[0]

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embedding(query)

    def _get_image_embedding(self, img_file_path: str | BytesIO) -> Embedding:
        picture = img_file_path
        source = picture.getvalue() if isinstance(picture, BytesIO) else Path(picture)
        image = open_image(source, max_megapixels=self._max_megapixels)
        rows: list[DenseVector] = self._models.image.embed_images([image]).tolist()
        return rows[0]

    async def _aget_image_embedding(self, img_file_path: str | BytesIO) -> Embedding:
        return self._get_image_embedding(img_file_path)

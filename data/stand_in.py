"""Stand-in: what `outfit` is told of one garment where no vision model can be reached.

A script, written for this garment: it sees no picture, and goes by what the others are sold as.
"""

import json

from tests.openai_double import OpenAIDouble, OpenAIRequest

MODEL = "scripted-stand-in"

GARMENT = 10038
"""Bramble Women Dotted Blue Blouse."""

ITEMS = (
    "Women beige wide-leg linen trousers",
    "Women black skirt",
    "Women black coat",
    "Women brown leather court shoes",
    "Women brown leather handbag",
    "Women yellow scarf",
    "Women brown leather belt",
)

PATTERNS = ("checked", "dotted", "striped")


def stand_in() -> OpenAIDouble:
    """Return a server on loopback, for a `with`, that answers by the script."""
    return OpenAIDouble(reply=reply, models=(MODEL,))


def reply(request: OpenAIRequest) -> str:
    """Name the blouse and what would go with it, or refuse what has a second pattern."""
    if request.schema and "items" in request.schema["properties"]:
        return json.dumps({"category": "Tops", "audience": "Women", "items": ITEMS})
    pattern = next((word for word in PATTERNS if word in request.text.lower()), None)
    if pattern:
        return json.dumps(
            {"answer": "no", "reason": f"two patterns in one outfit, dotted and {pattern}"}
        )
    return json.dumps({"answer": "yes", "reason": "plain beside the dots"})

"""Garments: where they are worn."""

from typing import Literal, get_args

Slot = Literal["top", "bottom", "dress", "outerwear", "shoes", "bag", "accessory"]
"""Where a garment is worn. A dress takes the places of top and bottom."""

SLOTS: tuple[Slot, ...] = get_args(Slot)

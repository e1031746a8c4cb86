"""Engines: where the points of a collection are kept."""

"""Sightline, the writing side: a source on disk → records → vectors → a collection."""

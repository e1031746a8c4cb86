"""Sightline, the reading side: open a collection, retrieve from it, answer from what was found."""

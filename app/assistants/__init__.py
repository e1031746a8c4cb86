"""Assistants: whole jobs made of searching and answering, over an open collection."""

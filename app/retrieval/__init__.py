"""Retrieval: a query → signals → one ranking of hits, each of which says why it is there."""

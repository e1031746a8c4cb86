"""Filters: a text → conditions → either engine's own filter."""

"""Store: a collection on either engine, and what it remembers."""

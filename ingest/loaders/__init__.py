"""Loaders: metadata files → rows. One file per format; the module's name is the format's name."""

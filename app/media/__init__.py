"""Media: files → pixels, and where files may lie."""

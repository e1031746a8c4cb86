"""Model: plain values that all floors share, settings and errors."""

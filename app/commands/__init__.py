"""Commands: what is typed → one call → what is shown. One file for each, or for those of a kind.

Nothing heavy is imported before a command needs it: `--help` answers at once.
"""

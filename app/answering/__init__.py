"""Answering: hits → numbered evidence → prompt → an answer that cites it, or says it cannot."""

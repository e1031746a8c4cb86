"""The sample shelf: a report and a slide deck about the sample's streets, page by page.

Every number and chart on them is worked out from the scenes that `data/make_sample.py` draws.
"""

"""Killed anywhere and run again: the same collection, on either engine, and nothing lies about.

The acts are stopped at every so many of their steps; `python -m tests.stops ENGINE ACT` stops them
at every single one.
"""

import itertools
import json
import subprocess
import sys

import pytest

STRIDES = {
    "edge": {"compact": 41, "rebuild": 33, "remove": 33, "ingest": 11, "update": 9, "renamed": 9},
    "server": {"rebuild": 13, "update": 9, "renamed": 9},
}
"""Of over a thousand steps in all, those that take their turn in the suite: odd, so that it is
before a call as well as after one."""

ACTS = (
    "ingest",
    "second",
    "update",
    "renamed",
    "emptied",
    "rebuild",
    "remove",
    "remove_source",
    "remove_last",
)
"""On either engine; `compact` there is only where it is embedded."""


@pytest.mark.parametrize(
    ("engine", "act"), [*itertools.product(STRIDES, ACTS), ("edge", "compact")]
)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_stopped_anywhere_and_done_again_it_is_the_same_collection(engine: str, act: str) -> None:
    stride = str(STRIDES[engine].get(act, 7))
    command = [sys.executable, "-m", "tests.stops", engine, act, stride]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=800)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["stops"] > 2
    assert told["differences"] == []

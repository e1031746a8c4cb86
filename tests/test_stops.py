"""Killed anywhere and run again: the same collection, on either engine, and nothing lies about.

The acts are stopped at every so many of their steps; `python -m tests.stops ENGINE ACT` stops them
at every single one.
"""

import json
import subprocess
import sys

import pytest

STRIDES = {
    "edge": {
        "compact": 81,
        "ingest": 21,
        "second": 13,
        "update": 19,
        "renamed": 19,
        "emptied": 13,
        "rebuild": 65,
        "remove": 65,
        "remove_source": 13,
        "remove_last": 13,
    },
    "server": {
        "ingest": 13,
        "second": 13,
        "update": 19,
        "renamed": 19,
        "emptied": 13,
        "rebuild": 25,
        "remove": 7,
        "remove_source": 13,
        "remove_last": 13,
    },
}
"""Of some 1,500 steps in all, those that take their turn in the suite: odd, so that it is before a
call as well as after one. A trial takes .5 s of a core, `compact` is only where it is embedded."""

WRITING = ("compact", "ingest", "second", "update", "renamed")
"""They run one after another in one process, which takes 2 to 4 s to start; the others likewise."""


@pytest.mark.parametrize("engine", STRIDES)
@pytest.mark.parametrize("is_writing", [True, False], ids=["what writes", "what replaces or goes"])
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_stopped_anywhere_and_done_again_it_is_the_same_collection(
    engine: str, is_writing: bool
) -> None:
    acts = {act: n for act, n in STRIDES[engine].items() if (act in WRITING) == is_writing}
    named = [part for act, stride in acts.items() for part in (act, str(stride))]
    command = [sys.executable, "-m", "tests.stops", engine, *named]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=800)
    assert ran.returncode == 0, ran.stderr
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [each["scene"] for each in told] == [*acts]
    for each in told:
        assert each["stops"] > 2, each
        assert each["differences"] == [], each["scene"]

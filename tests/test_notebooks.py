"""Notebooks: each runs from top to bottom on the sample that it draws, and ends with a picture."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.conftest import Drawn

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TIMEOUT_SECONDS = 600

PRINTED = {
    "1_explore_a_collection": "mine: 60 records",
    "2_search_and_ask": "status: model_unavailable",  # nobody answers at the tests' Ollama
    "3_ask_a_shelf_of_documents": "recall@5: 12 of 13",  # one asks for a page without words
    "4_complete_an_outfit": "status: not checked",  # likewise
}

DRAWN = shutil.ignore_patterns("sample", "shelf", "shop")

SHUT_NETWORK = """
import socket
connect = socket.socket.connect

def guarded(self, address):
    host = address[0] if isinstance(address, tuple) else "127.0.0.1"
    assert host in ("127.0.0.1", "::1", "localhost"), f"a connection to {host}"
    connect(self, address)

socket.socket.connect = guarded
"""

pytestmark = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, drawn: Drawn) -> Path:
    """A copy of what the notebooks need besides the packages; the shop is drawn by theirs."""
    copy = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "data", copy / "data", ignore=DRAWN)
    for name in ("sample", "shelf"):
        shutil.copytree(drawn(name), copy / "data" / name)
    shutil.copytree(ROOT / "notebooks", copy / "notebooks")
    (copy / "shut").mkdir()
    (copy / "shut/sitecustomize.py").write_text(SHUT_NETWORK)
    return copy


def test_a_notebook_is_short_and_stored_without_outputs(notebook):
    cells = code_cells(nbformat.read(notebook, as_version=4))
    assert 1 <= len(cells) <= 12
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    assert notebook.stat().st_size < 20_000


def test_a_notebook_defines_nothing_and_names_no_place_of_one_machine(notebook):
    source = "\n".join(cell.source for cell in nbformat.read(notebook, as_version=4).cells)
    assert not re.search(r"^\s*(async )?(def|class) ", source, re.MULTILINE)
    assert not re.search(r"[\"'](/|[A-Z]:\\|~)", source)


# Of Jupyter's own making: its client leaves sockets to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_notebook_runs_from_top_to_bottom_and_ends_with_a_picture(
    notebook, checkout, monkeypatch, settings
):
    monkeypatch.setenv("PYTHONPATH", str(checkout / "shut"))  # holds in every process it starts
    monkeypatch.setenv("IPYTHONDIR", str(checkout / "ipython"))
    run = nbformat.read(notebook, as_version=4)
    resources = {"metadata": {"path": str(checkout / "notebooks")}}
    NotebookClient(run, timeout=TIMEOUT_SECONDS, resources=resources).execute()
    outputs = [output for cell in code_cells(run) for output in cell.outputs]
    assert "image/png" in outputs[-1].data
    assert PRINTED[notebook.stem] in "".join(output.get("text", "") for output in outputs)
    assert not settings.home.exists()  # the collections of whoever runs it stay as they were

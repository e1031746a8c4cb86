"""The house stands: imports go down only, and every dependency has its reason written down."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]

STORE = ("app.model", "app.media", "app.filters", "app.encoders", "app.store")

FLOORS = {
    "app.model": ("app.model",),
    "app.media": ("app.model", "app.media"),
    "app.filters": ("app.model", "app.filters"),
    "app.encoders": ("app.model", "app.media", "app.encoders"),
    "app.store": STORE,
    "ingest": (*STORE, "ingest"),
    "app.retrieval": (*STORE, "app.retrieval"),
    "app.answering": (*STORE, "app.retrieval", "app.answering"),
    "app.assistants": (*STORE, "app.retrieval", "app.answering", "app.assistants"),
    "app.llama": (*STORE, "app.retrieval", "app.answering", "app.llama"),
    "app.workspace": (
        *STORE,
        "app.retrieval",
        "app.answering",
        "app.assistants",
        "app.workspace",
        "app.written",
        "ingest",
    ),
    "app": ("app",),
}
"""What each part may import of this project; the longest name that fits a file counts."""


def within(name: str, part: str) -> bool:
    return f"{name}.".startswith(f"{part}.")


def imports(file: Path) -> Iterator[str]:
    """Every module of this project that a file names in an import, wherever it stands in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from ("." * node.level + f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_imports_go_down_only() -> None:
    up = []
    for file in (*ROOT.glob("app/**/*.py"), *ROOT.glob("ingest/**/*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        floor = max((part for part in FLOORS if within(module, part)), key=len)
        for name in imports(file):
            ours = within(name, "app") or within(name, "ingest") or name.startswith(".")
            if ours and not any(within(name, part) for part in FLOORS[floor]):
                up.append(f"{module} imports {name}")
    assert not up


def test_what_is_not_a_test_imports_none() -> None:
    files = (*ROOT.glob("data/**/*.py"), *ROOT.glob("app/**/*.py"), *ROOT.glob("ingest/**/*.py"))
    assert [
        file.name for file in files if any(within(each, "tests") for each in imports(file))
    ] == []


def test_the_lock_holds_a_version_of_all_that_is_needed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = dict(line.split(" ;")[0].split("==") for line in lines if "==" in line)
    for text in (*project["dependencies"], *extras["ocr"], *extras["dev"]):
        wanted = Requirement(text)
        if wanted.name != "sightline":
            assert wanted.specifier.contains(locked[wanted.name]), text
    assert "torch" not in locked


def test_every_dependency_has_its_sentence() -> None:
    page = ROOT / "docs" / "ARCHITECTURE.md"
    if not page.is_file():
        pytest.skip("docs/ARCHITECTURE.md is not written yet")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.match(r"[\w-]+", line).group() for line in project["dependencies"]]
    text = page.read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []

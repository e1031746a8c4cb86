"""README and guide cannot drift: commands run, and print what they say; tables are the code's."""

import re
import runpy
import shlex
import shutil
from pathlib import Path

import pytest

from app.cli import app
from app.model.settings import Settings
from ingest.dataset_file import DatasetFile, read_dataset_file
from tests.conftest import Drawn

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs" / "GUIDE.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", f"{README}\n{GUIDE}", re.DOTALL)


def console_commands() -> list[tuple[str, str]]:
    """Each command of the console blocks with the output that is promised, in order."""
    parts = re.split(r"^\$ sightline ", "\n".join(blocks("console")), flags=re.MULTILINE)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


def matches(promised: str, printed: str) -> bool:
    """Whether every promised line was printed, in order; `…` stands for anything."""
    lines = [line for line in promised.splitlines() if line.strip()]
    pattern = r"\n(?:.*\n)*?".join(re.escape(line).replace("…", ".*") for line in lines)
    return re.search(pattern, printed) is not None


@pytest.fixture
def sample_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: Drawn) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("shelf", "shop", "sample"):
        shutil.copytree(drawn(name), tmp_path / "data" / name)
    return tmp_path / "data" / "sample"


def test_the_commands_of_the_readme_print_what_it_says(
    sample_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(console_commands()) >= 7
    for command, promised in console_commands():
        app(shlex.split(command), standalone_mode=False)
        out, err = capsys.readouterr()
        assert matches(promised, f"{err}{out}"), f"$ sightline {command}\n{err}{out}"


def test_the_python_of_the_readme_runs(sample_folder: Path, tmp_path: Path) -> None:
    (script,) = blocks("python")
    file = tmp_path / "script.py"
    file.write_text(script)
    names = runpy.run_path(str(file), run_name="__main__")
    assert len(names["found"].hits) == 3
    assert names["said"].status == "model_unavailable"


def test_the_dataset_toml_of_the_readme_is_read_and_names_every_key(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    file = tmp_path / "dataset.toml"
    file.write_text(text)
    assert read_dataset_file(file).model_fields_set == DatasetFile.model_fields.keys()


def test_the_settings_table_is_the_settings() -> None:
    rows = re.findall(r"^\| `SIGHTLINE_(\w+)` \| (.+?) \| (.+?) \|$", GUIDE, re.MULTILINE)
    said = {name.lower(): meaning for name, _, meaning in rows}
    assert said == {name: field.description for name, field in Settings.model_fields.items()}


def test_every_command_is_in_the_readme() -> None:
    for command in app.registered_commands:
        assert re.search(rf"(sightline |`){command.name}\b", GUIDE), command.name


@pytest.mark.parametrize("page", ["README.md", "docs/GUIDE.md", "docs/MEASURED.md"])
def test_every_file_that_a_page_links_is_there(page: str) -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / link).exists(), link


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_readme_names_the_makefile_s_commands() -> None:
    targets = re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in set(targets) - {"help"}:
        assert f"make {target}" in README

"""A name means a file in the source's folder, or nothing: never one outside."""

import os
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.errors import SourceError
from ingest.folder import find_picture, index_folder


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with awkward names, links that leave it, and a secret beside it."""
    outer = tmp_path_factory.mktemp("outer")
    root = outer / "root"
    for name in (
        "a.jpg", "A.JPG", "sub/b.jpg", "sub/deep/c.jpg", "other/b.jpg", "back\\slash.jpg",
        "two\nlines.jpg", ".hidden.jpg", ".git/objects.jpg", "__MACOSX/m.jpg", "1.jpg", "._a.jpg",
        unicodedata.normalize("NFD", "Zürich.jpg"), "noise.txt",
    ):  # fmt: skip
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    (outer / "secret.jpg").write_bytes(b"x")
    (root / "leak.jpg").symlink_to(outer / "secret.jpg")
    (root / "leaking").symlink_to(outer)
    (root / "linked").symlink_to(root / "sub")
    (root / "loop").symlink_to(root)
    (root / "inside.jpg").symlink_to(root / "a.jpg")
    (root / "nothing.jpg").symlink_to(root / "gone.jpg")
    os.mkfifo(root / "pipe.jpg")
    return root


@pytest.fixture(scope="module")
def folder(root):
    return index_folder(root)


def code_of(folder, name, base=""):
    with pytest.raises(SourceError) as error:
        find_picture(folder, name, base=base)
    assert "\n" not in str(error.value)
    return error.value.code


def test_hidden_pictures_are_found_and_hidden_folders_are_not(folder):
    assert ".hidden.jpg" in folder.pictures
    assert "._a.jpg" not in folder.pictures
    assert not any("objects" in path or "__MACOSX" in path for path in folder.files)


@pytest.mark.parametrize(
    ("name", "base", "path"),
    [
        ("a.jpg", "", "a.jpg"),
        ("A.JPG", "", "A.JPG"),
        ("./sub\\b.jpg", "", "sub/b.jpg"),
        ("b.jpg", "sub", "sub/b.jpg"),
        ("../other/b.jpg", "sub", "other/b.jpg"),
        ("sub/deep/../b.jpg", "", "sub/b.jpg"),
        ("sub/b.jpg", "sub", "sub/b.jpg"),
        ("somewhere/else/c.jpg", "", "sub/deep/c.jpg"),
        ("SUB/DEEP/C.JPG", "", "sub/deep/c.jpg"),
        ("back\\slash.jpg", "", "back\\slash.jpg"),
        ("two\nlines.jpg", "", "two\nlines.jpg"),
        (" 1.jpg ", "", "1.jpg"),
        ("1", "", "1.jpg"),
        ("Zürich.jpg", "", unicodedata.normalize("NFD", "Zürich.jpg")),
        ("linked/b.jpg", "", "sub/b.jpg"),
        ("loop/loop/a.jpg", "", "a.jpg"),
        ("inside.jpg", "", "inside.jpg"),
    ],
)
def test_a_name_is_tried_from_the_metadata_then_above_then_bare(folder, name, base, path):
    assert find_picture(folder, name, base=base) == path


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("/etc/passwd", "path_outside_root"),
        ("../secret.jpg", "path_outside_root"),
        ("sub/../../root/a.jpg", "path_outside_root"),
        ("..\\..\\a.jpg", "path_outside_root"),
        ("C:\\Users\\a.jpg", "path_outside_root"),
        ("E:/a.jpg", "path_outside_root"),
        ("\\\\host\\share\\a.jpg", "path_outside_root"),
        ("//host/a.jpg", "path_outside_root"),
        ("leak.jpg", "path_outside_root"),
        ("leaking/secret.jpg", "path_outside_root"),
        ("http://169.254.169.254/a.jpg", "url_not_fetched"),
        ("HTTPS://host/a.jpg", "url_not_fetched"),
        ("file:///etc/passwd", "url_not_fetched"),
        ("data:image/png;base64,AAAA", "url_not_fetched"),
        ("a\0.jpg", "bad_path"),
        ("\ud800.jpg", "bad_path"),
        ("x" * 5000, "bad_path"),
        ("no such\nfile.jpg", "bad_path"),
        ("x" * 300 + ".jpg", "missing_picture"),
        ("gone.jpg", "missing_picture"),
        ("nothing.jpg", "missing_picture"),
        ("sub", "not_a_picture"),
        (".", "not_a_picture"),
        ("pipe.jpg", "not_a_picture"),
        ("elsewhere/b.jpg", "ambiguous_path"),
        (".git/objects.jpg", "missing_picture"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(folder, name, code):
    assert code_of(folder, name) == code


PIECES = ("..", ".", "/", "\\", "C:", "file:", "\0", "~", "%2e%2e", "root", "sub", "leaking",
          "leak.jpg", "linked", "loop", "secret.jpg", "a.jpg", "b.jpg")  # fmt: skip


@given(
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=8),
    st.sampled_from(["", "/", "\\"]),
    st.sampled_from(["", "sub", "sub/deep"]),
)
@settings(max_examples=300, deadline=None)
def test_no_name_whatever_leads_outside(folder, parts, joint, base):
    try:
        path = find_picture(folder, joint.join(parts), base=base)
    except SourceError:
        return
    file = (folder.root / path).resolve()
    assert file.is_file()
    assert file.is_relative_to(folder.root)


def test_a_name_that_is_not_unicode_is_refused(tmp_path):
    bad = os.fsdecode(b"caf\xe9.jpg")
    try:
        (tmp_path / bad).write_bytes(b"x")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes Unicode names only")
    assert index_folder(tmp_path).refused == {bad: "bad_path"}

"""The archive that readers of the book download holds what a clone holds, and nothing else."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))

import archive
import notebook_paths

FILES = {
    ".gitignore": "build/\n.venv-*/\n*.egg-info/\ndata/large/\n",
    "Makefile": "test:\n",
    "package/here.txt": "it is here\n",
    "build-it": "#!/bin/sh\n",
    "data/README.md": "digits\n",
}
IGNORED = ["build/page.html", "package/build/page.html", ".venv-3.13/python", "a.egg-info/b", "data/large/images"]

needs_git = pytest.mark.skipif(not shutil.which("git"), reason="there is no git")


def write(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(FILES.get(name, "rubbish\n"))


def contents(path):
    with zipfile.ZipFile(path) as packed:
        return {info.filename.removeprefix("d2l-chapter3/"): packed.read(info).decode() for info in packed.infolist()}


@pytest.fixture
def folder(tmp_path):
    """Make a project like ours: with a link, and with what builds leave behind."""
    folder = tmp_path / "project"
    write(folder, [*FILES, *IGNORED])
    (folder / "package" / "there.txt").symlink_to("../data/README.md")
    return folder


@pytest.fixture
def clone(folder):
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "All"]):
        name = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", folder, *name, *command], check=True)
    return folder


def test_without_git_it_holds_what_git_would_keep(folder, tmp_path):
    archive.pack(folder, tmp_path / "a.zip")
    # A link is a file in it: not everything that unpacks a zip makes a link again.
    assert contents(tmp_path / "a.zip") == {**FILES, "package/there.txt": FILES["data/README.md"]}


@needs_git
def test_in_a_clone_it_holds_the_last_commit(clone, tmp_path):
    (clone / "Makefile").write_text("changed, and not committed\n")
    (clone / "notes.txt").write_text("never added\n")
    archive.pack(clone, tmp_path / "a.zip")
    assert contents(tmp_path / "a.zip") == {**FILES, "package/there.txt": FILES["data/README.md"]}


@needs_git
def test_folder_within_another_clone_is_not_that_clone(clone, tmp_path):
    inner = clone / "unpacked"
    write(inner, FILES)
    archive.pack(inner, tmp_path / "a.zip")
    assert contents(tmp_path / "a.zip") == FILES


@needs_git
def test_clone_without_a_commit_is_refused(folder, tmp_path):
    subprocess.run(["git", "-C", folder, "init", "--quiet"], check=True)
    with pytest.raises(SystemExit, match="cannot read the last commit"):
        archive.pack(folder, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


@needs_git
def test_what_was_unpacked_makes_the_same_archive_byte_by_byte(clone, tmp_path):
    archive.pack(clone, tmp_path / "a.zip")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", tmp_path / "a.zip", tmp_path / "unpacked"], check=True)
    archive.pack(tmp_path / "unpacked" / "d2l-chapter3", tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_scripts_can_be_run(folder, tmp_path):
    archive.pack(folder, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        modes = {info.filename.split("/", 1)[1]: info.external_attr >> 16 for info in packed.infolist()}
    assert (modes["build-it"], modes["Makefile"]) == (0o755, 0o644)


def test_project_is_whole_in_it(tmp_path):
    archive.pack(archive.ROOT, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        names = {name.removeprefix("d2l-chapter3/") for name in packed.namelist()}
        digits = packed.read("d2l-chapter3/d2lhelpers/digits.npz")
        cars = packed.read("d2l-chapter3/d2lhelpers/auto_mpg.csv")
    notebooks = {f"notebooks/{notebook_paths.name_of(path)}" for path in notebook_paths.notebooks()}
    assert any(name.startswith("notebooks/zh/") for name in notebooks)
    assert names >= {"Makefile", "pyproject.toml", "requirements.lock", "d2lhelpers/__init__.py", *notebooks}
    assert names >= {"book/index.md", "book/zh/index.md", "README.zh.md"}
    assert digits == (archive.ROOT / "data" / "digits.npz").read_bytes()
    assert cars == (archive.ROOT / "data" / "auto_mpg.csv").read_bytes()
    assert not [name for name in names if name.startswith((".git/", ".venv", "build/")) or "__pycache__" in name]

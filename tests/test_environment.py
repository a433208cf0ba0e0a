"""The files that name versions must say the same."""

import importlib.metadata
import re
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:  # CPython 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
PYTHONS = ("3.10", "3.11")


def direct():
    """The pins of pyproject.toml, by name."""
    lines = PYPROJECT["project"]["dependencies"] + PYPROJECT["dependency-groups"]["dev"]
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in requirements}


def locked(python):
    """The versions that the lock holds for Linux and the given CPython, by name, with their numbers of hashes."""
    environment = {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
    }
    versions = {}
    for entry in re.split(r"\n(?=[a-z0-9])", LOCK):
        if entry.startswith("#"):
            continue
        requirement = Requirement(entry.split(" \\")[0])
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in versions, f"{name} is locked twice for CPython {python}"
            versions[name] = str(requirement.specifier).removeprefix("=="), entry.count("--hash=sha256:")
    return versions


def test_every_direct_requirement_is_pinned():
    assert direct()
    for name, version in direct().items():
        assert re.fullmatch(r"[0-9.]+", version), f"{name} is not pinned in pyproject.toml"


def test_requirements_txt_says_what_pyproject_says():
    pins, editable = {}, 0
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        requirement, comment = re.fullmatch(r"(\S+(?: \.)?) +# (.+)", line).groups()
        assert comment
        if requirement == "-e .":
            editable += 1
        else:
            name, version = requirement.split("==")
            pins[canonicalize_name(name)] = version
    assert pins == direct()
    assert editable == 1


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_holds_the_pins_and_hashes(python):
    versions = locked(python)
    for name, version in direct().items():
        assert versions[name][0] == version, f"run make lock: {name}"
    assert all(hashes for _, hashes in versions.values())


def test_lock_is_for_each_supported_python():
    # IPython 9 needs CPython 3.11; a lock that is for one Python only has one IPython.
    assert locked("3.10")["ipython"] != locked("3.11")["ipython"]


def test_lock_holds_all_that_the_requirements_require():
    versions = locked(default_environment()["python_version"])
    todo, seen = [(name, "") for name in direct()], set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        assert name in versions, f"run make lock: {name} is missing"
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                child = canonicalize_name(requirement.name)
                todo += [(child, each) for each in {"", *requirement.extras}]
    assert len(seen) > 80


def test_no_index_is_named():
    for name in ("requirements.lock", "requirements.txt", "pyproject.toml", "environment.yml", "Makefile"):
        assert not re.search(r"index-url|find-links|://\S*(pypi|simple)", (ROOT / name).read_text())


def test_environment_yml_takes_all_but_python_from_requirements_txt():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, from_pip = environment["dependencies"]
    assert pip == "pip"
    assert from_pip == {"pip": ["-r requirements.txt"]}
    assert python.split("=")[0] == "python"
    assert python.split("=")[1] in SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert f"PYTHON := {python.split('=')[1]}\n" in (ROOT / "Makefile").read_text()


def test_supported_pythons():
    supported = SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert [f"3.{minor}" for minor in range(7, 16) if f"3.{minor}" in supported] == list(PYTHONS)
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    assert workflow["jobs"]["pip"]["strategy"]["matrix"]["python"] == list(PYTHONS)


@pytest.mark.parametrize("name", direct())
def test_installed_versions_are_the_pinned_ones(name):
    assert importlib.metadata.version(name) == direct()[name]


def test_readme_names_no_other_version():
    named = re.findall(r"\b(MXNet|d2l|NumPy) (\d+\.\d+\.\d+)\b", (ROOT / "README.md").read_text())
    assert named
    for name, version in named:
        assert version == direct()[name.lower()]

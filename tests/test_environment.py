"""The files that name versions must say the same."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
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
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
THIS_PYTHON = default_environment()["python_version"]


def pins(requirements, python):
    """The versions that requirements pin for a Python, by name."""
    versions = {}
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
            name = canonicalize_name(requirement.name)
            assert name not in versions, f"{name} is pinned twice for CPython {python}"
            versions[name] = str(requirement.specifier).removeprefix("==")
    return versions


def direct(python=THIS_PYTHON):
    """The pins of pyproject.toml for a Python, by name."""
    return pins(PYPROJECT["project"]["dependencies"] + PYPROJECT["dependency-groups"]["dev"], python)


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


@pytest.mark.parametrize("python", PYTHONS)
def test_every_direct_requirement_is_pinned(python):
    assert len(direct(python)) > 10
    for name, version in direct(python).items():
        assert re.fullmatch(r"[0-9.]+", version), f"{name} is not pinned in pyproject.toml"


@pytest.mark.parametrize("python", PYTHONS)
def test_requirements_txt_says_what_pyproject_says(python):
    requirements = []
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            requirement, comment = re.split(" +# ", line)
            assert comment
            requirements.append(requirement)
    assert requirements.pop() == "-e ."
    assert pins(requirements, python) == direct(python)


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_holds_the_pins_and_hashes(python):
    versions = locked(python)
    for name, version in direct(python).items():
        assert versions[name][0] == version, f"run make lock: {name}"
    assert all(hashes for _, hashes in versions.values())


def test_lock_is_for_each_supported_python():
    # IPython 9 needs CPython 3.11, and NumPy 1 has no wheels for 3.13: a lock for one Python has one version of each.
    assert locked("3.10")["ipython"] != locked("3.11")["ipython"]
    assert locked("3.12")["numpy"] != locked("3.13")["numpy"]


def test_lock_allows_what_pip_finds_by_itself():
    """MXNet's metadata forbids NumPy 2; only where there is no other is it locked."""
    allowed = [Requirement(line) for line in importlib.metadata.requires("mxnet")]
    (numpy,) = [requirement.specifier for requirement in allowed if requirement.name == "numpy"]
    assert [python for python in PYTHONS if direct(python)["numpy"] in numpy] == ["3.10", "3.11", "3.12"]


def test_what_the_lock_is_told_of_mxnet_is_true_but_for_numpy():
    (told,) = PYPROJECT["tool"]["uv"]["dependency-metadata"]
    assert f"{told['name']}=={told['version']}" in PYPROJECT["project"]["dependencies"]
    true = {r.name: r.specifier for r in map(Requirement, importlib.metadata.requires("mxnet"))}
    told = {r.name: r.specifier for r in map(Requirement, told["requires-dist"])}
    assert true.pop("numpy") == SpecifierSet(f"{told.pop('numpy')},<2.0.0")
    assert told == true


def test_lock_holds_all_that_the_requirements_require():
    versions = locked(THIS_PYTHON)
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
        assert not re.search(r"index-url|find-links|://\S*(pypi|simple)", (ROOT / name).read_text(encoding="utf-8"))


def test_environment_yml_takes_all_but_python_from_requirements_txt():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, from_pip = environment["dependencies"]
    assert pip == "pip"
    assert from_pip == {"pip": ["-r requirements.txt"]}
    assert python.split("=")[0] == "python"
    assert python.split("=")[1] in SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert f"PYTHON := {python.split('=')[1]}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_supported_pythons():
    supported = SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert [f"3.{minor}" for minor in range(7, 30) if f"3.{minor}" in supported] == list(PYTHONS)
    assert f"PYTHONS := {' '.join(PYTHONS)}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["make"]["strategy"]["matrix"]["python"] == list(PYTHONS)
    by_pip = jobs["pip"]["strategy"]["matrix"]["python"]
    by_lock = jobs["pip-lock"]["strategy"]["matrix"]["python"]
    assert by_pip + by_lock == list(PYTHONS)
    assert jobs["newest"]["steps"][-1]["run"] == f"make test PYTHON={PYTHONS[-1]}"
    assert f"Python {PYTHONS[0]} to {PYTHONS[-1]}:" in (ROOT / "notebooks/00_start_here.ipynb").read_text(
        encoding="utf-8"
    )


def test_table_of_versions_shows_what_is_locked():
    """A row of it has the Python, its NumPy, IPython and matplotlib."""
    page = (ROOT / "book/install.md").read_text(encoding="utf-8")
    (lowest,) = PYPROJECT["dependency-groups"]["lowest"]
    for python in PYTHONS:
        versions = {name: version for name, (version, _) in locked(python).items()}
        row = " | ".join([python, *(versions[name] for name in ("numpy", "ipython", "matplotlib"))])
        assert f"| {row} |" in page
    assert f"| {PYTHONS[0]} | {Requirement(lowest).specifier} |".replace("==", "") in page


@pytest.mark.parametrize("name", direct())
def test_installed_versions_are_the_pinned_ones(name):
    expected = direct()
    if Path(sys.prefix).name == ".venv-lowest":
        expected |= pins(PYPROJECT["dependency-groups"]["lowest"], THIS_PYTHON)
    assert importlib.metadata.version(name) == expected[name]


def test_documents_name_no_other_version():
    text = "".join(path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *ROOT.glob("book/*.md")])
    named = re.findall(r"\b(MXNet|d2l) (\d+\.\d+\.\d+)\b", text)
    assert named
    for name, version in named:
        assert version == direct()[name.lower()]


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        (["CERTIFICATES=/etc/ssl/cert.pem"], {}, "true true"),
        (["CERTIFICATES=/etc/ssl/cert.pem"], {"UV_SYSTEM_CERTS": "false", "UV_NATIVE_TLS": "false"}, "false false"),
        (["CERTIFICATES="], {}, "unset unset"),
    ],
)
def test_uv_trusts_whom_the_system_trusts(tmp_path, arguments, env, expected):
    if shutil.which("make") is None:
        pytest.skip("there is no make")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    uv = tmp_path / "path" / "uv"
    uv.parent.mkdir()
    uv.write_text(f'#!/bin/sh\necho "${{UV_SYSTEM_CERTS-unset}} ${{UV_NATIVE_TLS-unset}}" >> {tmp_path}/said\nexit 1\n')
    uv.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "MAKE"))}
    env = {**inherited, "PATH": f"{uv.parent}:{os.environ['PATH']}", **env}
    done = subprocess.run(["make", ".venv/.ready", *arguments], cwd=tmp_path, env=env, capture_output=True, check=False)
    assert done.returncode != 0
    assert (tmp_path / "said").read_text(encoding="utf-8").splitlines()[0] == expected


def test_defaults_of_jupyterlab_are_settings_that_it_has():
    defaults = json.loads((ROOT / "d2lhelpers" / "jupyterlab.json").read_text(encoding="utf-8"))
    schemas = Path(sys.prefix, "share", "jupyter", "lab", "schemas")
    for plugin, settings in defaults.items():
        schema = json.loads(schemas.joinpath(*plugin.split(":")).with_suffix(".json").read_text(encoding="utf-8"))
        for name, value in settings.items():
            kind = schema["properties"][name]["type"]
            assert type(value).__name__ == {"boolean": "bool", "string": "str"}[kind]
            assert value != schema["properties"][name]["default"]


def test_jupyterlab_finds_the_defaults():
    """In the environment, where the installation of d2lhelpers has put them."""
    found = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.d", "d2lhelpers.json")
    assert found.read_bytes() == (ROOT / "d2lhelpers" / "jupyterlab.json").read_bytes(), "run make again"

"""The Dockerfile, which also Binder and the dev container are built from, as far as it can be checked without Docker.

``make stress`` runs its steps.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def instructions(text):
    """Return the instructions of a Dockerfile in order, (name, arguments)."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines() if line.strip()]


def copied(root, source):
    """Return the files, relative to `root`, that COPY takes from there for `source`, a file or all (".")."""
    ignored = [
        line.rstrip("/")
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]

    def is_copied(path):
        return not any(is_below(path, pattern) for pattern in ignored)

    paths = [Path(source)] if source != "." else []
    for folder, folders, names in os.walk(root) if source == "." else ():
        here = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if is_copied(here / name)]  # environments have very many files
        paths += [here / name for name in names]
    return sorted(path for path in paths if is_copied(path))


def is_below(path, pattern):
    """Whether a path is what a line of .dockerignore means, or lies below it."""
    if pattern.startswith("**/"):
        return any(fnmatch(part, pattern[3:]) for part in path.parts)
    depth = pattern.count("/") + 1
    return fnmatch("/".join(path.parts[:depth]), pattern)


@pytest.fixture(scope="module")
def steps():
    return instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def arguments(steps, name):
    return [rest for step, rest in steps if step == name]


def test_the_parser():
    text = '# comment\nFROM a\n\nRUN b && \\\n    # aside\n    c\nCMD ["d"]\n'.replace("    # aside\n", "")
    assert instructions(text) == [("FROM", "a"), ("RUN", "b && c"), ("CMD", '["d"]')]


def test_python_is_the_one_of_make_on_a_slim_image(steps):
    python = re.search(r"^PYTHON := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE).group(1)
    (image,) = arguments(steps, "FROM")
    assert re.fullmatch(rf"python:{re.escape(python)}-slim-[a-z]+", image)


def test_it_is_built_for_the_machine_that_builds_it():
    """On x86-64 and on ARM from one text; see d2lhelpers/arm.py."""
    for path in [ROOT / "Dockerfile", *(ROOT / ".devcontainer").iterdir()]:
        assert not re.search(
            "platform|amd64|x86", path.read_text(encoding="utf-8").replace("built for x86-64 or for ARM", "")
        )


def test_packages_come_from_the_lock_alone(steps):
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8") + (ROOT / ".devcontainer" / "devcontainer.json").read_text(
        encoding="utf-8"
    )
    installing = re.findall(r"pip install .*", text)
    assert sum("--require-hashes" in line and "--requirement requirements.lock" in line for line in installing) == 1
    assert all("--no-deps" in line for line in installing)
    assert "==" not in text


def test_each_step_finds_what_it_needs(steps):
    """Packages are installed when only the lock is there, so that a change of a notebook does not install them anew."""
    order = [(step, rest.split()[-2]) for step, rest in steps if step == "COPY"]
    assert order == [("COPY", "requirements.lock"), ("COPY", ".")]
    for text in ("requirements.lock", "--editable .", "python -m d2lhelpers"):
        assert sum(text in rest for step, rest in steps if step == "RUN") == 1
    names = [f"{step} {rest}" for step, rest in steps]
    places = [
        next(i for i, name in enumerate(names) if text in name)
        for text in ("USER ", "RUN python -m d2lhelpers", "CMD ")
    ]
    assert places == sorted(places)


def test_nothing_runs_as_root(steps):
    assert arguments(steps, "USER") == ["${NB_USER}"]
    assert "ARG NB_UID=1000" in [" ".join(step) for step in steps]  # Binder's, and that of most first users
    assert not re.search(r"allow.root|sudo", (ROOT / "Dockerfile").read_text(encoding="utf-8"))


def test_images_leave_out_what_git_leaves_out():
    kept = {line.removeprefix("**/") for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()}
    assert {*(ROOT / ".gitignore").read_text(encoding="utf-8").splitlines(), ".git/"} <= kept


def test_images_hold_the_repository_and_nothing_else(tmp_path):
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    wanted = ["data/README.md", "d2lhelpers/digits.npz", "notebooks/a.ipynb", "requirements.lock"]
    unwanted = [
        ".git/HEAD",
        ".venv/bin/python",
        "build/a.html",
        "data/fashion-mnist/a.gz",
        "data/FashionMNIST/raw/a",
        "d2lhelpers/__pycache__/a.pyc",
        "d2lhelpers.egg-info/PKG-INFO",
        "notebooks/.ipynb_checkpoints/a.ipynb",
        ".hypothesis/a",
    ]
    for name in wanted + unwanted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {*map(str, copied(tmp_path, "."))} - {".dockerignore"} == {*wanted}
    assert copied(tmp_path, "requirements.lock") == [Path("requirements.lock")]


def test_dev_container_is_built_from_the_dockerfile():
    folder = ROOT / ".devcontainer"
    container = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    assert (folder / container["build"]["dockerfile"]).samefile(ROOT / "Dockerfile")
    assert (folder / container["build"]["context"]).samefile(ROOT)
    assert "remoteUser" not in container  # so that it is the Dockerfile's
    assert "containerUser" not in container


def test_binder_builds_the_dockerfile():
    """repo2docker takes the Dockerfile, whatever else there is, but for a folder binder or .binder."""
    assert not (ROOT / "binder").exists()
    assert not (ROOT / ".binder").exists()


def test_the_server_is_published_on_this_machine_only(steps):
    lines = re.findall(r"^docker .*$", (ROOT / "book/install.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [line.split()[1] for line in lines] == ["build", "run"]
    (port,) = arguments(steps, "EXPOSE")
    assert re.findall(r"(?:-p|--publish)\S* (\S+)", lines[1]) == [f"127.0.0.1:{port}:{port}"]


def get(server, address):
    """Return status and text of an answer; the server prints its address shortly before it listens there."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(address) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, ""
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(f"the server ended: {server.stderr.read()}")


def test_the_server_wants_its_token(steps, tmp_path):
    """What CMD starts shows no one a notebook who has not the token."""
    command = json.loads(arguments(steps, "CMD")[0])
    assert not [option for option in command if re.search(r"token|password|PasswordIdentity", option)]
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "00_start_here.ipynb", tmp_path / "notebooks")
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    env = {name: value for name, value in env.items() if not name.startswith(("JUPYTER_", "XDG_"))}
    env["JUPYTER_RUNTIME_DIR"] = str(tmp_path / "runtime")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [f"--ServerApp.port={port}", *(["--allow-root"] if os.geteuid() == 0 else [])]
    server = subprocess.Popen([*command, *options], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    try:
        lines = (re.search(rf":{port}(/lab/tree/(\S+))\?token=(\w+)", line) for line in server.stderr)
        page, name, token = next(filter(None, lines)).groups()
        address = f"http://127.0.0.1:{port}"
        assert get(server, f"{address}/api/contents/{name}")[0] == 403
        status, answer = get(server, f"{address}/api/contents/{name}?token={token}")
        assert (status, json.loads(answer)["type"]) == (200, "notebook")
        status, answer = get(server, f"{address}{page}?token={token}")
        assert (status, "JupyterLab" in answer) == (200, True)
    finally:
        server.terminate()
        server.communicate()

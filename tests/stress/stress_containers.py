"""The steps of the Dockerfile, in order, in an empty folder: `make stress`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from test_containers import copied, instructions

ROOT = Path(__file__).resolve().parents[2]


def test_steps_in_an_empty_folder(tmp_path):
    """All but the two that only root can run, which install Debian's packages and make a user."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "usr"], check=True)
    home = tmp_path / "home"
    home.mkdir()
    env = {**os.environ, "PATH": f"{tmp_path / 'usr' / 'bin'}:/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": ""}
    done = []
    for step, arguments in instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        if step == "COPY":
            for path in copied(ROOT, arguments.split()[-2]):
                (home / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, home / path)
        elif step == "RUN" and not arguments.startswith(("apt-get", "useradd")):
            subprocess.run(arguments, shell=True, cwd=home, env=env, check=True)
            done.append(arguments.split()[0])
    assert done == ["pip", "pip", "python"]

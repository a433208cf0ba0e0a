"""What the Makefile does before it installs anything: explain, refuse, mend. Its uv only notes what it is told."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from d2lhelpers.language.locales import language_of_locale

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
import lint_chinese  # noqa: E402 - the folder of tools has to be named first

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


class Clone:
    """A copy of what make needs, and a uv beside it that notes its arguments and may fail."""

    def __init__(self, folder):
        self.folder = folder / "clone"
        self.folder.mkdir()
        for path in ROOT.glob("*"):
            if path.name == "Makefile" or path.suffix in (".lock", ".toml"):
                shutil.copy(path, self.folder)
        (self.folder / "d2lhelpers" / "language" / "zh" / "LC_MESSAGES").mkdir(parents=True)
        self.locale = {}
        self.uv = folder / "path" / "uv"
        self.uv.parent.mkdir()
        self.let_uv("exit 0")

    def let_uv(self, script):
        self.uv.write_text(f'#!/bin/sh\necho "$@" >> {self.uv.parent}/said\n{script}\n')
        self.uv.chmod(0o755)

    def make(self, *arguments):
        left_out = ("UV_", "MAKE", "LC_", "LANG", "D2L_LANGUAGE")
        env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)} | self.locale
        env["PATH"] = f"{self.uv.parent}:{env['PATH']}"
        return subprocess.run(
            ["make", *arguments], cwd=self.folder, env=env, capture_output=True, encoding="utf-8", check=False
        )

    @property
    def said(self):
        path = self.uv.parent / "said"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def script(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


# help


def test_help_has_two_groups(clone):
    said = clone.make().stdout
    _, learners, authors = re.split(r"\n\n(?=For )", said)
    groups = [re.findall(r"^  make ([a-z-]+) +\S", group, re.MULTILINE) for group in (learners, authors)]
    assert learners.startswith("For learners")
    assert authors.startswith("For authors")
    assert set(groups[0]) == {"help", "lab", "doctor", "mend", "test", "run", "book", "clean"}
    assert {"store", "lint", "lock", "test-all", "bench"} <= set(groups[1])
    explained = groups[0] + groups[1]
    phony = re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE).group(1).split()
    assert sorted(explained) == sorted(phony)
    assert not re.search(r"[#|]", said)


def test_help_in_chinese_says_the_same(clone):
    english = clone.make().stdout
    clone.locale = {"LANG": "zh_CN.UTF-8"}
    chinese = clone.make().stdout
    assert [line.split()[:2] for line in chinese.splitlines() if line.startswith("  make")] == [
        line.split()[:2] for line in english.splitlines() if line.startswith("  make")
    ]
    assert len(chinese.splitlines()) == len(english.splitlines())
    for line in filter(None, chinese.splitlines()):
        explained = line[21:] if line.startswith("  make") else line
        assert re.search("[\u4e00-\u9fff]", explained), line
        assert lint_chinese.mended(line) == line
    assert "给学习者和老师：" in chinese


ZH, EN = "用法", "Usage"


@pytest.mark.parametrize(
    ("locale", "arguments", "first"),
    [
        ("", [], EN),
        ("LANG=zh_CN.UTF-8", [], ZH),
        ("LANG=zh_TW", [], ZH),
        ("LANG=zh_SG.utf8", [], ZH),
        ("LANG=zh_CN.GBK", [], EN),  # a terminal that would show other signs
        ("LANG=fr_FR.UTF-8", [], EN),
        ("LANG=en_US.UTF-8 LC_MESSAGES=zh_CN.UTF-8", [], ZH),
        ("LANG=zh_CN.UTF-8 LC_ALL=C", [], EN),
        ("LANG=zh_CN.UTF-8 LC_ALL=", [], ZH),
        ("LANG=en_US.UTF-8 LANGUAGE=zh_CN:zh", [], ZH),
        ("LANG=zh_CN.UTF-8 LANGUAGE=en_US:en", [], EN),
        ("LANG=en_US.UTF-8 LANGUAGE=fr:zh", [], ZH),
        ("LANGUAGE=zh", [], EN),
        ("LANG=zh_CN.UTF-8 D2L_LANGUAGE=en", [], EN),
        ("LANG=en_US.UTF-8 D2L_LANGUAGE=zh", [], ZH),
        ("LANG=zh_CN.UTF-8 D2L_LANGUAGE=tlh", [], EN),
        ("LANG=zh_CN.UTF-8 D2L_LANGUAGE=zh", ["LANGUAGE=en"], EN),
        ("LANG=en_US.UTF-8 LANGUAGE=en_US:en", ["LANGUAGE=zh"], ZH),
    ],
)
def test_the_language_of_help_and_of_the_notebooks(clone, locale, arguments, first):
    clone.locale = dict(pair.split("=") for pair in locale.split())
    assert clone.make(*arguments).stdout.startswith(first)
    variables = {name: text for name, text in clone.locale.items() if name != "D2L_LANGUAGE"}
    if not arguments and "D2L_LANGUAGE" not in clone.locale and "GBK" not in locale:  # the doctor's rule is the same
        assert language_of_locale(variables) == ("zh" if first == ZH else "en")

    def opened():
        return clone.make("-n", "lab", *arguments).stdout.split()[-1]

    assert opened() == "notebooks/00_start_here.ipynb"
    script(clone.folder / "notebooks" / "zh" / "00_start_here.ipynb")
    chosen = "zh/" if first == ZH or "GBK" in locale else ""
    assert opened() == f"notebooks/{chosen}00_start_here.ipynb"


@pytest.mark.parametrize("language", ["tlh", "zh_CN:zh", "", "zh en"])
@pytest.mark.parametrize("target", ["lab", "help"])
def test_a_language_that_there_is_not(clone, language, target):
    done = clone.make(target, f"LANGUAGE={language}")
    assert done.returncode == 2
    assert f'LANGUAGE is "{language}", and must be one of: en zh.' in done.stderr
    assert clone.said == []


def test_the_language_of_the_command_line_is_that_of_the_doctor_too(clone):
    clone.locale = {"LANG": "en_US.UTF-8", "LANGUAGE": "en_US:en"}
    script(clone.folder / ".venv" / "bin" / "python", 'echo "$D2L_LANGUAGE, $LANGUAGE"')
    assert clone.make("-s", "doctor", "LANGUAGE=zh").stdout == "zh, \n"
    assert clone.make("-s", "doctor").stdout == ", en_US:en\n"


def test_what_make_does_is_said_in_chinese(clone):
    clone.locale = {"LANG": "zh_CN.UTF-8"}
    clone.let_uv('case "$*" in *--group*) exit 0;; esac; mkdir -p .venv .venv-lowest')
    assert clone.make(".venv/.ready").stdout == "正在建立 .venv，按照 requirements.lock ……\n"
    assert clone.make(".venv-lowest/.ready").stdout == "正在建立 .venv-lowest，按照 requirements.lock 和 lowest 组 ……\n"
    script(clone.folder / ".venv" / "bin" / "python")
    assert clone.make("mend").stdout == "所有软件包都已放回原处：用 make doctor 再检查一次。\n"


def test_what_make_says_has_its_chinese():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    said = {name: dict(re.findall(rf"^(\w+)_{name} :?= (.*)", text, re.MULTILINE)) for name in ("en", "zh")}
    assert [*said["en"]] == [*said["zh"]]
    assert len(said["en"]) > 15
    for name, sentence in said["zh"].items():
        if not name.startswith("EXPLAIN"):
            assert lint_chinese.mended(sentence) == sentence
            assert sorted(re.findall(r"\$+\(?\w+", sentence)) == sorted(re.findall(r"\$+\(?\w+", said["en"][name]))


def test_what_make_refuses_is_said_in_chinese(clone, tmp_path):
    clone.locale = {"LANG": "zh_CN.UTF-8"}
    clone.let_uv("exit 1")

    def errors(*arguments):
        done = clone.make(*arguments)
        assert done.returncode == 2
        return done.stderr.splitlines()[0].split(": ***")[-1].removeprefix("make: ").strip()

    refused = "笔记本要用 Python 3.10 到 3.15。不写 PYTHON，或者写 PYTHON=3.15。"
    assert errors("lab", "PYTHON=3.9") == f"Python 3.9 太旧：{refused}"
    assert errors("lab", "PYTHON=2.7") == f"Python 2.7 太旧：{refused}"
    assert errors("lab", "PYTHON=3.16") == f"Python 3.16 太新：{refused}"
    assert errors("lab", "PYTHON=4.0") == f"Python 4.0 太新：{refused}"
    assert errors("lab", "PYTHON=3.13t") == f"Python 3.13t 不是这里认识的 CPython：{refused}"
    words = "PYTHON 是版本号，例如 PYTHON=3.15，或者解释器的路径。"
    assert errors("lab", "PYTHON=/no/python") == f"/no/python 不是能运行的 Python：{words}"
    assert errors("lab", "PYTHON=/a b") == "PYTHON 是“/a b”，里面不能有空格：请改用指向这个解释器的链接.  Stop."
    words = "安装 python3.15，或者用 PYTHON 给出它的路径，再运行 make。"
    assert errors("lab", "PYTHON=3.15") == f"这里没有 CPython 3.15，uv 也没能下载：{words}"
    assert errors("mend") == ".venv 里没有环境可修：运行 make lab，它会建好环境。"
    clone.uv.unlink()
    script(clone.uv.parent / "python3", "exit 1")
    words = "安装 uv，或者安装 python3 和它的 venv 模块，再运行 make。"
    assert errors("UV=.uv/bin/uv", "lab") == f"这里没有 uv，也没能装上：{words}"


# PYTHON


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("3.9", "Python 3.9 is too old: the notebooks run on Python 3.10 to 3.15."),
        ("3.9.18", "Python 3.9.18 is too old"),
        ("2.7", "Python 2.7 is too old"),
        ("3.16", "Python 3.16 is too new: the notebooks run on Python 3.10 to 3.15."),
        ("4.0", "Python 4.0 is too new"),
        ("3", "Python 3 is not a CPython that is known here"),
        ("3.13t", "Python 3.13t is not a CPython that is known here"),
        (
            "/no/such/python",
            "/no/such/python is no Python that can be run: PYTHON is a version, as in PYTHON=3.15, or the path",
        ),
    ],
)
@pytest.mark.parametrize("target", ["lab", "test"])
def test_a_python_that_is_refused(clone, python, words, target):
    done = clone.make(target, f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"make: {words}")
    first, *others = done.stderr.splitlines()
    assert all(line.startswith("make: ***") for line in others)  # make's own
    assert "PYTHON=3.15" in first
    assert clone.said == []


@pytest.mark.parametrize(("version", "why"), [("3.9", "too old"), ("3.16", "too new"), ("PyPy3.10", "not a CPython")])
def test_an_interpreter_that_is_refused(clone, tmp_path, version, why):
    python = script(tmp_path / "bin" / "python", f"echo {version}")
    done = clone.make("lab", f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"make: Python {version} is {why}")
    assert clone.said == []


def test_a_path_with_a_space_is_refused(clone, tmp_path):
    python = script(tmp_path / "a folder" / "python", "echo 3.11")
    done = clone.make("lab", f"PYTHON={python}")
    assert done.returncode == 2
    assert f'PYTHON is "{python}", and may have no space in it: name a link to that interpreter' in done.stderr
    (tmp_path / "python3.11").symlink_to(python)
    clone.make("lab", f"PYTHON={tmp_path / 'python3.11'}")
    assert clone.said[0].startswith(f"venv --quiet --clear --python {tmp_path / 'python3.11'} ")


@pytest.mark.parametrize("python", [*PYTHONS, "3.12.4", sys.executable, "{name}"])
def test_a_python_that_is_taken(clone, python):
    python = python.format(name=f"python{sys.version_info[0]}.{sys.version_info[1]}")
    if "/" not in python and python.startswith("python") and shutil.which(python) is None:
        pytest.skip(f"there is no {python} on PATH")
    clone.let_uv("exit 1")
    done = clone.make("lab", f"PYTHON={python}")
    assert clone.said == [f"venv --quiet --clear --python {python} .venv-{Path(python).name}"]
    assert f"make: no CPython {python} here and uv could fetch none" in done.stderr


def test_the_python_of_make_is_taken(clone):
    clone.make("lab")
    assert clone.said[0].startswith("venv ")
    assert clone.said[1].startswith("pip sync ")


# mend


def test_there_is_nothing_to_mend(clone):
    done = clone.make("mend")
    assert done.returncode == 2
    assert done.stderr.startswith("make: there is no environment in .venv to mend: run make lab")
    assert clone.said == []


@pytest.mark.parametrize("arguments", [[], ["VENV=.venv-3.13"], ["PYTHON=3.13"]])
@pytest.mark.parametrize("all_is_kept", [True, False])
def test_mend_keeps_the_environment(clone, arguments, all_is_kept):
    """It asks uv to put packages back, without a network if uv has kept them all; nothing is removed."""
    name = ".venv-3.13" if arguments else ".venv"
    script(clone.folder / name / "bin" / "python")
    (clone.folder / name / ".ready").touch()
    clone.let_uv("exit 0" if all_is_kept else 'case "$*" in *--offline*) echo "not here" >&2; exit 1;; esac')
    done = clone.make("mend", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "All packages are in place again: make doctor looks once more."
    assert [" --offline" in line for line in clone.said] == [True, *[False] * (3 - all_is_kept)]
    assert all(line.startswith("pip install ") and f"--python {name}/bin/python" in line for line in clone.said)
    assert sum("--requirement requirements.lock" in line and "--require-hashes" in line for line in clone.said) in (
        1,
        2,
    )
    assert sum("--editable ." in line for line in clone.said) == 1
    assert (clone.folder / name / ".ready").exists()


def test_what_cannot_be_mended_is_said(clone):
    script(clone.folder / ".venv" / "bin" / "python")
    clone.let_uv("echo 'no network' >&2; exit 1")
    done = clone.make("mend")
    assert done.returncode == 2
    assert done.stderr.startswith("no network\nmake: ***")
    assert "in place again" not in done.stdout

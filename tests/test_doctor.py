"""Each finding of ``python -m d2lhelpers``, brought about for real where that can be done, else by a pretence."""

import ast
import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from d2lhelpers import doctor, files, remedies
from d2lhelpers.language import width

import numpy as np
import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent


def look(python, **env):
    """Run the doctor as a user does, and return its exit status and its findings, (status, text)."""
    command = [python, "-m", "d2lhelpers"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    *lines, empty, summary = done.stdout.splitlines()
    assert empty == ""
    assert summary
    return done.returncode, [re.fullmatch(r"(ok|problem|not checked) +(\S.*)", line).groups() for line in lines]


def test_where_nothing_is_installed(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    code, found = look(tmp_path / "bin" / "python", PYTHONPATH="")
    assert code == 1
    assert [status for status, _ in found] == ["ok", "ok", "problem", "ok", "ok", "ok", "not checked"]
    assert re.match(r"packages: none are installed in this Python: run make lab, which builds", found[2][1])


def test_with_an_mxnet_that_crashes(tmp_path):
    fake_mxnet(tmp_path, "import os; os.abort()")
    code, found = look(sys.executable, PYTHONPATH=str(tmp_path))
    assert code == 1
    assert found[6] == ("problem", f"MXNet cannot be imported (it crashed (SIGABRT)): {remedies.rebuild()}")
    assert found[7] == ("not checked", "matrix products and training, since MXNet cannot be imported")


@pytest.mark.parametrize("statuses", [["ok", "ok"], ["ok", "problem", "ok"], ["problem", "not checked", "problem"]])
def test_exit_status_and_summary(monkeypatch, capsys, statuses):
    monkeypatch.setattr(doctor, "findings", lambda: [(status, "something") for status in statuses])
    problems = statuses.count("problem")
    assert doctor.main() == bool(problems)
    assert (f"{problems} to mend" if problems else "All is well.") in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        "d2lhelpers_startup",
        *(
            f"d2lhelpers/{name}"
            for name in ("__init__", "__main__", "content", "doctor", "files", "kernel", "remedies")
        ),
        "d2lhelpers/language/__init__",
        "d2lhelpers/language/locales",
    ],
)
def test_an_old_python_without_packages_can_read_it(name):
    tree = ast.parse((ROOT / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    for node in ast.walk(tree):  # which ast does not know of
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            starred = any(isinstance(part, ast.Starred) for part in node.value.elts)
            assert not starred or node.value.col_offset < node.value.elts[0].col_offset, "CPython 3.8 needs no brackets"
    for node in tree.body:  # what is imported inside of functions comes after the look at Python's version
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
        assert {module.split(".")[0] for module in modules} <= {*sys.stdlib_module_names, "d2lhelpers_startup"}


# its language


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def say(python, encoding="utf-8", **env):
    """Return the exit status and the lines of the doctor in a Python without packages."""
    names = ("D2L_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "PYTHONPATH", "PYTHONIOENCODING")
    env = {**{name: text for name, text in os.environ.items() if name not in names}, **env}
    done = subprocess.run([python, "-m", "d2lhelpers"], cwd=ROOT, env=env, capture_output=True, check=False)
    assert done.stderr == b""
    return done.returncode, done.stdout.decode(encoding).splitlines()


@pytest.mark.parametrize(
    ("env", "encoding"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "utf-8"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW.UTF-8"}, "utf-8"),
        ({"LANG": "en_US.UTF-8", "D2L_LANGUAGE": "zh"}, "utf-8"),
        ({"LC_ALL": "C", "D2L_LANGUAGE": "zh"}, "utf-8"),
        ({"LANG": "zh_CN.GBK", "PYTHONIOENCODING": "gbk"}, "gbk"),
    ],
)
def test_it_speaks_chinese(bare_python, env, encoding):
    code, lines = say(bare_python, encoding, **env)
    assert code == 1
    assert lines[-1] == "有 1 个问题要解决。从第一个开始，然后再检查一次：make doctor，或者 python -m d2lhelpers。"
    assert lines[2].startswith("有问题       软件包：这个 Python 里一个也没有安装：运行 make lab")
    statuses = [re.match("(正常|有问题|没有检查) +", line)[0] for line in lines[:-2]]
    assert {width(status) for status in statuses} == {13}


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"LANG": "C"},
        {"LANG": "fr_FR.UTF-8"},
        {"LANG": "zh_CN.UTF-8", "D2L_LANGUAGE": "en"},
        {"LANG": "zh_CN.UTF-8", "PYTHONIOENCODING": "ascii"},  # which has no Chinese letters
        {"D2L_LANGUAGE": "zh", "PYTHONIOENCODING": "latin-1"},
    ],
)
def test_it_speaks_english(bare_python, env):
    code, lines = say(bare_python, **env)
    assert code == 1
    assert lines[-1].startswith("1 to mend.")


def test_a_folder_whose_letters_the_output_has_not(tmp_path, bare_python):
    (tmp_path / "学习").symlink_to(bare_python.parent.parent)
    code, lines = say(tmp_path / "学习" / "bin" / "python", PYTHONIOENCODING="ascii")
    assert code == 1
    assert r"(" + str(tmp_path) + r"/\u5b66\u4e60/bin/python)" in lines[0]


@pytest.mark.parametrize("locale", ["C", "zh_CN.UTF-8"])
def test_a_language_that_there_is_not(bare_python, locale):
    code, lines = say(bare_python, LANG=locale, D2L_LANGUAGE="tlh")
    assert code == 1
    assert lines[0] == (
        "problem      D2L_LANGUAGE is tlh, and there is no such language: the notebooks would stop there. "
        "Type unset D2L_LANGUAGE, or let it be one of en, zh"
    )
    assert lines[1].startswith("ok           CPython")
    assert lines[-1].startswith("2 to mend.")


def without_an_older_numpy(lines):
    """Leave out the line on packages in .venv-lowest, whose NumPy is older than the lock's, and says so."""
    if Path(sys.prefix).name != ".venv-lowest":
        return lines
    (packages,) = [line for line in lines if "numpy 1." in line]
    return [line for line in lines if line != packages]


def test_all_is_well():
    """In Chinese, which shows a sentence that is not translated."""
    code, lines = say(sys.executable, D2L_LANGUAGE="zh")
    *found, empty, summary = lines
    assert len(found) == 12
    of_all = without_an_older_numpy(found)
    assert [line for line in of_all if not re.match(r"正常 +\S", line)] == []
    assert (code, empty, summary == "一切正常。") == (int(of_all != found), "", of_all == found)
    assert re.fullmatch(r"正常         可以训练：损失从 [\d.e-]+ 降到 [\d.e-]+", found[8])
    texts = [line.replace(sys.executable, "") for line in lines]  # its folder may have any name
    assert [text for text in texts if re.search(r"\b(is|are|the|all|run)\b", text)] == []


def test_a_language_that_there_is_not_spoils_nothing_else(monkeypatch, capsys):
    """The processes that the doctor starts import `d2lhelpers`, which stops at such a language."""
    monkeypatch.setenv("D2L_LANGUAGE", "tlh")
    monkeypatch.setattr(doctor, "findings", lambda: [doctor.check_training()])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("d2lhelpers", run_name="__main__")
    problem, training, *_ = capsys.readouterr().out.splitlines()
    assert (end.value.code, problem.split()[0]) == (1, "problem")
    assert re.fullmatch(r"ok           a training run works: the loss fell from [\d.e-]+ to [\d.e-]+", training)


# Python


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 9, 18), (3, 40, 0), (4, 0, 0)])
def test_a_python_that_is_not_supported(monkeypatch, version):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", version)
        patch.setattr("platform.python_version", lambda: ".".join(map(str, version)))
        found = list(doctor.findings())
    assert found[0][0] == doctor.PROBLEM
    assert re.match(
        rf"CPython {found_version(version)} is not supported, but CPython 3\.\d+ to 3\.\d+: \w", found[0][1]
    )
    assert [status for status, _ in found[2:]] == [doctor.UNKNOWN, *[doctor.OK] * 3, doctor.UNKNOWN]


def found_version(version):
    return re.escape(".".join(map(str, version)))


def test_a_python_that_is_not_cpython(monkeypatch):
    monkeypatch.setattr("platform.python_implementation", lambda: "PyPy")
    status, text = doctor.check_python()
    assert status == doctor.PROBLEM
    assert text.startswith("PyPy 3.")


@pytest.mark.parametrize("is_checkout", [True, False])
def test_supported_pythons_are_those_of_pyproject(monkeypatch, tmp_path, is_checkout):
    if not is_checkout:
        monkeypatch.setattr(doctor, "PYPROJECT", tmp_path / "pyproject.toml")
    text = re.search('requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")).group(1)
    minors = [minor for minor in range(40) if f"3.{minor}" in SpecifierSet(text)]
    assert doctor._supported_minors() == (minors[0], minors[-1])


# System and processor


@pytest.mark.parametrize(
    ("system", "machine", "words"),
    [
        ("Windows", "AMD64", "Windows on AMD64 is not supported, since MXNet has no wheel for it: run wsl --install"),
        ("Windows", "ARM64", "Windows on ARM64 is not supported, since MXNet has no wheel for it: run wsl --install"),
        ("Darwin", "arm64", "macOS on Apple silicon is not supported, .* container of the .*, or, .* under Rosetta"),
        ("Linux", "riscv64", "Linux on riscv64 is not supported, .* work on Linux on x86_64 or aarch64, or on macOS"),
        ("Linux", "i686", "Linux on i686 is not supported"),
        ("FreeBSD", "amd64", "FreeBSD on amd64 is not supported"),
    ],
)
def test_a_machine_that_is_not_supported(monkeypatch, system, machine, words):
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    status, text = doctor.check_platform()
    assert status == doctor.PROBLEM
    assert re.match(words, text)


@pytest.mark.parametrize(("system", "machine"), doctor.MACHINES)
def test_a_machine_that_is_supported(monkeypatch, system, machine):
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.28"))
    status, text = doctor.check_platform()
    assert status == doctor.OK
    assert ("tried emulated only" in text) == (machine == "aarch64")


def test_a_python_of_32_bits(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("struct.calcsize", {"P": 4}.get)
    status, text = doctor.check_platform()
    assert status == doctor.PROBLEM
    assert "a Python of 32 bits" in text


@pytest.mark.parametrize("libc", [("", ""), ("musl", "1.2.5"), ("glibc", "2.9"), ("glibc", "2.17")])
def test_another_c_library(monkeypatch, libc):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("platform.libc_ver", lambda: libc)
    status, text = doctor.check_platform()
    assert status == doctor.PROBLEM
    assert "glibc 2.28 or newer: work in a container" in text


def test_machines_are_those_that_the_lock_has_wheels_for():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"manylinux_(\d+)_(\d+)", makefile)) == {tuple(map(str, doctor.GLIBC))}
    names = {"manylinux": "Linux", "apple": "Darwin"}
    platforms = re.findall(r"\b(x86_64|aarch64|arm64)-(manylinux|apple)", makefile)
    assert {(names[system], machine) for machine, system in platforms} == set(doctor.MACHINES)


# Data


def test_missing_digits(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "DIGITS", tmp_path / "digits.npz")
    status, text = doctor.check_digits_file()
    assert status == doctor.PROBLEM
    assert "the digits are not at" in text


def test_damaged_digits(monkeypatch, tmp_path):
    damaged = bytearray(doctor.DIGITS.read_bytes())
    damaged[1000] ^= 1
    (tmp_path / "digits.npz").write_bytes(damaged)
    monkeypatch.setattr(doctor, "DIGITS", tmp_path / "digits.npz")
    status, text = doctor.check_digits_file()
    assert status == doctor.PROBLEM
    assert re.search(r"is damaged: restore it with git checkout .*SHA-256", text)  # the advice before the hashes


def test_missing_cars(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "AUTO_MPG", tmp_path / "auto_mpg.csv")
    status, text = doctor.check_auto_mpg_file()
    assert status == doctor.PROBLEM
    assert re.search("the cars cannot be read: the cars are not at .*auto_mpg.csv; restore it with", text)


def test_a_figure_of_a_car_has_changed(monkeypatch, tmp_path):
    table = doctor.AUTO_MPG.read_bytes()
    (tmp_path / "auto_mpg.csv").write_bytes(table.replace(b"3504", b"3505"))
    monkeypatch.setattr(doctor, "AUTO_MPG", tmp_path / "auto_mpg.csv")
    status, text = doctor.check_auto_mpg_file()
    assert status == doctor.PROBLEM
    assert re.search(r"is damaged: restore it with git checkout data d2lhelpers/auto_mpg.csv.*SHA-256", text)


@pytest.fixture
def fashion(monkeypatch, tmp_path):
    """Two of the four files, pretended to be the right ones, in the folder that D2L_DATA names."""
    monkeypatch.setenv("D2L_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("MXNET_HOME", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    files = [(name, hashlib.md5(name.encode()).hexdigest(), *rest) for name, _, *rest in doctor.FASHION_MNIST]
    monkeypatch.setattr(doctor, "FASHION_MNIST", files)
    for name, *_ in files[:2]:
        (folder / name).write_bytes(name.encode())
    return folder


def test_fashion_mnist_need_not_be_there(fashion):
    assert doctor.check_fashion_mnist() == (doctor.OK, "Fashion-MNIST: 2 of 4 files are there; no chapter needs them")


def test_damaged_fashion_mnist(fashion):
    path = fashion / doctor.FASHION_MNIST[1][0]
    path.write_bytes(b"")
    status, text = doctor.check_fashion_mnist()
    assert status == doctor.PROBLEM
    assert text == f"{path} is damaged: delete it; it is downloaded again when wanted"


def test_fashion_mnist_that_may_not_be_read(fashion, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "pieces", refuse)
    status, text = doctor.check_fashion_mnist()
    assert status == doctor.PROBLEM
    assert text.startswith(f"{fashion / doctor.FASHION_MNIST[0][0]} cannot be read: Permission denied")


def test_fashion_mnist_of_others(fashion, monkeypatch):
    """What the loader would take is counted, and what it would pass over is named; neither is a problem."""
    monkeypatch.setenv("MXNET_HOME", str(fashion.parent / "gluon"))
    folder = fashion.parent / "gluon" / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    (_, (second, *_), (third, *_), (fourth, *_)) = doctor.FASHION_MNIST
    (fashion / second).unlink()
    (folder / second).write_bytes(b"<!DOCTYPE html>")
    (folder / third).write_bytes(third.encode())
    (folder / fourth.removesuffix(".gz")).write_bytes(fourth.encode())
    assert doctor.check_fashion_mnist() == (
        doctor.OK,
        f"Fashion-MNIST: 3 of 4 files are there, in {fashion}, {folder}; no chapter needs them "
        f"(passed over, since they are damaged or other files: {folder / second})",
    )
    (folder / second).unlink()
    assert doctor.check_fashion_mnist() == (
        doctor.OK,
        f"Fashion-MNIST: 3 of 4 files are there, in {fashion}, {folder}; no chapter needs them",
    )


# Packages


@pytest.fixture
def lock(monkeypatch, tmp_path):
    """Write a lock of the installed NumPy and pytest, the first one direct, and return what does so."""

    def write(old="", new=""):
        text = (
            "# a comment\n#    make lock\n"
            f"numpy=={np.__version__} \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\n"
            "    # via\n    #   d2lhelpers (pyproject.toml)\n    #   matplotlib\n"
            f"pytest=={pytest.__version__} ; python_full_version >= '3.10' \\\n    --hash=sha256:2\n"
            "    # via d2lhelpers (pyproject.toml:dev)\n"
            "pytest==0.1 ; python_full_version < '3.10' \\\n    --hash=sha256:3\n"
            "    # via d2lhelpers (pyproject.toml:dev)\n"
        )
        assert old in text
        (tmp_path / "requirements.lock").write_text(text.replace(old, new))

    monkeypatch.setattr(doctor, "LOCK", tmp_path / "requirements.lock")
    return write


def test_packages_as_locked(lock):
    lock()
    assert doctor.check_packages() == (doctor.OK, "packages: all are as locked")


def test_without_what_reads_the_lock(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    assert doctor.check_packages() == (doctor.PROBLEM, f"packages: packaging is missing: {remedies.put_back()}")


def test_another_version_of_a_direct_requirement(lock):
    lock(f"numpy=={np.__version__}", "numpy==1.0")
    status, text = doctor.check_packages()
    assert status == doctor.PROBLEM
    assert text == f"packages: numpy {np.__version__} (locked: 1.0): {remedies.put_back()}"


def test_a_direct_requirement_is_missing(lock):
    lock(f"numpy=={np.__version__}", "no-such-package==1.0")
    status, text = doctor.check_packages()
    assert status == doctor.PROBLEM
    assert text == f"packages: no-such-package missing (locked: 1.0): {remedies.put_back()}"


def test_another_version_of_what_others_need(lock):
    lock(f"pytest=={pytest.__version__}", "pytest==0.2")
    status, text = doctor.check_packages()
    assert status == doctor.OK
    assert text.endswith(f"what they need differ: pytest {pytest.__version__} (locked: 0.2)")


def test_many_differing_packages_are_not_all_named():
    assert doctor._list(list("abcde")) == "a, b, c, d, e"
    assert doctor._list(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_packages_outside_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "LOCK", tmp_path / "requirements.lock")
    status, text = doctor.check_packages()
    assert status == doctor.OK
    assert "outside a source checkout" in text


# MXNet, training and Jupyter


def fake_mxnet(folder, code):
    (folder / "mxnet").mkdir()
    (folder / "mxnet" / "__init__.py").write_text(code)


@pytest.mark.parametrize(
    ("code", "reason", "advice"),
    [
        (
            "raise OSError('libquadmath.so.0: cannot open shared object file')",
            "OSError: libquadmath",
            "apt-get install",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "it crashed (SIGILL)", "work on another machine"),
        ("raise AttributeError('no attribute x')", "no attribute x", remedies.rebuild()),
        ("raise SystemExit(3)", "it ended with exit status 3", remedies.rebuild()),
        ("import missing", "No module named 'missing'", remedies.put_back()),
    ],
)
def test_an_mxnet_that_cannot_be_imported(monkeypatch, tmp_path, code, reason, advice):
    fake_mxnet(tmp_path, code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    status, text = doctor.check_mxnet()
    assert status == doctor.PROBLEM
    assert text.startswith("MXNet cannot be imported (")
    assert reason in text
    assert advice in text


def test_an_mxnet_that_hangs(monkeypatch, tmp_path):
    fake_mxnet(tmp_path, "import time\nwhile True: time.sleep(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "SECONDS", 1)
    status, text = doctor.check_mxnet()
    assert status == doctor.PROBLEM
    assert "it was not done after 1 seconds" in text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ArithmeticError('compute wrongly (dot). Set OPENBLAS_CORETYPE to ARMV8')", "to ARMV8): see there"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
            f"(it crashed (SIGILL)): {remedies.rebuild()}",
        ),
    ],
)
def test_products_that_are_wrong(monkeypatch, code, words):
    monkeypatch.setattr(doctor, "PRODUCTS", code)
    status, text = doctor.check_products()
    assert status == doctor.PROBLEM
    assert text.startswith("matrix products cannot be trusted (")
    assert words in text


def test_training_that_finds_something_else(monkeypatch):
    monkeypatch.setattr(doctor, "TRAIN", doctor.TRAIN.replace('"learning_rate": 0.03', '"learning_rate": 0.0003'))
    status, text = doctor.check_training()
    assert status == doctor.PROBLEM
    assert re.match(r"a training run fails \(ArithmeticError: it found \[.*\], not 2, -3.4 and 4.2\): ", text)
    assert text.endswith(remedies.rebuild())


def kernel_spec(folder, code):
    """Define a kernel python3 that runs some code, in a folder for JUPYTER_PATH."""
    (folder / "kernels" / "python3").mkdir(parents=True)
    spec = {"argv": [sys.executable, "-c", code, "-f", "{connection_file}"], "display_name": "", "language": "python"}
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))


# the places for files, and figures


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A user id that the system does not know, without HOME, here and in the processes that are started."""
    (tmp_path / "sitecustomize.py").write_text(
        "import pwd\ndef unknown(uid):\n    raise KeyError(uid)\npwd.getpwuid = unknown\n"
    )
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in ("HOME", "D2L_PROGRESS", "D2L_DATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("check", [doctor.check_folders, doctor.check_figures, doctor.check_kernel])
def test_no_home(homeless, check):
    status, text = check()
    if check is doctor.check_figures and version("matplotlib").split(".") >= ["3", "11"]:  # which draws without a home
        assert status == doctor.OK
        return
    assert status == doctor.PROBLEM
    assert re.search(r'home (folder|directory).*export HOME="\$\(mktemp -d\)"\.?$', text), text


def test_a_home_is_not_needed_for_fashion_mnist_outside_of_a_checkout(homeless, monkeypatch, tmp_path):
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "package")
    status, text = doctor.check_fashion_mnist()
    assert status == doctor.OK
    assert re.search(r"no folder for it, since this user has no home folder; .* No chapter needs it$", text)


PLACES = {"Jupyter": "JUPYTER_RUNTIME_DIR", "IPython": "IPYTHONDIR", "matplotlib": "MPLCONFIGDIR"}


def test_folders_that_can_be_written_to(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "new"))
    assert doctor.check_folders()[0] == doctor.OK
    assert not (tmp_path / "new" / ".jupyter").exists()  # it has looked only


@pytest.mark.parametrize("owner", PLACES)
def test_a_folder_that_cannot_be_written_to(monkeypatch, tmp_path, owner):
    """A file stands in its place; the superuser, too, can make nothing in that."""
    (tmp_path / "file").touch()
    monkeypatch.setenv(PLACES[owner], str(tmp_path / "file" / "folder"))
    monkeypatch.setenv("HOME", str(tmp_path))
    status, text = doctor.check_folders()
    if owner == "Jupyter":
        assert status == doctor.PROBLEM
        assert f"{owner} cannot write to {tmp_path / 'file' / 'folder'} (Not a directory): make it writable, or" in text
        assert f"another place in {PLACES[owner]}, or another home" in text
        monkeypatch.setenv(PLACES[owner], str(tmp_path / "folder"))
        assert doctor.check_folders()[0] == doctor.OK
    else:
        assert status == doctor.OK  # they make do with a temporary one


def test_progress_that_cannot_be_kept(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("D2L_PROGRESS", str(tmp_path / "file" / "progress.txt"))
    status, text = doctor.check_folders()
    assert status == doctor.PROBLEM
    assert re.search(r"d2lhelpers cannot write to \S*/file \(.*\): .* in D2L_PROGRESS, or", text)


@pytest.mark.parametrize(
    ("backend", "status", "words"),
    [
        ("", doctor.OK, "draws figures$"),
        ("Agg", doctor.OK, "MPLBACKEND is Agg, which shows no figures: the chapters show theirs all the same, .*unset"),
        ("nonsense", doctor.PROBLEM, r"matplotlib cannot draw \(.*nonsense.*\): unset MPLBACKEND$"),
    ],
)
def test_figures(monkeypatch, backend, status, words):
    monkeypatch.setenv("MPLBACKEND", backend)
    found, text = doctor.check_figures()
    assert found == status
    assert re.search(words, text), text


def test_a_kernel_that_runs_another_python(monkeypatch, tmp_path):
    kernel_spec(
        tmp_path, "import sys; sys.prefix = '/another'; from ipykernel import kernelapp as k; k.launch_new_instance()"
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert doctor.check_kernel() == (
        doctor.PROBLEM,
        "Jupyter's kernel python3 runs the Python in /another: jupyter kernelspec remove python3",
    )


def test_a_kernel_that_does_not_start(monkeypatch, tmp_path):
    kernel_spec(tmp_path, "raise SystemExit(1)")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    status, text = doctor.check_kernel()
    assert status == doctor.PROBLEM
    assert text.startswith("Jupyter's kernel python3 does not start (")


# make doctor


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
@pytest.mark.parametrize("is_built", [True, False])
def test_make_doctor_builds_nothing(tmp_path, is_built):
    """It asks the environment if there is one, else the Python that is there."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path in [tmp_path / "path" / "python3", tmp_path / ".venv" / "bin" / "python"][: 1 + is_built]:
        path.parent.mkdir(parents=True)
        path.write_text('#!/bin/sh\necho "$0 $@"\n')
        path.chmod(0o755)
    env = {"PATH": f"{tmp_path / 'path'}:{os.environ['PATH']}"}
    done = subprocess.run(["make", "-s", "doctor"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    python = ".venv/bin/python" if is_built else f"{tmp_path}/path/python3"
    assert (done.stdout, done.returncode) == (f"{python} -m d2lhelpers\n", 0)

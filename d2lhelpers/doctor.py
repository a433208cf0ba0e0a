"""Look at the machine, and say what works and what to do about what does not: ``python -m d2lhelpers``.

Only the standard library is imported here, and the syntax is that of Python 3.6, so that it has an answer for a Python
that is too old, too. What may crash or hang runs in a process of its own.
"""

import json
import os
import platform
import re
import signal
import struct
import subprocess
import sys
import tempfile

from .files import DIGITS, FASHION_MNIST, check_digits, find, home, places
from .kernel import shows_nothing
from .remedies import LOCK, ROOT, environment, nothing_is_installed, put_back, rebuild, version_of

OK, PROBLEM, UNKNOWN = "ok", "problem", "not checked"
PYPROJECT = ROOT / "pyproject.toml"
MACHINES = (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "x86_64"))  # that MXNet 1.9.1 has wheels for
GLIBC = (2, 28)  # what the wheels of the lock need at least
LOOK_AGAIN = "make doctor, or python -m d2lhelpers"
SECONDS = 120  # that a check in a process of its own may take

IMPORT = """
import d2lhelpers, mxnet
print(mxnet.__version__)
"""
PRODUCTS = """
from d2lhelpers import blas
blas.check(thorough=True)
"""
TRAIN = """
import d2lhelpers as dh
from mxnet import gluon, init

dh.seed(0)
net = gluon.nn.Dense(1)
net.initialize(init.Normal(sigma=0.01))
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03})
train_iter = dh.load_array(dh.synthetic_data([2, -3.4], 4.2, 1000), 10)
loss = dh.train(net, train_iter, gluon.loss.L2Loss(), trainer, 10, verbose=False).loss
found = [*net.weight.data()[0].asnumpy().tolist(), net.bias.data().asscalar()]
print("the loss fell from {:.3g} to {:.3g}".format(loss[0], loss[-1]))
if not all(abs(value - truth) < 0.01 for value, truth in zip(found, [2, -3.4, 4.2])):
    raise ArithmeticError("it found {}, not 2, -3.4 and 4.2".format(found))
"""
FOLDERS = """
import json, os
os.environ.pop("MPLBACKEND", None)
import matplotlib
from IPython.paths import get_ipython_dir
from jupyter_core import paths

print(json.dumps([
    ["Jupyter", "JUPYTER_CONFIG_DIR", paths.jupyter_config_dir()],
    ["Jupyter", "JUPYTER_DATA_DIR", paths.jupyter_data_dir()],
    ["Jupyter", "JUPYTER_RUNTIME_DIR", paths.jupyter_runtime_dir()],
    ["IPython", "IPYTHONDIR", get_ipython_dir()],
    ["matplotlib", "MPLCONFIGDIR", matplotlib.get_configdir()],
    ["matplotlib", "MPLCONFIGDIR", matplotlib.get_cachedir()],
]))
"""
FIGURE = """
import io
import matplotlib.pyplot as plt
plt.figure().savefig(io.BytesIO())
"""
KERNEL = """
from jupyter_client.manager import run_kernel

said = []

def hear(message):
    if message["msg_type"] == "stream":
        said.append(message["content"]["text"])

with run_kernel(kernel_name="python3", startup_timeout=60) as kernel:
    kernel.execute_interactive("import sys; print(sys.prefix)", timeout=60, output_hook=hear)
print("".join(said))
"""


def check_python():
    """Compare the Python that runs this with those that the package is for."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    oldest, newest = _supported_minors()
    if platform.python_implementation() == "CPython" and (3, oldest) <= sys.version_info[:2] <= (3, newest):
        return OK, f"{found} ({sys.executable})"
    builds = environment() in ("make", "none")
    advice = f"{rebuild()}, which brings one" if builds else "install this in an environment with one of these"
    return PROBLEM, f"{found} is not supported, but CPython 3.{oldest} to 3.{newest}: {advice}"


def _supported_minors():
    if PYPROJECT.is_file():
        text = PYPROJECT.read_text(encoding="utf-8")
        text = re.search(r'^requires-python = "(.*?)"', text, re.MULTILINE).group(1)
    else:
        from importlib.metadata import metadata

        text = metadata("d2lhelpers")["Requires-Python"]
    return int(re.search(r">=3\.(\d+)", text).group(1)), int(re.search(r"<3\.(\d+)", text).group(1)) - 1


def check_platform():
    """Compare system and processor with those that MXNet has wheels for."""
    system, machine, bits = platform.system(), platform.machine(), 8 * struct.calcsize("P")
    found = f"{'macOS' if system == 'Darwin' else system} on {machine}"
    if system == "Windows":
        advice = "run wsl --install, and work in the Ubuntu of WSL 2"
    elif (system, machine) == ("Darwin", "arm64"):
        found = "macOS on Apple silicon"
        advice = (
            "work in the container of the Dockerfile, or, with a Python for Intel, under Rosetta (arch -x86_64 zsh); "
            "neither has been tried there"
        )
    else:
        advice = "work on Linux on x86_64 or aarch64, or on macOS on Intel"
    if (system, machine) not in MACHINES:
        return PROBLEM, f"{found} is not supported, since MXNet has no wheel for it: {advice}"
    if bits != 64:
        return PROBLEM, f"{found} is supported, but not a Python of {bits} bits: {rebuild()}"
    if system == "Linux":
        libc, version = platform.libc_ver()
        found += f", {libc or 'an unknown C library'} {version}"
        if libc != "glibc" or tuple(map(int, version.split(".")[:2])) < GLIBC:
            needed = ".".join(map(str, GLIBC))
            return PROBLEM, f"{found}: the wheels need glibc {needed} or newer: work in a container of Debian or Ubuntu"
    if machine == "aarch64":
        found += ", which so far has been tried emulated only"
    return OK, f"{found}, processors: {os.cpu_count()}"


def check_digits_file():
    """Compare the embedded digits with their hash."""
    try:
        check_digits(DIGITS)
    except (OSError, ValueError) as error:
        return PROBLEM, str(error)
    return OK, "the digits are there and whole"


def check_fashion_mnist():
    """Look for Fashion-MNIST where the loader would, and compare it with its hashes; it need not be there."""
    try:
        folders = places()
    except FileNotFoundError as error:
        return OK, f"Fashion-MNIST: no folder for it, since {error} No chapter needs it"
    found, passed_over = [], []
    for file in FASHION_MNIST:
        try:
            path, others = find(file, folders)
        except OSError as error:
            return PROBLEM, f"{error.filename} cannot be read: {error.strerror}; make it readable"
        except ValueError as error:
            return PROBLEM, f"{error}. Delete it; it is downloaded again when wanted"
        found += [path] if path else []
        passed_over += others
    text = f"Fashion-MNIST: {len(found)} of {len(FASHION_MNIST)} files are there"
    elsewhere = {str(path.parent): None for path in found if path.parent != folders[0]}
    text += f" ({_list(list(elsewhere))})" if elsewhere else ""
    text += f"; passed over, as damaged or other files: {_list(list(map(str, passed_over)))}" if passed_over else ""
    return OK, f"{text}; no chapter needs them"


def check_packages():
    """Compare the installed versions with the lock; where only what others need differs, that is all right."""
    if not LOCK.is_file():
        return OK, "packages: not compared, since there is no requirements.lock outside a source checkout"
    if nothing_is_installed():
        return (
            PROBLEM,
            f"packages: none are installed in this Python: {rebuild()}, which builds an environment with all",
        )
    try:
        from packaging.requirements import Requirement  # matplotlib and pytest need it
    except ImportError:
        return PROBLEM, f"packages: packaging is missing: {put_back()}"
    direct, others = [], []
    for entry in re.split(r"\n(?=\w)", LOCK.read_text(encoding="utf-8"))[1:]:  # the first one is a comment
        requirement = Requirement(entry.split(" \\")[0])
        if requirement.marker and not requirement.marker.evaluate():
            continue
        locked = str(requirement.specifier)[len("==") :]
        found = version_of(requirement.name) or "missing"
        if found != locked:
            differing = direct if "d2lhelpers (pyproject.toml)" in entry else others
            differing.append(f"{requirement.name} {found} (locked: {locked})")
    if direct:
        return PROBLEM, f"packages: {_list(direct)}: {put_back()}"
    if others:
        return OK, f"packages: the direct requirements are as locked; of what they need differ: {_list(others)}"
    return OK, "packages: all are as locked"


def _list(words, most=5):
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def check_mxnet():
    """Import MXNet, by way of this package."""
    ended_well, text = run(IMPORT)
    if ended_well:
        return OK, f"MXNet {text} can be imported"
    advice = _mend(text)
    if "cannot open shared object" in text:
        libraries = "libgomp1" if platform.machine() == "aarch64" else "libgomp1 libquadmath0"
        advice = f"install that library; on Debian and Ubuntu: sudo apt-get install {libraries}"
    elif "SIGILL" in text:
        advice = "this processor lacks instructions that MXNet was built with; work on another machine"
    return PROBLEM, f"MXNet cannot be imported ({text}): {advice}"


def check_products():
    """Compare what MXNet's matrix routines compute on this processor with what is known to be right."""
    ended_well, text = run(PRODUCTS)
    if ended_well:
        return OK, "matrix products, solutions and factors are right on this processor"
    advice = "see there" if "OPENBLAS_CORETYPE" in text else _mend(text)
    return PROBLEM, f"matrix products cannot be trusted ({text}): {advice}"


def check_training():
    """Train a linear regression on made-up data, and compare what it finds with the truth."""
    ended_well, text = run(TRAIN)
    if ended_well:
        return OK, f"a training run works: {text}"
    return PROBLEM, f"a training run fails ({text}): {_mend(text)}"


def check_folders():
    """Look whether files can be made where Jupyter, IPython and matplotlib make theirs, and where progress is noted."""
    ended_well, text = run(FOLDERS)
    progress = os.environ.get("D2L_PROGRESS")
    try:
        noted = os.path.dirname(os.path.abspath(progress)) if progress else str(home())
    except FileNotFoundError as error:
        return PROBLEM, f"nowhere to keep Jupyter's files and your progress: {error}"
    if not ended_well:
        return PROBLEM, f"the folders of Jupyter, IPython and matplotlib cannot be told ({text}): {_mend(text)}"
    for owner, variable, folder in [*json.loads(text.splitlines()[-1]), ("d2lhelpers", "D2L_PROGRESS", noted)]:
        reason = _why_not_writable(folder)
        if reason:
            return PROBLEM, (
                f"{owner} cannot write to {folder} ({reason}): make it writable, or name another place in {variable}, "
                'or another home for all files of this kind, as in export HOME="$(mktemp -d)"'
            )
    return OK, "the folders of Jupyter, IPython and matplotlib can be written to"


def _mend(text):
    """Return what to do about an error that says this."""
    if "home directory" in text:
        return 'export HOME="$(mktemp -d)"'
    return put_back() if "No module named" in text else rebuild()


def _why_not_writable(folder):
    """Return why no file can be made in a folder, or in the nearest one above it that exists; None if one can."""
    while not os.path.lexists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def check_figures():
    """Draw a figure with matplotlib, in the way that the environment names."""
    backend = os.environ.get("MPLBACKEND", "")
    ended_well, text = run(FIGURE)
    if not ended_well:
        advice = "unset MPLBACKEND" if backend and _mend(text) == rebuild() else _mend(text)
        return PROBLEM, f"matplotlib cannot draw ({text}): {advice}"
    if shows_nothing(backend):
        return OK, (
            f"matplotlib draws; MPLBACKEND is {backend}, which shows no figures: the chapters show theirs all the "
            "same, and other notebooks after unset MPLBACKEND"
        )
    return OK, "matplotlib draws figures"


def check_kernel():
    """Start the kernel that the notebooks name, and ask it which Python it runs."""
    ended_well, text = run(KERNEL)
    if not ended_well:
        return PROBLEM, f"Jupyter's kernel python3 does not start ({text}): {_mend(text)}"
    if os.path.realpath(text) != os.path.realpath(sys.prefix):
        return PROBLEM, f"Jupyter's kernel python3 runs the Python in {text}: jupyter kernelspec remove python3"
    return OK, "Jupyter's kernel runs this Python"


def run(code):
    """Run lines of Python in a process of their own, as this one runs, and survive whatever happens to it.

    Returns
    -------
    ended_well : bool
        Whether it ended with exit status 0.
    text : str
        What it printed if so, else in a few words how it ended.

    Examples
    --------
    >>> run("print(6 * 7)"), run("import nothing")
    ((True, '42'), (False, "ModuleNotFoundError: No module named 'nothing'"))
    """
    options = ["-S"] * sys.flags.no_site + ["-E"] * sys.flags.ignore_environment
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + code  # of this copy of the package, no other
    command = [sys.executable, *options, "-c", code]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return False, f"it was not done after {SECONDS} seconds"
    if done.returncode == 0:
        return True, done.stdout.strip()
    if done.returncode < 0:
        return False, f"it crashed ({signal.Signals(-done.returncode).name})"
    errors = re.findall(r"^[\w.]*(?:Error|Exception)\b.*", done.stderr, re.MULTILINE)
    return False, errors[-1] if errors else f"it ended with exit status {done.returncode}"


def findings():
    """Yield what is found, one (status, text) after the other; first what, if it is wrong, all else depends on."""
    python = check_python()
    yield python
    yield check_platform()
    yield check_packages() if python[0] == OK else (UNKNOWN, "packages, since they need a supported Python")
    yield check_digits_file()
    yield check_fashion_mnist()
    if python[0] != OK or nothing_is_installed():
        yield UNKNOWN, "MXNet, training and Jupyter, since they are not there yet"
        return
    mxnet = check_mxnet()
    yield mxnet
    if mxnet[0] == OK:
        yield check_products()
        yield check_training()
    else:
        yield UNKNOWN, "matrix products and training, since MXNet cannot be imported"
    yield check_folders()
    yield check_figures()
    yield check_kernel()


def main():
    """Print the findings, and return 0 if all is well, else 1."""
    statuses = []
    for status, text in findings():
        print(f"{status:12} {text}", flush=True)
        statuses.append(status)
    problems = statuses.count(PROBLEM)
    if problems:
        print(f"\n{problems} to mend. Begin with the first, then look again: {LOOK_AGAIN}.")
    else:
        print("\nAll is well.")
    return int(problems > 0)

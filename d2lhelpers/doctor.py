"""Look at the machine, and say what works and what to do about what does not: ``python -m d2lhelpers``.

It speaks the language that D2L_LANGUAGE names, else that of the locale. What is quoted from an error is in English.

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
from itertools import chain

from .files import AUTO_MPG, DIGITS, FASHION_MNIST, WrongFile, check_auto_mpg, check_digits, find, home, places
from .kernel import shows_nothing
from .language import N_, _, joined, languages, set_language, width
from .language.locales import language_of_locale
from .remedies import LOCK, ROOT, environment, nothing_is_installed, put_back, rebuild, version_of

OK, PROBLEM, UNKNOWN = N_("ok"), N_("problem"), N_("not checked")
PYPROJECT = ROOT / "pyproject.toml"
MACHINES = (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "x86_64"))  # that MXNet 1.9.1 has wheels for
GLIBC = (2, 28)  # what the wheels of the lock need at least
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
print("{:.3g} {:.3g}".format(loss[0], loss[-1]))
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


def check_language(wanted):
    """Yield what is wrong with the language that D2L_LANGUAGE names, if anything is."""
    if not wanted or wanted in languages():
        return
    sentence = _(
        "D2L_LANGUAGE is {wanted}, and there is no such language: the notebooks would stop there. Type unset "
        "D2L_LANGUAGE, or let it be one of {names}"
    )
    yield PROBLEM, sentence.format(wanted=wanted, names=", ".join(languages()))


def check_python():
    """Compare the Python that runs this with those that the package is for."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    oldest, newest = _supported_minors()
    if platform.python_implementation() == "CPython" and (3, oldest) <= sys.version_info[:2] <= (3, newest):
        return OK, f"{found} ({sys.executable})"
    builds = environment() in ("make", "none")
    advice = _("install this in an environment with one of these")
    if builds:
        advice = _("{commands}, which brings one").format(commands=rebuild())
    sentence = _("{found} is not supported, but CPython 3.{oldest} to 3.{newest}: {advice}")
    return PROBLEM, sentence.format(found=found, oldest=oldest, newest=newest, advice=advice)


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
    name = "macOS" if system == "Darwin" else system
    found = _("{system} on {machine}").format(system=name, machine=machine)
    if system == "Windows":
        advice = _("run wsl --install, and work in the Ubuntu of WSL 2")
    elif (system, machine) == ("Darwin", "arm64"):
        found = _("macOS on Apple silicon")
        advice = _(
            "work in the container of the Dockerfile, or, with a Python for Intel, under Rosetta (arch -x86_64 zsh); "
            "neither has been tried there"
        )
    else:
        advice = _("work on Linux on x86_64 or aarch64, or on macOS on Intel")
    if (system, machine) not in MACHINES:
        sentence = _("{found} is not supported, since MXNet has no wheel for it: {advice}")
        return PROBLEM, sentence.format(found=found, advice=advice)
    if bits != 64:
        sentence = _("{found} is supported, but not a Python of {bits} bits: {advice}")
        return PROBLEM, sentence.format(found=found, bits=bits, advice=rebuild())
    if system == "Linux":
        libc, version = platform.libc_ver()
        found = _("{found}, {library} {version}").format(
            found=found, library=libc or _("an unknown C library"), version=version
        )
        if libc != "glibc" or tuple(map(int, version.split(".")[:2])) < GLIBC:
            needed = ".".join(map(str, GLIBC))
            sentence = _("{found}: the wheels need glibc {needed} or newer: work in a container of Debian or Ubuntu")
            return PROBLEM, sentence.format(found=found, needed=needed)
    if machine == "aarch64":
        found = _("{found}, which so far has been tried emulated only").format(found=found)
    return OK, _("{found}, processors: {number}").format(found=found, number=os.cpu_count())


def check_digits_file():
    """Compare the embedded digits with their hash."""
    return _look_at(
        check_digits, DIGITS, N_("the digits are there and whole"), N_("the digits cannot be read: {error}")
    )


def check_auto_mpg_file():
    """Compare the embedded table of cars with its hash."""
    return _look_at(
        check_auto_mpg, AUTO_MPG, N_("the cars are there and whole"), N_("the cars cannot be read: {error}")
    )


def _look_at(check, path, well, unwell):
    try:
        check(path)
    except (OSError, ValueError) as error:
        return PROBLEM, _(unwell).format(error=error)
    return OK, _(well)


def check_fashion_mnist():
    """Look for Fashion-MNIST where the loader would, and compare it with its hashes; it need not be there."""
    try:
        folders = places()
    except FileNotFoundError as error:
        return OK, _("Fashion-MNIST: no folder for it, since {error} No chapter needs it").format(error=error)
    found, passed_over = [], []
    for file in FASHION_MNIST:
        try:
            path, others = find(file, folders)
        except OSError as error:
            sentence = _("{file} cannot be read: {error}; make it readable")
            return PROBLEM, sentence.format(file=error.filename, error=error.strerror)
        except WrongFile as error:
            sentence = _("{file} is damaged: delete it; it is downloaded again when wanted")
            return PROBLEM, sentence.format(file=error.path)
        found += [path] if path else []
        passed_over += others
    parents = list({str(path.parent): None for path in found})
    sentence = _("Fashion-MNIST: {there} of {number} files are there; no chapter needs them")
    if parents not in ([], [str(folders[0])]):
        sentence = _("Fashion-MNIST: {there} of {number} files are there, in {folders}; no chapter needs them")
    text = sentence.format(there=len(found), number=len(FASHION_MNIST), folders=_list(parents) if parents else "")
    if passed_over:
        sentence = _("{finding} (passed over, since they are damaged or other files: {files})")
        text = sentence.format(finding=text, files=_list(list(map(str, passed_over))))
    return OK, text


def check_packages():
    """Compare the installed versions with the lock; where only what others need differs, that is all right."""
    if not LOCK.is_file():
        return OK, _("packages: not compared, since there is no requirements.lock outside a source checkout")
    if nothing_is_installed():
        sentence = _("packages: none are installed in this Python: {advice}, which builds an environment with all")
        return PROBLEM, sentence.format(advice=rebuild())
    try:
        from packaging.requirements import Requirement  # matplotlib and pytest need it
    except ImportError:
        return PROBLEM, _("packages: packaging is missing: {advice}").format(advice=put_back())
    direct, others = [], []
    for entry in re.split(r"\n(?=\w)", LOCK.read_text(encoding="utf-8"))[1:]:  # the first one is a comment
        requirement = Requirement(entry.split(" \\")[0])
        if requirement.marker and not requirement.marker.evaluate():
            continue
        locked = str(requirement.specifier)[len("==") :]
        found = version_of(requirement.name) or N_("missing")
        if found != locked:
            differing = direct if "d2lhelpers (pyproject.toml)" in entry else others
            differing.append(
                N_("{package} {version} (locked: {locked})", package=requirement.name, version=found, locked=locked)
            )
    if direct:
        return PROBLEM, _("packages: {differing}: {advice}").format(differing=_list(direct), advice=put_back())
    if others:
        sentence = _("packages: the direct requirements are as locked; of what they need differ: {differing}")
        return OK, sentence.format(differing=_list(others))
    return OK, _("packages: all are as locked")


def _list(words, most=5):
    listed = joined(N_("{first}, {second}"), words[:most])
    if len(words) > most:
        listed = N_("{first} and {number} more", first=listed, number=len(words) - most)
    return _(listed)


def check_mxnet():
    """Import MXNet, by way of this package."""
    ended_well, text = run(IMPORT)
    if ended_well:
        return OK, _("MXNet {version} can be imported").format(version=text)
    advice = _mend(text)
    if "cannot open shared object" in text:
        libraries = "libgomp1" if platform.machine() == "aarch64" else "libgomp1 libquadmath0"
        sentence = _("install that library; on Debian and Ubuntu: sudo apt-get install {libraries}")
        advice = sentence.format(libraries=libraries)
    elif "SIGILL" in text:
        advice = _("this processor lacks instructions that MXNet was built with; work on another machine")
    return PROBLEM, _("MXNet cannot be imported ({error}): {advice}").format(error=text, advice=advice)


def check_products():
    """Compare what MXNet's matrix routines compute on this processor with what is known to be right."""
    ended_well, text = run(PRODUCTS)
    if ended_well:
        return OK, _("matrix products, solutions and factors are right on this processor")
    advice = _("see there") if "OPENBLAS_CORETYPE" in text else _mend(text)
    return PROBLEM, _("matrix products cannot be trusted ({error}): {advice}").format(error=text, advice=advice)


def check_training():
    """Train a linear regression on made-up data, and compare what it finds with the truth."""
    ended_well, text = run(TRAIN)
    if ended_well:
        first, last = text.split()[-2:]
        return OK, _("a training run works: the loss fell from {first} to {last}").format(first=first, last=last)
    return PROBLEM, _("a training run fails ({error}): {advice}").format(error=text, advice=_mend(text))


def check_folders():
    """Look whether files can be made where Jupyter, IPython and matplotlib make theirs, and where progress is noted."""
    ended_well, text = run(FOLDERS)
    progress = os.environ.get("D2L_PROGRESS")
    try:
        noted = os.path.dirname(os.path.abspath(progress)) if progress else str(home())
    except FileNotFoundError as error:
        return PROBLEM, _("nowhere to keep Jupyter's files and your progress: {error}").format(error=error)
    if not ended_well:
        sentence = _("the folders of Jupyter, IPython and matplotlib cannot be told ({error}): {advice}")
        return PROBLEM, sentence.format(error=text, advice=_mend(text))
    for owner, variable, folder in [*json.loads(text.splitlines()[-1]), ("d2lhelpers", "D2L_PROGRESS", noted)]:
        reason = _why_not_writable(folder)
        if reason:
            sentence = _(
                "{owner} cannot write to {folder} ({reason}): make it writable, or name another place in {variable}, "
                'or another home for all files of this kind, as in export HOME="$(mktemp -d)"'
            )
            return PROBLEM, sentence.format(owner=owner, folder=folder, reason=reason, variable=variable)
    return OK, _("the folders of Jupyter, IPython and matplotlib can be written to")


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
        return PROBLEM, _("matplotlib cannot draw ({error}): {advice}").format(error=text, advice=advice)
    if shows_nothing(backend):
        sentence = _(
            "matplotlib draws; MPLBACKEND is {backend}, which shows no figures: the chapters show theirs all the same, "
            "and other notebooks after unset MPLBACKEND"
        )
        return OK, sentence.format(backend=backend)
    return OK, _("matplotlib draws figures")


def check_kernel():
    """Start the kernel that the notebooks name, and ask it which Python it runs."""
    ended_well, text = run(KERNEL)
    if not ended_well:
        sentence = _("Jupyter's kernel python3 does not start ({error}): {advice}")
        return PROBLEM, sentence.format(error=text, advice=_mend(text))
    if os.path.realpath(text) != os.path.realpath(sys.prefix):
        sentence = _("Jupyter's kernel python3 runs the Python in {folder}: jupyter kernelspec remove python3")
        return PROBLEM, sentence.format(folder=text)
    return OK, _("Jupyter's kernel runs this Python")


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
        return False, _("it was not done after {seconds} seconds").format(seconds=SECONDS)
    if done.returncode == 0:
        return True, done.stdout.strip()
    if done.returncode < 0:
        return False, _("it crashed ({signal})").format(signal=signal.Signals(-done.returncode).name)
    errors = re.findall(r"^[\w.]*(?:Error|Exception)\b.*", done.stderr, re.MULTILINE)
    return False, errors[-1] if errors else _("it ended with exit status {status}").format(status=done.returncode)


def findings():
    """Yield what is found, one (status, text) after the other; first what, if it is wrong, all else depends on."""
    python = check_python()
    yield python
    yield check_platform()
    yield check_packages() if python[0] == OK else (UNKNOWN, _("packages, since they need a supported Python"))
    yield check_digits_file()
    yield check_auto_mpg_file()
    yield check_fashion_mnist()
    if python[0] != OK or nothing_is_installed():
        yield UNKNOWN, _("MXNet, training and Jupyter, since they are not there yet")
        return
    mxnet = check_mxnet()
    yield mxnet
    if mxnet[0] == OK:
        yield check_products()
        yield check_training()
    else:
        yield UNKNOWN, _("matrix products and training, since MXNet cannot be imported")
    yield check_folders()
    yield check_figures()
    yield check_kernel()


def main(wanted=None):
    """Print the findings, and return 0 if all is well, else 1.

    Parameters
    ----------
    wanted : str or None
        The language that is asked for; None for that of the locale. It is English if this is not known.
    """
    language = wanted or language_of_locale(os.environ)
    set_language(language if language in languages() else "en")
    statuses = [OK, PROBLEM, UNKNOWN]
    words = "".join(map(_, statuses))
    if _as_shown(words) != words:
        set_language("en")
    column = max(12, *(width(_(status)) for status in statuses))
    found = []
    for status, text in chain(check_language(wanted), findings()):
        print(_(status) + " " * (column - width(_(status))), _as_shown(text), flush=True)
        found.append(status)
    problems = found.count(PROBLEM)
    if problems:
        sentence = _("{problems} to mend. Begin with the first, then look again: make doctor, or python -m d2lhelpers.")
        print("\n" + sentence.format(problems=problems))
    else:
        print("\n" + _("All is well."))
    return int(problems > 0)


def _as_shown(text):
    """Return a text as the output can show it, with a code for each letter that its encoding does not have."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)

"""What mends an environment, said to whoever has one: it depends on what has built it.

As in `doctor`, only the standard library is imported, and the syntax is that of Python 3.6.
"""

import shlex
import sys
from pathlib import Path

from .language import N_, _, joined

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
LOWEST = ".venv-lowest"  # make's environment whose NumPy is older than the lock's, on purpose


def environment():
    """Return what has installed this package into the Python that runs this.

    Returns
    -------
    str
        "make": an environment in the folder of the repository; "pip": one of the user's, by pip, conda or uv; "none": a
        Python that nothing was prepared in; "elsewhere": outside of the repository, as from a wheel.

    Examples
    --------
    >>> environment() in ("make", "pip", "none", "elsewhere")
    True
    """
    if not LOCK.is_file():
        return "elsewhere"
    prefix = Path(sys.prefix)
    if prefix.parent.resolve() == ROOT and (prefix / ".ready").is_file():
        return "make"
    return "pip" if version_of("d2lhelpers") else "none"


def version_of(name):
    """Return the version of an installed package, or None if there is none.

    Examples
    --------
    >>> version_of("no-such-package") is None
    True
    """
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:
        return None  # a Python that is too old for all packages

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def nothing_is_installed():
    """Return whether this is a Python in which nothing was prepared, as that of the system beside a new clone.

    Examples
    --------
    >>> nothing_is_installed()
    False
    """
    return environment() == "none" and version_of("mxnet") is None


def put_back():
    """Return the advice that puts packages back which are missing or differ, and keeps all else.

    Examples
    --------
    >>> put_back() != ""
    True
    """
    kind, name = environment(), Path(sys.prefix).name
    if kind == "make" and name != LOWEST:
        return _here("make mend" if name == ".venv" else f"make mend VENV={name}")
    return _here(_pip_install()) if kind == "pip" else rebuild()


def rebuild():
    """Return the advice that makes the environment anew, and touches no other.

    Examples
    --------
    >>> rebuild() != ""
    True
    """
    kind, name = environment(), Path(sys.prefix).name
    if kind == "make":
        build = {".venv": "make lab", LOWEST: "make test-lowest"}
        return _here(f"rm -r {name}", build.get(name, f"make lab PYTHON={name[len('.venv-') :]}"))
    if kind == "none":
        # The Python of a built environment is a link, which may lead nowhere after an update of the system.
        is_broken = (ROOT / ".venv" / ".ready").is_file() and not (ROOT / ".venv" / "bin" / "python").exists()
        return _here(*["rm -r .venv"] * is_broken, "make lab")
    if kind == "pip":
        return _("install it anew, in an environment of its own (book/install.md says how)")
    return _("install it anew, in an environment of its own")


def _pip_install():
    from importlib.util import find_spec

    python = shlex.quote(sys.executable)
    pip = f"{python} -m pip install" if find_spec("pip") else f"uv pip install --python {python}"
    # From CPython 3.13 on, only the lock names packages that MXNet's metadata would not allow beside each other.
    return f"{pip} -r requirements.txt" if sys.version_info < (3, 13) else f"{pip} --no-deps -r requirements.lock"


def _here(*commands):
    """Return the advice to run commands in the folder of the repository."""
    listed = joined(N_("{first}, then {second}"), commands)
    if Path.cwd() == ROOT:
        return _("run {commands}").format(commands=_(listed))
    return _("in {folder}, run {commands}").format(folder=ROOT, commands=_(listed))

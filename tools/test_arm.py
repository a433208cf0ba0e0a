"""Build the environment in an emulated Debian for ARM, as `make` does there, and run tests in it.

Without arguments: the check of MXNet's wheel against what d2lhelpers/arm.py provides, the doctor, the doctests, the
tests of what differs on ARM, and two notebooks. With ``--all``: all tests, and every cell of every notebook. The Debian
is in build/arm; it is made once.
"""

import argparse
import ctypes
import re
import sys
import time
from pathlib import Path

import debian
from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))
from d2lhelpers import arm  # noqa: E402

SUITE = "bookworm"  # whose Python is the one of make
PACKAGES = ["ca-certificates", "libgomp1", "make", "python3", "python3-venv"]
# One processor for the tests, and others for the matrix products alone, for OpenBLAS has routines for each of them.
PROCESSOR, OTHERS = "cortex-a76", ("cortex-a53", "cortex-a72", "neoverse-n1", "a64fx")
# An imaginary one with vectors of 2,048 bits: OpenBLAS 0.3.29 errs there, in a product of a matrix with its transpose.
WRONG, ADVICE = "max", "OPENBLAS_CORETYPE=ARMV8"
PRODUCTS = "from d2lhelpers import blas; blas.check(thorough=True)"
CHOSEN = [
    "d2lhelpers_startup.py",
    "d2lhelpers",
    *(f"tests/test_{name}.py" for name in ("arm", "blas", "compat", "startup")),
    *(f"tests/test_{name}.py" for name in ("fast", "fusion", "what_learners_do")),  # they call MXNet's C interface
    "notebooks/02_linear_regression_gluon.ipynb",
    "notebooks/03_softmax_regression.ipynb",
]
ROUTINE = re.compile(r"cblas_\w+|LAPACKE_\w+|[a-z]\w*_")  # BLAS and LAPACK for C, and LAPACK for Fortran


def wanted(library):
    """Return the shared objects that a library needs, and the names of C that it wants from any of them.

    Parameters
    ----------
    library : Path
        An ELF file.

    Returns
    -------
    needed, names : set of str
        Without names that the system's libraries mark with a version, and those that begin with an underscore.
    """
    with library.open("rb") as file:
        elf = ELFFile(file)
        needed = {tag.needed for tag in elf.get_section_by_name(".dynamic").iter_tags("DT_NEEDED")}
        versions = elf.get_section_by_name(".gnu.version")
        names = {
            symbol.name
            for number, symbol in enumerate(elf.get_section_by_name(".dynsym").iter_symbols())
            if symbol["st_shndx"] == "SHN_UNDEF" and str(versions.get_symbol(number)["ndx"]).startswith("VER_NDX")
        }
    return needed, {name for name in names if name and not name.startswith("_")}


def check_wheel(library):
    """Compare what MXNet's library wants with what arm.py, and every system's C library, provide."""
    needed, names = wanted(library)
    routines = {name for name in names if ROUTINE.fullmatch(name)}
    mathematics = ctypes.CDLL("libm.so.6")  # which finds the names of libc, too
    others = {name for name in names - routines if not hasattr(mathematics, name)}
    if not needed.issuperset(arm.NEEDED) or routines != {*arm.ROUTINES} or others:
        return f"arm.py does not fit {library.name}: it needs {needed}, {routines ^ {*arm.ROUTINES}}, {others}"
    print(f"{library.name} wants {len(routines)} routines, those of arm.py, and {len(names - routines)} of the system")
    return None


def main():
    """Run the tests, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--all", action="store_true", help="all tests and notebooks, in an hour instead of minutes")
    everything = parser.parse_args().all
    print("An emulated ARM: about 20 minutes, and 5 more the first time.", flush=True)
    try:
        machine = debian.Debian(ROOT / "build" / "arm", SUITE, "arm64", PACKAGES)
    except debian.Unavailable as error:
        print(f"make: nothing was tested: {error}", file=sys.stderr)
        return 1
    machine.copy("d2l")

    def run(name, command, processor=PROCESSOR, expected=0):
        start = time.monotonic()
        print(f"\n== {name}", flush=True)
        done = machine.run("sh", "-c", f"cd /d2l && {command}", environment={"QEMU_CPU": processor})
        print(f"== {name}: exit status {done.returncode} after {time.monotonic() - start:.0f} s", flush=True)
        return int(done.returncode != expected)

    python = ".venv/bin/python"
    if status := run("make", "make --silent .venv/.ready"):
        return status
    (library,) = (machine.folder / "d2l" / ".venv").glob("lib/python3.*/site-packages/mxnet/libmxnet.so")
    if mistake := check_wheel(library):
        print(f"make: {mistake}", file=sys.stderr)
        return 1
    statuses = [run(f"products on {each}", f'{python} -c "{PRODUCTS}"', each) for each in (PROCESSOR, *OTHERS)]
    statuses.append(run(f"{WRONG} is told", f'{python} -c "import mxnet"', WRONG, expected=1))
    statuses.append(run(f"{WRONG} as it is told", f'{ADVICE} {python} -c "import mxnet; {PRODUCTS}"', WRONG))
    statuses.append(run("make doctor", "make --silent doctor"))
    statuses.append(run("pytest", f"{python} -m pytest -p no:cacheprovider {'' if everything else ' '.join(CHOSEN)}"))
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())

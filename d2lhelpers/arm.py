"""Give MXNet's wheel for Linux on ARM (aarch64) a free BLAS in place of Arm Performance Libraries.

`compat` calls `provide` before it imports MXNet, on such machines only.

**What is missing.** MXNet multiplies matrices with a library of BLAS and LAPACK routines. Its wheel for ARM was linked
against Arm Performance Libraries, which may not be brought along: the file ``libmxnet.so`` names three shared objects
(`NEEDED`) that the system has to find when it loads it, and that no machine has by itself.

**What is there.** The package scipy-openblas32 has OpenBLAS, which holds the same routines, under names with the prefix
``scipy_``.

**How they meet.** When a program asks for a shared object by a name under which one has been loaded already, Linux
takes that one. So we load three others under the names in question first. Two are empty: what MXNet wants of them is in
the system's mathematical library. The third holds no code either, but a table: each routine's name (`ROUTINES`), and
the address at which OpenBLAS, loaded just before, has that routine in memory. As MXNet's calls go by name, they end
there.

**What such a file looks like.** A shared object is an ELF file. The loader needs very little of one, and reads it in
this order: the *header* (64 bytes: what kind of file, for which processor), the *program headers* (what to bring into
memory, and where the rest is), and the *dynamic section*, a list of pairs that say where the table of symbols, the
strings with their names, and the hash table for looking them up begin. `shared_object` writes just that. Each symbol
is marked as absolute (``SHN_ABS``): its value is an address as it stands, not one within the file. The loader of glibc
2.28 was the first to respect this.

The format is described in the *System V Application Binary Interface*, chapters 4 and 5, and in ``man 5 elf``.
"""

import ctypes
import importlib.util
import platform
import struct
import tempfile
from pathlib import Path

NEEDED = ("libarmpl_lp64_mp.so", "libamath.so", "libastring.so")
PACKAGE = "scipy_openblas32"
GLIBC = (2, 28)

# What libmxnet.so 1.9.1 takes from the first: BLAS for C, and LAPACK for C and for Fortran, these for
# floats (s) and doubles (d).
_CBLAS = ("cgemm", "ddot", "dgemm", "dger", "dsyrk", "dtrmm", "dtrsm", "saxpy", "sdot", "sgemm", "sger", "ssyrk")
_CBLAS += ("strmm", "strsm", "zgemm")
_LAPACKE = ("geev", "gelqf", "gesdd", "gesv", "gesvd", "getrf", "getri", "orglq", "potrf", "potri", "syevd")
_LAPACK = ("gels", "geqrf", "gesdd", "gesv", "getrf", "posv", "potrf")
ROUTINES = (
    *(f"cblas_{name}" for name in _CBLAS),
    *(f"LAPACKE_{kind}{name}" for name in _LAPACKE for kind in "sd"),
    *(f"{kind}{name}_" for name in _LAPACK for kind in "sd"),
)

MACHINES = {"aarch64": 183, "x86_64": 62}  # the processors' numbers in an ELF file; the second is for tests
PAGE = 0x10000  # bytes of memory that a processor of either kind brings in at once, at most


def shared_object(name, symbols, machine="aarch64"):
    r"""Return the bytes of a shared object that holds no code, but names for addresses.

    Parameters
    ----------
    name : str
        The name under which it is to be known once it is loaded (its SONAME).
    symbols : dict of str to int
        Addresses in this process, by the names under which they are to be found; may be empty.
    machine : str
        The processor, a key of `MACHINES`.

    Returns
    -------
    bytes
        An ELF file of 64 bits, some hundreds of bytes, and about 40 bytes more for each symbol.

    Examples
    --------
    >>> content = shared_object("libanswer.so", {"answer": 0x2A})
    >>> content[:4], b"libanswer.so" in content
    (b'\x7fELF', True)
    """
    strings = b"\0" + name.encode() + b"\0"
    table = bytes(24)  # the first symbol is always an empty one
    for symbol, address in symbols.items():
        # place of its name, global and a function (0x12), visible to all (0), absolute (0xFFF1), address, size
        table += struct.pack("<IBBHQQ", len(strings), 0x12, 0, 0xFFF1, address, 0)
        strings += symbol.encode() + b"\0"
    # The hash table has one bucket: where the chain through all symbols begins. A 0 ends it.
    count = len(symbols) + 1
    chain = [0, *range(2, count), 0][:count]
    hashes = struct.pack(f"<{3 + count}I", 1, count, min(1, count - 1), *chain)
    hashes += bytes(-len(hashes) % 8)
    strings += bytes(-len(strings) % 8)

    at_table = 64 + 3 * 56  # behind the header and three program headers
    at_hashes = at_table + len(table)
    at_strings = at_hashes + len(hashes)
    at_dynamic = at_strings + len(strings)
    pairs = (
        (14, 1),  # DT_SONAME: its own name is the string at place 1
        (4, at_hashes),  # DT_HASH
        (6, at_table),  # DT_SYMTAB
        (11, 24),  # DT_SYMENT: bytes of a symbol
        (5, at_strings),  # DT_STRTAB
        (10, len(strings)),  # DT_STRSZ
        (0, 0),  # DT_NULL: the end
    )
    dynamic = b"".join(struct.pack("<QQ", *pair) for pair in pairs)
    size = at_dynamic + len(dynamic)

    # 64 bits, little-endian; a shared object (3); no entry; program headers at 64, three of 56 bytes; no sections
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, MACHINES[machine], 1, 0, 64, 0, 0, 64, 56, 3, 64, 0, 0
    )
    # kind, flags (4 to read, 2 to write), place in the file, address twice, size in the file and in memory, alignment
    load = struct.pack("<IIQQQQQQ", 1, 6, 0, 0, 0, size, size, PAGE)
    where = struct.pack("<IIQQQQQQ", 2, 6, at_dynamic, at_dynamic, at_dynamic, len(dynamic), len(dynamic), 8)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)  # one that holds no code
    return header + load + where + stack + table + hashes + strings + dynamic


def provide(mxnet_folder):
    """Load what libmxnet.so needs, unless the machine has it.

    Parameters
    ----------
    mxnet_folder : str
        Where the package mxnet is; libraries that lie there, or where the system looks, are taken first.

    Raises
    ------
    ImportError
        If it cannot be had; the message says what to do.
    """
    missing = [name for name in NEEDED if not _is_there(name, mxnet_folder)]
    if not missing:
        return
    libc, version = platform.libc_ver()
    if libc != "glibc" or tuple(map(int, version.split(".")[:2])) < GLIBC:
        raise ImportError(
            f"MXNet on ARM needs glibc {GLIBC[0]}.{GLIBC[1]} or newer, but here is {libc or 'another C library'} "
            f"{version}. Work in a newer system, or in the container of the Dockerfile."
        )
    addresses = _addresses() if NEEDED[0] in missing else {}
    for name in missing:
        _load(name, shared_object(name, addresses if name == NEEDED[0] else {}))


def _is_there(name, mxnet_folder):
    for place in (name, str(Path(mxnet_folder, name))):
        try:
            ctypes.CDLL(place)
        except OSError:
            continue
        return True
    return False


def _addresses():
    """Return where OpenBLAS, once loaded, has each of `ROUTINES`."""
    install = f"pip install {PACKAGE.replace('_', '-')}==0.3.29.0.0"
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise ImportError(f"MXNet on ARM needs a BLAS, and there is none: {install}")
    library = Path(spec.origin).parent / "lib" / "libscipy_openblas.so"
    try:
        openblas = ctypes.CDLL(str(library))
    except OSError as error:
        raise ImportError(
            f"The BLAS for MXNet on ARM cannot be loaded ({error}). Install it anew: {install}"
        ) from error
    addresses = {}
    for name in ROUTINES:
        try:
            addresses[name] = ctypes.cast(openblas[f"scipy_{name}"], ctypes.c_void_p).value
        except AttributeError:
            raise ImportError(
                f"The BLAS for MXNet on ARM, {library}, lacks {name}. Install another: {install}"
            ) from None
    return addresses


def _load(name, content):
    """Load a shared object from its bytes; it stays loaded when its file is gone."""
    other = "Set the environment variable TMPDIR to a folder that"
    try:
        folder = tempfile.TemporaryDirectory(prefix="d2lhelpers-")
    except OSError as error:
        raise ImportError(f"MXNet on ARM needs a temporary file: {error}. {other} can be written.") from error
    with folder:
        path = Path(folder.name, name)
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ImportError(f"MXNet on ARM needs a temporary file: {error}. {other} has room for it.") from error
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            raise ImportError(
                f"MXNet on ARM needs to load a file from {tempfile.gettempdir()}, which fails: {error}. {other} is not "
                "mounted with noexec."
            ) from error

"""What MXNet needs on ARM, as far as this machine can show it: `make test-arm` shows the rest in an emulated one."""

import ctypes
import importlib.util
import io
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import types
from pathlib import Path

from d2lhelpers import arm

import pytest
from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parent.parent
linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in arm.MACHINES, reason="ELF files are Linux's"
)


@pytest.mark.parametrize(("machine", "name"), [("aarch64", "AArch64"), ("x86_64", "x64")])
@pytest.mark.parametrize("symbols", [{}, {"one": 1}, {f"name_{i}": 0x7F00_0000_0000 + 16 * i for i in range(51)}])
def test_the_bytes_are_a_valid_elf_file(machine, name, symbols):
    content = arm.shared_object("libsome.so", symbols, machine)
    elf = ELFFile(io.BytesIO(content))
    assert (elf.get_machine_arch(), elf.elfclass, elf.little_endian, elf["e_type"]) == (name, 64, True, "ET_DYN")
    load, dynamic, stack = elf.iter_segments()
    assert load["p_type"] == "PT_LOAD"
    assert load["p_filesz"] == load["p_memsz"] == len(content)
    assert not load["p_flags"] & 1  # it cannot be executed
    assert not stack["p_flags"] & 1
    assert [stack[f"p_{what}"] for what in ("offset", "vaddr", "paddr", "filesz", "memsz")] == [0] * 5  # it is no part
    (soname,) = [tag.soname for tag in dynamic.iter_tags("DT_SONAME")]
    assert soname == "libsome.so"
    found = {s.name: (s["st_value"], s["st_shndx"], s["st_info"]["bind"]) for s in dynamic.iter_symbols() if s.name}
    assert found == {key: (value, "SHN_ABS", "STB_GLOBAL") for key, value in symbols.items()}
    assert dynamic.num_symbols() == len(symbols) + 1
    (hashes,) = [tag["d_val"] for tag in dynamic.iter_tags("DT_HASH")]
    _, count, bucket, *chain = struct.unpack_from(f"<{4 + len(symbols)}I", content, hashes)
    visited = []
    while bucket:  # as the dynamic loader does, which reads whatever a wrong number leads to
        visited.append(bucket)
        bucket = chain[bucket]
    assert sorted(visited) == list(range(1, count))


@pytest.mark.skipif(shutil.which("readelf") is None, reason="there is no readelf")
def test_readelf_finds_nothing_wrong(tmp_path):
    (tmp_path / "a.so").write_bytes(arm.shared_object("a.so", {"one": 1, "two": 2}))
    done = subprocess.run(["readelf", "--all", tmp_path / "a.so"], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@linux
def test_the_loader_finds_a_name_at_its_address(tmp_path):
    """A file for this machine's processor, and a routine of the C library under another name."""
    c = ctypes.CDLL(None)
    address = ctypes.cast(c.abs, ctypes.c_void_p).value
    symbols = {"absolute_value": address, **{f"other_{i}": i for i in range(1, 60)}}
    (tmp_path / "file").write_bytes(arm.shared_object("libd2l_test.so", symbols, platform.machine()))
    library = ctypes.CDLL(str(tmp_path / "file"))
    assert library.absolute_value(-7) == 7
    assert ctypes.cast(library.other_59, ctypes.c_void_p).value == 59
    (tmp_path / "file").unlink()
    assert ctypes.CDLL("libd2l_test.so").absolute_value(-7) == 7  # under its own name, now that it is loaded


def test_each_routine_is_named_once():
    assert len(set(arm.ROUTINES)) == len(arm.ROUTINES) == 51


def test_the_version_is_that_of_the_lock():
    (version,) = re.findall(
        r"^scipy-openblas32==(\S+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    source = (ROOT / "d2lhelpers" / "arm.py").read_text(encoding="utf-8")
    assert set(re.findall(r"==([\d.]+)\"", source)) == {version}


# provide, with pretences where only ARM is the real thing


@pytest.fixture
def loaded(monkeypatch):
    """Collect what is loaded instead of loading it: name by name, the symbols of each file."""
    files = {}

    def load(place):
        if os.path.exists(place) and Path(place).suffix == ".so":
            elf = ELFFile(io.BytesIO(Path(place).read_bytes()))
            dynamic = elf.get_segment(1)
            files[Path(place).name] = {s.name: s["st_value"] for s in dynamic.iter_symbols() if s.name}
            return
        raise OSError(f"{place}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.28"))
    return files


def routines(monkeypatch):
    monkeypatch.setattr(arm, "_addresses", lambda: {name: 16 * i for i, name in enumerate(arm.ROUTINES)})


def test_three_files_are_loaded(monkeypatch, loaded, tmp_path):
    routines(monkeypatch)
    arm.provide(str(tmp_path))
    assert {name: len(symbols) for name, symbols in loaded.items()} == dict(zip(arm.NEEDED, (51, 0, 0), strict=True))
    assert loaded[arm.NEEDED[0]]["cblas_sgemm"] == 16 * arm.ROUTINES.index("cblas_sgemm")


def test_libraries_that_are_there_are_used(monkeypatch, tmp_path):
    """Those of the system, and those in MXNet's own folder."""
    asked = []
    monkeypatch.setattr(ctypes, "CDLL", asked.append)
    arm.provide(str(tmp_path))
    assert asked == list(arm.NEEDED)

    def in_the_folder_only(place):
        if not place.startswith(str(tmp_path)):
            raise OSError

    monkeypatch.setattr(ctypes, "CDLL", in_the_folder_only)
    monkeypatch.setattr(arm, "_load", None)  # it would be an error to call it
    arm.provide(str(tmp_path))


@pytest.mark.parametrize("libc", [("glibc", "2.27"), ("", ""), ("musl", "1.2")])
def test_an_old_c_library(monkeypatch, loaded, tmp_path, libc):
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    with pytest.raises(ImportError, match=r"glibc 2\.28 or newer, .*Work in a newer system, or in the container"):
        arm.provide(str(tmp_path))


def test_a_blas_that_is_missing(monkeypatch, loaded, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"there is none: pip install scipy-openblas32==0\.3\.29\.0\.0"):
        arm.provide(str(tmp_path))


@pytest.fixture
def openblas(monkeypatch, loaded, tmp_path):
    """Pretend that the package is installed, and return what sets what loading its library gives."""
    spec = types.SimpleNamespace(origin=str(tmp_path / "scipy_openblas32" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    load = ctypes.CDLL

    def give(library):
        monkeypatch.setattr(ctypes, "CDLL", lambda place: library() if "scipy_openblas.so" in place else load(place))

    return give


def test_a_blas_that_cannot_be_loaded(openblas, tmp_path):
    def library():
        raise OSError("invalid ELF header")

    openblas(library)
    with pytest.raises(ImportError, match=r"cannot be loaded \(invalid ELF header\)\. Install it anew: pip install"):
        arm.provide(str(tmp_path))


class Library:
    def __init__(self, without=()):
        self.without = without

    def __getitem__(self, name):
        if name in self.without:
            raise AttributeError(name)
        return ctypes.CFUNCTYPE(None)(16 + arm.ROUTINES.index(name.removeprefix("scipy_")))


def test_each_routine_is_looked_up_under_its_prefix(openblas, loaded, tmp_path):
    openblas(Library)
    arm.provide(str(tmp_path))
    assert loaded[arm.NEEDED[0]] == {name: 16 + i for i, name in enumerate(arm.ROUTINES)}


def test_a_blas_that_lacks_a_routine(openblas, tmp_path):
    openblas(lambda: Library({"scipy_cblas_dgemm"}))
    with pytest.raises(ImportError, match=r"lacks cblas_dgemm\. Install another: pip install"):
        arm.provide(str(tmp_path))


def test_no_temporary_folder(monkeypatch, loaded, tmp_path):
    routines(monkeypatch)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ImportError, match=r"Set the environment variable TMPDIR to a folder that can be written"):
        arm.provide(str(tmp_path))


def test_a_full_temporary_folder(monkeypatch, loaded, tmp_path):
    routines(monkeypatch)

    def refuse(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ImportError, match=r"No space left on device\. Set .* TMPDIR to a folder that has room"):
        arm.provide(str(tmp_path))


def test_a_temporary_folder_without_execution(monkeypatch, loaded, tmp_path):
    routines(monkeypatch)

    def refuse(place):
        raise OSError(f"{place}: failed to map segment from shared object")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(ImportError, match=r"failed to map segment.* a folder that is not mounted with noexec"):
        arm.provide(str(tmp_path))

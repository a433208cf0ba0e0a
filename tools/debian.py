"""A small Debian in a folder, for tests that need a processor or a Python which this machine does not have.

It needs Linux, a superuser, Debian's debootstrap and, for a foreign processor, its qemu-user-static. What is mounted
for a command is seen by that command alone, and gone when it ends.
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINFMT = Path("/proc/sys/fs/binfmt_misc")
LAGGING = "--option Acquire::Check-Valid-Until=false"  # a mirror that is some weeks behind is good enough for tests
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
NETWORK = (Path("/etc/resolv.conf"), CERTIFICATES)
# How the kernel recognises a program for ARM, and what it starts for it; F: opened now, so that a chroot finds it, too.
REGISTER = (
    r":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:{}:OCF"
)
ENTER = """
mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && mount --rbind /dev "$0/dev" &&
exec chroot "$0" "$@"
"""


class Unavailable(Exception):
    """Something is lacking here; the message says what, and what to do."""


def missing(architecture):
    """Return what this machine lacks for a Debian of an architecture, in words, or an empty list."""
    if platform.system() != "Linux":
        return ["Linux"]
    lacks = [] if os.geteuid() == 0 else ["a superuser (run it with sudo)"]
    programs = ["debootstrap"]
    if _is_foreign(architecture):
        programs.append("qemu-aarch64-static")
    absent = [program for program in programs if not shutil.which(program, path=_path())]
    if absent:
        packages = " ".join("debootstrap" if program == "debootstrap" else "qemu-user-static" for program in absent)
        lacks.append(f"{' and '.join(absent)} (on Debian and Ubuntu: apt-get install {packages})")
    return lacks


def _path():
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _is_foreign(architecture):
    return architecture != {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())


class Debian:
    """A Debian in a folder, made when it is first wanted.

    Parameters
    ----------
    folder : Path
        Where it is, or comes to be.
    suite, architecture : str
        In Debian's words: bookworm or sid, amd64 or arm64.
    packages : list of str
        What it has besides the smallest system.

    Raises
    ------
    Unavailable
        If this machine lacks something that is needed.
    """

    def __init__(self, folder, suite, architecture, packages):
        if lacks := missing(architecture):
            raise Unavailable(f"a Debian for {architecture} in {folder.name} needs {', and '.join(lacks)}")
        if _is_foreign(architecture):
            self._emulate()
        self.folder = folder
        done = folder / "etc" / "made-by-d2l"
        wanted = f"{suite} {architecture} {' '.join(packages)}\n"
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", f"--arch={architecture}"]
            made = subprocess.run(
                [*command, suite, folder],
                env={**os.environ, "PATH": _path()},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            if made.returncode:
                raise Unavailable(f"debootstrap could not make a Debian {suite}:\n{made.stdout[-2000:]}")
            done.write_text(wanted)

    def _emulate(self):
        """Have the kernel start QEMU for programs of ARM, as Debian's package does where systemd runs."""
        if not (BINFMT / "register").exists():
            subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=False)
        if not (BINFMT / "qemu-aarch64").exists():
            try:
                (BINFMT / "register").write_text(REGISTER.format(shutil.which("qemu-aarch64-static")))
            except OSError as error:
                raise Unavailable(f"the kernel starts no programs for ARM, and cannot be told to: {error}") from error

    def install(self, *packages):
        """Install packages of Debian, unless that is done already."""
        if self.run("dpkg", "--status", *packages, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            script = f"""
                apt-get {LAGGING} update &&
                DEBIAN_FRONTEND=noninteractive apt-get {LAGGING} install --yes --no-install-recommends "$@"
            """
            done = self.run("sh", "-c", script, "sh", *packages, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                raise Unavailable(f"Debian could not install {' '.join(packages)}:\n{done.stdout[-2000:]}")

    def copy(self, target):
        """Copy the repository into a folder of this Debian, as git has it, with what is not committed yet.

        What an earlier copy has left there goes, but for environments and what was built.
        """
        for path in (self.folder / target).glob("*"):
            if not path.is_dir():
                path.unlink()
            elif not path.name.startswith((".venv", ".uv", "build")):
                shutil.rmtree(path)
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        for name in filter(None, names):
            path = self.folder / target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, path)

    def run(self, *command, environment=(), **options):
        """Run a command inside, with few variables besides those of `environment`; return what subprocess.run does."""
        for path in NETWORK:  # as this machine has them now
            if path.exists():
                (self.folder / path.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.folder / path.relative_to("/"))
        inside = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/tmp", "LANG": "C.UTF-8"}
        inside |= {"PIP_CERT": str(CERTIFICATES), "SSL_CERT_FILE": str(CERTIFICATES), **dict(environment)}
        variables = [f"{name}={value}" for name, value in inside.items()]
        enter = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", ENTER, self.folder, "env", "-i", *variables]
        return subprocess.run([*enter, *command], env={**os.environ, "PATH": _path()}, check=False, **options)

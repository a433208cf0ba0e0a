"""Pack the project into d2l-chapter3.zip, which readers of the book download.

In a clone of the repository, the archive holds the last commit. Elsewhere, in a folder that was unpacked from such an
archive, it holds all files but those that git would leave out. The same files make the same archive, byte by byte.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "d2l-chapter3"  # what the archive unpacks into


def committed(root):
    """Return the files of the last commit, as bytes by name, or None if `root` is no clone of its own."""
    if not shutil.which("git"):
        return None

    def git(*arguments):
        return subprocess.run(["git", "-C", root, *arguments], capture_output=True)

    top = git("rev-parse", "--show-toplevel")
    if top.returncode or Path(os.fsdecode(top.stdout.rstrip(b"\n"))).resolve() != root.resolve():
        return None
    answer = git("archive", "--format=tar", "HEAD")
    if answer.returncode:
        raise SystemExit(f"archive.py: git cannot read the last commit: {answer.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(answer.stdout)) as tar:
        # A link is followed: not everything that unpacks a zip makes one of it again.
        return {member.name: tar.extractfile(member).read() for member in tar if not member.isdir()}


def lying_there(root):
    """Return the files of a folder, as bytes by name, without what its .gitignore names."""
    ignored = [line.rstrip("/") for line in (root / ".gitignore").read_text(encoding="utf-8").splitlines() if line]

    def is_kept(path):
        name = path.relative_to(root).as_posix()
        return not any(fnmatch(name if "/" in pattern else path.name, pattern) for pattern in [".git", *ignored])

    files = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if is_kept(Path(folder, name))]
        for path in (Path(folder, name) for name in names):
            if is_kept(path):
                files[path.relative_to(root).as_posix()] = path.read_bytes()
    return files


def pack(root, path):
    """Write the archive of the project in the folder `root`."""
    files = committed(root)
    if files is None:
        files = lying_there(root)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}")  # of 1980, whenever it is made
            entry.compress_type = zipfile.ZIP_DEFLATED
            executable = content.startswith(b"#!")
            entry.external_attr = (0o755 if executable else 0o644) << 16
            archive.writestr(entry, content)


if __name__ == "__main__":
    pack(ROOT, Path(sys.argv[1]))

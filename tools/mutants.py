"""Put small faults into the package, one at a time, and see whether its tests notice: `make mutants`.

A fault is one of a kind that somebody could make: another comparison, another sign, a number that is one too large, a
condition turned round, a check left out, a result forgotten. They are drawn by chance, the same ones for the same seed.
Each is tried in a copy of the repository, with the tests of the module that it is in. The faults that were not noticed
are listed with their lines; those of EQUIVALENT change nothing that anybody could see.
"""

import argparse
import ast
import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from equivalent_faults import EQUIVALENT

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "build", "book", "benchmarks", "*.egg-info", "__pycache__")  # of the copies
SECONDS = 300  # that a run of the tests may take, after which the fault counts as noticed: it never ends
# The tests of a module are those of its name; of these modules, others as well.
ALSO = {
    "__init__.py": ["test_compat.py"],
    "__main__.py": ["test_doctor.py"],
    "captions.py": ["test_kernel.py"],
    "content.py": ["test_idx.py"],
    "data.py": ["test_training.py", "test_advice.py", "test_training_stress.py", "test_fast.py"],
    "downloads.py": ["test_datasets.py"],
    "files.py": ["test_datasets.py"],
    "functional.py": ["test_advice.py"],
    "metrics.py": ["test_advice.py", "test_training_stress.py"],
    "rows.py": ["test_data.py", "test_training_stress.py", "test_fast.py"],
    "schedule.py": ["test_reviewing.py"],
    "variants.py": ["test_reviewing.py"],
    "validation.py": ["test_functional.py", "test_metrics.py", "test_training.py", "test_advice.py"],
}
COMPARISONS = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
SIGNS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Pow: "*"}


def faults(path):
    """Return the faults that can be put into a file: (line, first and last byte, old code, new code)."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    messages = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        new = _replacement(node, text) if id(node) not in messages or isinstance(node, ast.Raise) else None
        if new is not None:
            first = starts[node.lineno - 1] + node.col_offset
            last = starts[node.end_lineno - 1] + node.end_col_offset
            found.append((node.lineno, first, last, ast.get_source_segment(text, node), new))
    return found


def _replacement(node, text):
    def source(part):
        return ast.get_source_segment(text, part)

    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in COMPARISONS:
            return f"{source(left)} {COMPARISONS[type(operator)]} {source(right)}"
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in SIGNS:
            return f"({source(left)} {SIGNS[type(operator)]} {source(right)})"
        case ast.BoolOp(op=operator, values=values):
            word = " or " if isinstance(operator, ast.And) else " and "
            return f"({word.join(source(value) for value in values)})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"bool({source(operand)})"
        case ast.Constant(value=bool(value)):
            return str(not value)
        case ast.Constant(value=0 | 1 as value):  # an axis, a place; larger numbers are sizes, seeds and the like
            return str(value + 1)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"({source(orelse)} if {source(test)} else {source(body)})"
        case ast.Return(value=value) if value is not None and source(value) != "None":
            return "return None"
        case ast.Raise():
            return "pass"
        case ast.Call(func=ast.Name(id=name)) if name.startswith("check_"):
            return source(node.args[1]) if len(node.args) > 1 else None
    return None


def tests_of(module):
    """Return the files whose tests are run for a module, which is among them for its doctests."""
    stem = module.parent.name if module.stem == "__init__" else module.stem
    names = [f"test_{stem.removeprefix('d2lhelpers_')}.py", *ALSO.get(module.name, [])]
    if module.parent.name == "language":
        names = ["test_language.py"]
    if module.parent.name == "training":
        names = [
            f"test_{name}.py"
            for name in ("training", "training_stress", "fusion", "advice", "fast", "what_learners_do")
        ]
        if module.name == "machines.py":
            names.append("test_cluster_training.py")
    if module.parent.name == "cluster" or module.name == "launch.py":
        names = ["test_cluster*.py"]
    if module.parent.name == "exercises":
        own = [f"test_exercises_{module.stem}.py", "test_exercises_kinds.py"]
        names = own if module.stem.startswith("chapter") else ["test_exercises*.py"]
    found = [path for name in names for path in sorted((ROOT / "tests").glob(name))]
    return [str(path.relative_to(ROOT)) for path in [module, *found]]


class Copy:
    """A copy of the repository, into which one fault at a time is put."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
        shutil.copy(ROOT / ".dockerignore", folder)

    def notices(self, module, fault):
        """Whether the tests of a module fail for a fault."""
        _, first, last, _, new = fault
        path = self.folder / module.relative_to(ROOT)
        good = path.read_bytes()
        path.write_bytes(good[:first] + new.encode() + good[last:])
        env = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests_of(module)]
        try:
            done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, timeout=SECONDS, check=False)
            return done.returncode != 0
        except subprocess.TimeoutExpired:
            return True
        finally:
            path.write_bytes(good)


def draw(number, seed):
    """Return faults of the package, (module, fault), spread over its modules as its code is.

    Those of the figures are left out: whether a label is in its place is seen, and no test's business. So are those of
    d2lhelpers_startup.py: what each Python starts with is the file that is installed, not the one in a copy.
    """
    modules = [path for path in sorted((ROOT / "d2lhelpers").rglob("*.py")) if path.parent.name != "figures"]
    all_faults = [(module, fault) for module in modules for fault in faults(module)]
    return random.Random(seed).sample(all_faults, min(number, len(all_faults)))


def main():
    """Try the faults, print those that were not noticed, and return 0 if at least 95 % of the others were."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--number", type=int, default=150, help="how many faults (default: 150)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    parser.add_argument("--minutes", type=float, default=30, help="no new fault is tried after this time (default: 30)")
    arguments = parser.parse_args()
    chosen = draw(arguments.number, arguments.seed)
    deadline = time.monotonic() + 60 * arguments.minutes
    workers = os.cpu_count() or 1
    noticed, missed, equivalent = 0, [], 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(workers) as pool:
        copies = [Copy(Path(folder, str(number))) for number in range(workers)]

        def attempt(job):
            if time.monotonic() > deadline:
                return None
            copy = copies.pop()
            try:
                return copy.notices(*job)
            finally:
                copies.append(copy)

        for (module, fault), result in zip(chosen, pool.map(attempt, chosen), strict=True):
            line, _, _, old, new = fault
            name = str(module.relative_to(ROOT))
            text = module.read_text(encoding="utf-8").splitlines()[line - 1].strip()
            if result is None:
                continue
            if result:
                noticed += 1
            elif (module.name, text, old, new) in EQUIVALENT:
                equivalent += 1
            else:
                missed.append(name)
                print(f"not noticed: {name}:{line}: {old!r} -> {new!r}", flush=True)
    tried = noticed + len(missed)
    left = len(chosen) - tried - equivalent
    print(f"{noticed} of {tried} faults were noticed; {equivalent} change nothing; {left} were not tried")
    return int(not tried or noticed < 0.95 * tried)


if __name__ == "__main__":
    sys.exit(main())

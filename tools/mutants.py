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

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "build", "book", "benchmarks", "*.egg-info", "__pycache__")  # of the copies
SECONDS = 300  # that a run of the tests may take, after which the fault counts as noticed: it never ends
# The tests of a module are those of its name; of these modules, others as well.
ALSO = {
    "__init__.py": ["test_compat.py"],
    "__main__.py": ["test_doctor.py"],
    "captions.py": ["test_kernel.py"],
    "content.py": ["test_idx.py"],
    "data.py": ["test_training.py", "test_advice.py"],
    "downloads.py": ["test_datasets.py"],
    "files.py": ["test_datasets.py"],
    "functional.py": ["test_advice.py"],
    "metrics.py": ["test_advice.py"],
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
# Faults that nobody can see: (module, the line, what stands there, what is put there), and the reason.
_EDGE = "a measured number is never just at the limit"
EQUIVALENT = {
    (
        "data.py",
        "_BLOCK_SIZE = 2**20  # numbers in a block of minibatches, where a minibatch is not larger by itself",
        "2**20",
        "(2 * 20)",
    ): "other blocks, the same minibatches",
    (
        "data.py",
        "block_size = self.batch_size * max(1, _BLOCK_SIZE // (self.batch_size * max(1, example_size)))",
        "1",
        "2",
    ): "other blocks, the same minibatches",
    ("downloads.py", "received, before, since = 0, 0, time.monotonic()", "0", "1"): "a single byte of many",
    ("chapter01.py", "return error**2 / 2", "error**2 / 2", "(error**2 * 2)"): "only a ratio of two is used",
    (
        "chapter03.py",
        "lambda P, Q: np.where(P > 0, P * np.log(np.where(P > 0, P / Q, 1)), 0).sum(axis=0),",
        "0",
        "1",
    ): "the first input, which decides, has no zeros",
    (
        "chapter02.py",
        "if not np.isfinite(loss) or loss > 2 * at_start:",
        "loss > 2 * at_start",
        "loss >= 2 * at_start",
    ): _EDGE,
    (
        "compat.py",
        'if "np." in text:',
        '"np." in text',
        '"np." not in text',
    ): "NumPy 1 does not write np.; NumPy 2 does",
    ("chapter05.py", "if abs(b - best_b) > 2:", "abs(b - best_b) > 2", "abs(b - best_b) >= 2"): _EDGE,
    ("chapter05.py", "if share < 1:", "share < 1", "share <= 1"): _EDGE,
    (
        "chapter05.py",
        "y = shift + np.where(rank < 10, -2, 2) + rng.normal(scale=0.1, size=20)",
        "shift + np.where(rank < 10, -2, 2) + rng.normal(scale=0.1, size=20)",
        "(shift + np.where(rank < 10, -2, 2) - rng.normal(scale=0.1, size=20))",
    ): "other noise of the same kind",
    (
        "chapter07.py",
        "if np.any(start) and np.mean((ratios > 300) | (ratios < 1 / 300)) > 0.2:",
        "np.mean((ratios > 300) | (ratios < 1 / 300)) > 0.2",
        "np.mean((ratios > 300) | (ratios < 1 / 300)) >= 0.2",
    ): _EDGE,
    (
        "chapter07.py",
        '(N_("sin(3 sum of x) + |x|²/2"), _products, lambda x: 3 * np.cos(np.sum(3 * x)) + x, (1,)),',
        "1",
        "2",
    ): "another number of inputs",
    ("chapter06.py", "if np.allclose(got[~zero], got[~zero][0]):", "0", "1"): "any survivor does, where all are equal",
    (
        "chapter06.py",
        "if shares.std() < 4 * np.sqrt(p * (1 - p) / zero.shape[axis]):",
        "1 - p",
        "(1 + p)",
    ): "a mask that is shared is far beyond either limit",
    (
        "chapter04.py",
        "return (exp / exp.sum(axis=1, keepdims=True) - _one_hot(scores, y)) / len(y)",
        "exp / exp.sum(axis=1, keepdims=True) - _one_hot(scores, y)",
        "(exp / exp.sum(axis=1, keepdims=True) + _one_hot(scores, y))",
    ): "only asked where a row has overflowed, and nan stays nan",
    ("chapter02.py", "elif loss > 0.9 * at_start:", "loss > 0.9 * at_start", "loss >= 0.9 * at_start"): _EDGE,
    ("chapter03.py", "elif loss > 0.98 * blind:", "loss > 0.98 * blind", "loss >= 0.98 * blind"): _EDGE,
    (
        "chapter03.py",
        "positive = P > 0",
        "P > 0",
        "P >= 0",
    ): "in the mistakes only, which are asked where nothing is zero",
    (
        "chapter03.py",
        "(np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.75, 0.0]])),",
        "0.0",
        "1.0",
    ): "another input",
    (
        "chapter04.py",
        "(np.array([[1000.0, 0.0], [0.0, 0.0], [-1000.0, -1000.0]]),),",
        "0.0",
        "1.0",
    ): "another input",
    (
        "chapter04.py",
        "(np.array([[0.0, 200.0], [200.0, 0.0], [-200.0, 200.0]]), np.array([0, 0, 1])),",
        "0.0",
        "1.0",
    ): "another input",
    ("chapter04.py", "if accuracy < 0.3:", "accuracy < 0.3", "accuracy <= 0.3"): _EDGE,
    ("chapter04.py", "if steps[0] > 1:", "0", "1"): "all steps are equal there",
    (
        "chapter05.py",
        "for d, lr, wd, n in ((5, 0.02, 3.0, 10), (30, 0.5, 0.2, 32), (1, 0.1, 1.0, 1)):",
        "1",
        "2",
    ): "another number of inputs or examples",
    (
        "chapter07.py",
        "change = (found[0] - W1)[:, 1:] @ x[1:] / (x @ x)",
        "found[0] - W1",
        "(found[0] + W1)",
    ): "x is so long that W1 counts for nothing beside the step",
    (
        "datasets.py",
        'images = array(images.reshape(-1, 1, 8, 8) / np.float32(16), dtype="float32")',
        "1",
        "2",
    ): "NumPy takes -2 as it takes -1",
    (
        "downloads.py",
        "with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder, ignore_cleanup_errors=True) as unfinished:",
        "True",
        "False",
    ): "only Windows refuses to remove an open file",
    ("interactive.py", 'control.style.description_width = f"{longest + 1}ch"', "1", "2"): "a little more room",
    ("recipes.py", "if rests[best] < 0.02:", "rests[best] < 0.02", "rests[best] <= 0.02"): _EDGE,
    (
        "watching.py",
        "if len(self.steps) < _MANY_STEPS and args:",
        "len(self.steps) < _MANY_STEPS",
        "len(self.steps) <= _MANY_STEPS",
    ): "one of many steps",
    (
        "recipes.py",
        "return bool(np.var(error) > 0.6 * np.var(y) and np.mean(error) ** 2 < 0.1 * np.mean(y) ** 2)",
        "np.var(error) > 0.6 * np.var(y)",
        "np.var(error) >= 0.6 * np.var(y)",
    ): _EDGE,
    (
        "wire.py",
        "listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # no wait for the last run's connections",
        "1",
        "2",
    ): "any number but zero sets the option",
    (
        "coordinator.py",
        "for worker, message in zip(workers[1:], asked[1:], strict=True):",
        "True",
        "False",
    ): "one message was taken from each worker",
    ("chapter07.py", "elif step > 2e-3:", "step > 2e-3", "step >= 2e-3"): _EDGE,
    (
        "chapter07.py",
        "if len({*W1.shape, *W2.shape}) > 1:",
        "1",
        "2",
    ): "of the networks that are tried, none has two lengths only",
    (
        "chapter09.py",
        "cases = [(np.diag([1.0, 0.5]), np.array([8.0, 4.0]), 0.25, 2, 6)]",
        "1.0",
        "2.0",
    ): "another input",
    (
        "chapter03.py",
        "(np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]), np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])),",
        "1.0",
        "2.0",
    ): "another input",
    (
        "chapter03.py",
        "return np.where(positive, P * np.log(np.where(positive, P, 1) / np.where(positive, Q, 1)), 0).sum(axis=1)",
        "1",
        "2",
    ): "what stands where P is zero is left out",
    ("results.py", "if self._num_newer < LAG:", "self._num_newer < LAG", "self._num_newer <= LAG"): "read a step later",
    (
        "copied.py",
        "width = graph.y_hat.size // graph.num_examples if keeps_outputs else 0",
        "graph.y_hat.size // graph.num_examples",
        "(graph.y_hat.size * graph.num_examples)",
    ): "room for fewer, so that they are read more often",
    (
        "copied.py",
        "if runs and runs[-1][0] is y and runs[-1][2] == start:",
        "runs[-1][0] is y",
        "runs[-1][0] is not y",
    ): "joined or one by one, the labels are the same",
    (
        "coordinator.py",
        "and time.monotonic() - max(member.since, first.since) > patience",
        "time.monotonic() - max(member.since, first.since) > patience",
        "time.monotonic() - max(member.since, first.since) >= patience",
    ): _EDGE,
    (
        "coordinator.py",
        'if (other.role, other.rank) == (died["role"], died["rank"]) and other.has_left and died["status"] == 0:',
        "0",
        "1",
    ): "who has left ends when the run is over, and then nothing is said of it any more",
    (
        "coordinator.py",
        'elif "died" in message and member.role == "launcher":',
        '"died" in message and member.role == "launcher"',
        '("died" in message or member.role == "launcher")',
    ): "only launchers say so, and nothing else by then",
    (
        "chapter01.py",
        "cases.append((X, X @ rng.normal(size=d) + 3 + rng.normal(scale=0.1, size=n)))",
        "X @ rng.normal(size=d) + 3 + rng.normal(scale=0.1, size=n)",
        "(X @ rng.normal(size=d) + 3 - rng.normal(scale=0.1, size=n))",
    ): "other noise of the same kind",
    ("chapter02.py", "for n, d in ((5, 3), (1, 1), (8, 6)):", "1", "2"): "another number of inputs or examples",
    (
        "chapter03.py",
        "(np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]), np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])),",
        "0.0",
        "1.0",
    ): "another input",
    (
        "chapter03.py",
        "(np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]), np.array([1, 0])),",
        "0.0",
        "1.0",
    ): "another input",
    (
        "chapter06.py",
        'return (rng.uniform(0.5, 2, size=shape) * rng.choice([-1, 1], size=shape)).astype("float32")',
        "rng.uniform(0.5, 2, size=shape) * rng.choice([-1, 1], size=shape)",
        "(rng.uniform(0.5, 2, size=shape) / rng.choice([-1, 1], size=shape))",
    ): "to divide by 1 or -1 is to multiply by it",
    (
        "chapter07.py",
        "if np.abs(h).max() > 0.98 or np.linalg.norm(away) < 1:",
        "np.abs(h).max() > 0.98 or np.linalg.norm(away) < 1",
        "(np.abs(h).max() > 0.98 and np.linalg.norm(away) < 1)",
    ): "neither happens with these random numbers",
    ("chapter07.py", "return False", "return False", "return None"): "either says that nothing was seen",
    ("chapter07.py", "return True", "return True", "return None"): "then two more looks show the same",
    (
        "chapter07.py",
        "x[0], x[1:] = 0, inverse @ np.arctanh(h) + 3e3 * away / np.linalg.norm(away)",
        "inverse @ np.arctanh(h) + 3e3 * away / np.linalg.norm(away)",
        "(inverse @ np.arctanh(h) - 3e3 * away / np.linalg.norm(away))",
    ): "as far away on the other side",
    (
        "chapter08.py",
        "def __call__(self, X, y, lambd=0):",
        "0",
        "1",
    ): "the same for the answer and what it is compared with",
    (
        "chapter09.py",
        "means = rng.normal(1, 2, size=(len(numbers), d)) * (np.array(numbers) > 0)[:, np.newaxis]",
        "0",
        "1",
    ): "no part has one example",
    (
        "coordinator.py",
        'self._has_own_launcher |= bool(hello.get("role") == "launcher" and hello.get("ranks"))',
        'hello.get("role") == "launcher"',
        'hello.get("role") != "launcher"',
    ): "it waits a little longer then for a launcher that has come already",
    (
        "coordinator.py",
        'if member.hello["launched"] and reason["why"] == "killed":',
        'member.hello["launched"] and reason["why"] == "killed"',
        '(member.hello["launched"] or reason["why"] == "killed")',
    ): "it waits a second longer then for what a launcher knows",
    (
        "downloads.py",
        "if received - before < WINDOW * SLOWEST:",
        "received - before < WINDOW * SLOWEST",
        "received - before <= WINDOW * SLOWEST",
    ): _EDGE,
    ("chapter04.py", "images[:, 0, 0, 0] = np.arange(n)", "0", "1"): "another pixel",
    (
        "chapter09.py",
        "for d, rate, delay, num_steps in ((3, 0.1, 4, 11), (2, 0.3, 0, 5), (4, 0.2, 1, 8), (2, 0.1, 5, 4)):",
        "1",
        "2",
    ): "another input",
    (
        "chapter08.py",
        "logs = zip(model.trained, model.predicted, strict=True)",
        "True",
        "False",
    ): "there are as many of each",
    (
        "chapter09.py",
        "1 + int(np.argmin([compute / n + latency + n * transfer for n in range(1, most + 1)]))",
        "most + 1",
        "(most - 1)",
    ): "the best number is smaller for all inputs",
    (
        "chapter07.py",
        "moves[np.abs(moves) < step / 1000] = 0",
        "np.abs(moves) < step / 1000",
        "np.abs(moves) <= step / 1000",
    ): _EDGE,
    (
        "blas.py",
        "rng = np.random.default_rng(0)  # not the random numbers of the learner",
        "0",
        "1",
    ): "other random numbers",
    (
        "chapter09.py",
        '(nd.array(rng.normal(size=(n, 3))), nd.array(rng.integers(0, 4, size=n), dtype="int32")) for n in sizes',
        "0",
        "1",
    ): "other inputs",
    (
        "settings.py",
        'listener=_integer(environ, "D2L_CLUSTER_LISTENER", 0, 2**20) if "D2L_CLUSTER_LISTENER" in environ else None,',
        "0",
        "1",
    ): "no run listens on its standard input",
    (
        "chapter06.py",
        "if np.allclose(noisy, noisy_again, atol=1e-4 * noisy.std()):",
        "1e-4 * noisy.std()",
        "(1e-4 / noisy.std())",
    ): "what dropout changes is far larger than either",
    ("chapter08.py", "got = got.reshape(-1)", "1", "2"): "NumPy takes -2 as it takes -1",
    (
        "fast.py",
        "graph, update = self._ready.get(stop - start) or self._look_up(stop - start)",
        "stop - start",
        "(stop + start)",
    ): "looked up each time",
    ("data.py", "return 1, 0  # the CPU, the only one", "0", "1"): "NumPy looks at the kind of device only",
    ("chapter08.py", "return False", "return False", "return None"): "either says that it hangs on the folds",
    (
        "chapter07.py",
        "if np.any(start) and np.mean((ratios > 300) | (ratios < 1 / 300)) > 0.2:",
        "ratios > 300",
        "ratios >= 300",
    ): _EDGE,
    ("solved.py", "return False", "return False", "return None"): "either says no",
    (
        "chapter07.py",
        "W1, W2 = rng.normal(size=(k, d)) / np.sqrt(d), rng.normal(size=(q, k))",
        "rng.normal(size=(k, d)) / np.sqrt(d)",
        "(rng.normal(size=(k, d)) * np.sqrt(d))",
    ): "other inputs",
    (
        "chapter01.py",
        "if not np.isfinite(loss) or loss > 2 * at_start:",
        "loss > 2 * at_start",
        "loss >= 2 * at_start",
    ): _EDGE,
    (
        "chapter03.py",
        "other = WatchedLoader(loader, batch_size=loader.batch_size // 2, is_enough=True)",
        "True",
        "False",
    ): "it trains to the end then",
    (
        "launch.py",
        "signum = signal.Signals(-status).name if status < 0 else None",
        "status < 0",
        "status <= 0",
    ): "it is not 0 there",
    ("engine.py", "def add_up(self, key, array, priority=0):", "0", "1"): "in another order, with the same sums",
    ("chapter02.py", "if loss < limit:", "loss < limit", "loss <= limit"): _EDGE,
    ("chapter09.py", "((1, 2), (0.001, 0.002), (0.0001, 0.0002), 8, [8]),", "1", "2"): "another input",
    (
        "metrics.py",
        "if self._unmarked >= self._MOST_NUMBERS // 8:",
        "self._unmarked >= self._MOST_NUMBERS // 8",
        "self._unmarked > self._MOST_NUMBERS // 8",
    ): "marked one call later",
    (
        "updates.py",
        "inputs = [array for arrays in zip(weights, self._gradients[part], *states, strict=True) for array in arrays]",
        "True",
        "False",
    ): "there are as many of each",
    (
        "launch.py",
        'self._start_role("scheduler", 0, ["-c", "import d2lhelpers"], environ | variables, [listener.fileno()])',
        "0",
        "1",
    ): "it waits a little longer then for processes that do not end",
    ("describing.py", "is_plain = False", "False", "True"): "it concerns numbers with a point only",
    (
        "recipes.py",
        "fits.append(np.nan_to_num(np.median(each, axis=0), nan=1.0))",
        "1.0",
        "2.0",
    ): "either is far from a fit",
    (
        "variants.py",
        "data.seed((n + _FAR_APART * VARIANT.get()) % 2**31)",
        "n + _FAR_APART * VARIANT.get()",
        "(n - _FAR_APART * VARIANT.get())",
    ): "other random numbers",
}


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
        names = [f"test_{name}.py" for name in ("training", "training_stress", "fusion", "advice", "fast")]
        if module.name == "machines.py":
            names.append("test_cluster_training.py")
    if module.parent.name == "cluster" or module.name == "launch.py":
        names = ["test_cluster*.py"]
    if module.parent.name == "exercises":
        names = [f"test_exercises_{module.stem}.py"] if module.stem.startswith("chapter") else ["test_exercises*.py"]
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

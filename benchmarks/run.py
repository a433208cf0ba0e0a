"""Run the contenders side by side, and write the ratios of their times to ``benchmarks/results.md``.

The repetitions are interleaved (one of each contender, then the next one of each), so that whatever else the machine
does hits all alike. Each contender's time is divided by ours of the same round; the median of these ratios is shown.
Contenders whose library is not installed are left out, and the results say so. The images are those of Fashion-MNIST,
if it is on this machine, and the results say that, too.
"""

import argparse
import contextlib
import datetime
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from d2lhelpers.files import FASHION_MNIST, find, places
from d2lhelpers.idx import read_idx

import contenders
import imports as each_import
import numpy as np
import several_machines

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.md"
NAMES = {
    "dh": "d2lhelpers",
    "gluon": "Gluon's DataLoader, the book's loop",
    "d2l": "d2l 0.17's loader (4 workers) and loop",
    "numpy": "NumPy by hand",
    "torch": "PyTorch, its DataLoader",
    "torch_sliced": "PyTorch, sliced by hand",
    "calls": "MXNet's Python functions, minibatches made beforehand",
    "engine": "limit: the graphs of a step, always the same minibatch",
    "bytes": "limit: reading the bytes",
}
CASES = {
    "a": ("(a) linear regression, 1,000 examples, minibatches of 10, 3 epochs", "linear", ()),
    "b": ("(b) softmax regression, 60,000 {images}, minibatches of 256, 1 epoch", "softmax", (60_000,)),
    "c": ("(c) reading alone, the same 60,000 {images}", "reading", (60_000,)),
}
ALL = "abcdef"
COLUMNS = "at work before: median", "times ours", "after a pause: median", "times ours"
LIMITS = "engine", "bytes"  # these do only a part of the work
# Case, contender, and how many times our time its time is to be at least.
TARGETS = (
    ("a", "gluon", 10),
    ("a", "torch", 2),
    ("a", "torch_sliced", 1.5),
    ("a", "calls", 1),
    ("b", "d2l", 18),
    ("b", "torch", 5),
    ("b", "torch_sliced", 2),
    ("b", "calls", 1),
    ("c", "gluon", 40),
    *(("f", f"{model} {workers}", 1) for model in several_machines.MODELS for workers in several_machines.WORKERS),
)
MOST_FIXED, MOST_SPREAD = 0.005, 0.15  # of the growth: seconds beside the examples, difference between their costs
KEPT = "Kept from another run:"
GROWTH = (6_000, 60_000, 600_000)
PROFILED = {
    "a": ("(a)", "dh_linear", ()),
    "b": ("(b)", "dh_softmax", (60_000,)),
    "e": (f"(e), {GROWTH[0]:,} images", "dh_softmax", GROWTH[:1]),
}
IMPORTS = {
    "mxnet": "import mxnet",
    "d2lhelpers": each_import.NAMES,
    "d2l.mxnet": "import d2l.mxnet",
    "torch": "import torch",
}


@contextlib.contextmanager
def images():
    """Hand Fashion-MNIST's training set to the contenders, if it is on this machine; yield what they have then."""
    folders = places()
    found = {
        name: (find(file, folders)[0], file[-1])
        for name, file in zip(("images", "labels"), FASHION_MNIST[:2], strict=True)
    }
    if any(path is None for path, _ in found.values()):
        yield "generated images"
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, (path, shape) in found.items():
            np.save(Path(folder, name), read_idx(path, shape))
        os.environ[contenders.REAL] = folder
        try:
            yield "images of Fashion-MNIST"
        finally:
            del os.environ[contenders.REAL]


class Contender:
    """A process that runs one contender once for each line that it is sent."""

    def __init__(self, function, arguments):
        self.times, self.results = [], []
        command = [sys.executable, "-W", "ignore", FOLDER / "contenders.py", function, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer("ready")

    def _answer(self, expected=""):
        line = self._process.stdout.readline()
        if not line.startswith(expected) or not line:
            raise RuntimeError(f"{' '.join(map(str, self._process.args))} failed")
        return line.split()

    def run(self, start):
        self._process.stdin.write(f"{start}\n")
        self._process.stdin.flush()
        seconds, result = map(float, self._answer())
        self.times.append(seconds)
        self.results.append(result)

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def side_by_side(chosen, repeats, start):
    """Return the seconds of all rounds, and the median result, of each contender; the first round is a warm-up.

    `start` is what comes before each run, as ``contenders.py`` has it.
    """
    running = {name: Contender(*what) for name, what in chosen.items()}
    for _ in range(repeats + 1):
        for contender in running.values():
            contender.run(start)
    for contender in running.values():
        contender.close()
    return {name: (c.times[1:], statistics.median(c.results[1:])) for name, c in running.items()}


def table(head, rows):
    return "\n".join(
        [
            f"| {' | '.join(head)} |",
            f"| --- |{' ---: |' * (len(head) - 1)}",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def case(title, what, arguments, repeats, has_torch):
    chosen = {
        name: (f"{name}_{what}", arguments)
        for name in NAMES
        if hasattr(contenders, f"{name}_{what}") and (has_torch or not name.startswith("torch"))
    }
    print(title, "...", flush=True)
    found, found_cold = (side_by_side(chosen, repeats, start) for start in (contenders.AT_WORK, contenders.PAUSE))
    _, expected = found["dh"]
    # The order of the examples differs, and so does the last noise of the loss; reading counts examples.
    tolerance = {"linear": 2e-5, "softmax": 0.03 * expected, "reading": 0}[what]
    for name, result in [(name, result) for each in (found, found_cold) for name, (_, result) in each.items()]:
        if name not in LIMITS and abs(result - expected) > tolerance:
            raise RuntimeError(f"{NAMES[name]} reaches {result}, but d2lhelpers {expected}: not the same work")
    ratios, ratios_cold = ratios_of(found), ratios_of(found_cold)
    rows = [
        [NAMES[name], *cells(found, ratios, name), *cells(found_cold, ratios_cold, name)]
        for name in sorted(found, key=ratios.get)
    ]
    reached = ""
    if what != "reading":
        reached = f"\nAll but the limits reach the loss {expected:.2g}, to {tolerance:.1g}."
    return f"## {title}\n\n{table(['contender', *COLUMNS], rows)}\n{reached}\n", (ratios, ratios_cold)


def ratios_of(found):
    """Return how many times our time each contender takes, the median of all rounds."""
    ours, _ = found["dh"]
    return {
        name: statistics.median(theirs / own for theirs, own in zip(times, ours, strict=True))
        for name, (times, _) in found.items()
    }


def cells(found, ratios, name):
    return f"{statistics.median(found[name][0]) * 1e3:,.1f} ms", f"{ratios[name]:.2f}"


def growth(repeats):
    print("(e) growth ...", flush=True)
    chosen = {str(n): ("dh_softmax", (n,)) for n in GROWTH}
    starts = contenders.AT_WORK, contenders.PAUSE
    (rows, verdict), (rows_cold, verdict_cold) = (growth_of(side_by_side(chosen, repeats, start)) for start in starts)
    head = [
        "examples",
        *("at work before: an epoch, median", "an example, without what is fixed"),
        *("after a pause: an epoch, median", "an example, without what is fixed"),
    ]
    rows = [[*row, *cold[1:]] for row, cold in zip(rows, rows_cold, strict=True)]
    return (
        f"## (e) growth: case (b), d2lhelpers, by the number of examples\n\n{table(head, rows)}\n\n"
        f"At work before: {verdict}\n\nAfter a pause: {verdict_cold}\n\n"
        "What is fixed is that a run initialises, goes its first steps the plain way, and binds.\n"
    )


def growth_of(found):
    """Return rows of a table, and a sentence, on what was found for each number of examples."""
    rounds = [dict(zip(GROWTH, times, strict=True)) for times in zip(*(found[str(n)][0] for n in GROWTH), strict=True)]
    small, middle, large = GROWTH

    def median_of(function):
        return statistics.median(map(function, rounds))

    slope = median_of(lambda times: (times[large] - times[small]) / (large - small))
    fixed = median_of(lambda times: times[small] - small * (times[large] - times[small]) / (large - small))
    first = median_of(lambda times: (times[middle] - times[small]) / (middle - small))
    last = median_of(lambda times: (times[large] - times[middle]) / (large - middle))
    medians = {n: median_of(lambda times, n=n: times[n]) for n in GROWTH}
    rows = [[f"{n:,}", f"{medians[n]:.4f} s", f"{(medians[n] - fixed) / n * 1e6:.2f} µs"] for n in GROWTH]
    spread = max(first, last) / min(first, last) - 1
    reached = {True: "reached", False: "missed"}
    return rows, (
        f"a run takes {fixed * 1e3:.1f} ms (target: at most {MOST_FIXED * 1e3:.0f} ms, {reached[fixed <= MOST_FIXED]}) "
        f"and {slope * 1e6:.2f} µs for each example. An example costs {first * 1e6:.2f} µs from the smallest to the "
        f"middle set, and {last * 1e6:.2f} µs from there to the largest; these differ by {spread:.0%} (target: at most "
        f"{MOST_SPREAD:.0%}, {reached[spread <= MOST_SPREAD]})."
    )


def imports(repeats, has_torch):
    print("(d) import ...", flush=True)
    names = [name for name in IMPORTS if has_torch or name != "torch"]
    times = {name: [] for name in names}
    for _ in range(repeats + 1):
        for name in names:
            times[name].append(each_import.seconds(sys.executable, IMPORTS[name]))
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    rows = [[f"`{name}`", f"{medians[name]:.2f} s", f"{medians[name] / medians['d2lhelpers']:.2f}"] for name in names]
    pythons = [each_import.measure(python, repeats) for python in each_import.environments()]
    return (
        f"## (d) import, in a new process\n\n{table(['module', 'median', 'times ours'], rows)}\n\n"
        "On each Python that make has built: what MXNet takes with all that it imports and makes by itself, as times "
        "our time (target: at least 1.82); our time beyond that of `mxnet` alone (target: at most 0.1 s); and by how "
        "much longer each start of Python takes, with or without MXNet (target: at most 2 ms).\n\n"
        f"{table(each_import.HEAD, pythons)}\n"
    )


def kept_imports():
    """Return the section on imports as it stands in the results, with where it comes from."""
    head, *sections = RESULTS.read_text(encoding="utf-8").split("\n## ")
    (section,) = [section for section in sections if section.startswith("(d)")]
    if KEPT not in section:
        machine_then = head.split("Machine: ")[1].strip()
        section += f"\n{KEPT} {machine_then}\n"
    return f"## {section}"


def targets(ratios):
    """Return the table of what is to be reached; `ratios` are, by case, those at work, and after a pause."""
    rows = []
    for letter, name, target in TARGETS:
        at_work, after_a_pause = ratios.get(letter, ({}, {}))
        if name in after_a_pause:
            what = NAMES.get(name, f"Gluon's `dist_sync`, {name.replace(' ', ', ')} workers")
            both = [judged(found.get(name), target) for found in (at_work, after_a_pause)]
            rows.append([f"({letter}) {what}", f"{target:.2f}", *both])
    return "## Targets\n\n" + table(["times ours", "at least", "at work before", "after a pause"], rows) + "\n"


def judged(ratio, target):
    if ratio is None:  # as in (f)
        return "new processes each time:"
    return f"{ratio:.2f}, reached" if ratio >= target else f"{ratio:.2f}, missed by a factor of {target / ratio:.2f}"


def profiles(letters):
    print("profiles ...", flush=True)
    parts = [
        "## Where our time goes\n\nShares of a run, by Python's profiler, which makes small functions look larger. "
        "Outside of `train`, MXNet makes the network and the trainer, and in (a) computes the loss of all examples.\n"
    ]
    for letter in letters:
        title, contender, arguments = PROFILED[letter]
        command = [sys.executable, "-W", "ignore", FOLDER / "profile_ours.py", contender, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        parts.append(f"| case {title} | share |\n| --- | ---: |\n{done.stdout}")
    return "\n".join(parts)


def machine():
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), cpu)
    packages = []
    for name in ("mxnet", "numpy", "d2l", "torch"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"no {name}")
    return (
        f"{cpu}, {os.cpu_count()} cores; {platform.system()}, CPython {platform.python_version()}; "
        f"{', '.join(packages)}; {os.getloadavg()[0]:.1f} processes at work before; {datetime.date.today()}"
    )


def merge(parts, text):
    """Return the text of some results with the parts that were measured anew; each begins with a heading."""
    for part in parts:
        start = part.split(")")[0] + ")"  # as in "## (f)"
        sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
        places = [i for i, section in enumerate(sections) if section.startswith(start)]
        if places:
            sections[places[0]] = part.rstrip() + "\n\n"
        else:
            place = next(i for i, section in enumerate(sections) if section.startswith("## Targets"))
            sections.insert(place, part.rstrip() + "\n\n")
        text = "".join(sections)
    return text


def merge_targets(new, text):
    """Return the text of some results with the rows of targets that were measured anew, each in its own place."""
    head, rest = text.split("## Targets\n\n")
    old, *others = re.split(r"\n\n(?=## )", rest, maxsplit=1)
    first, second, *rows = old.splitlines()
    letters = {row[:5] for row in new}  # as in "| (f)"
    rows = sorted([row for row in rows if row[:5] not in letters] + new, key=lambda row: row[:5])
    return "\n\n".join([f"{head}## Targets", "\n".join([first, second, *rows]), *others])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repeats", type=int, default=21, help="timed runs of each contender (default: 21)")
    parser.add_argument(
        "--cases", default=ALL, help=f"which to run (default: {ALL}); without d or f, those of before stay"
    )
    parser.add_argument("--keep", action="store_true", help="put what is run into the results, and keep all others")
    arguments = parser.parse_args()
    has_torch = find_spec("torch") is not None
    head = (
        f"# Side by side\n\nMade by `make bench`: {arguments.repeats} interleaved rounds, each contender in a process "
        "of its own. Times ours = its time over that of d2lhelpers in the same round, the median of all rounds; above "
        "1 is slower than ours. Limits do only a part of the work: no loop that does all of it can be faster.\n\n"
        "Each contender pauses while the others run. On some virtual machines, the threads of a process that paused "
        "share one CPU for tens of milliseconds, while the other sleeps. So (a), (b), (c) and (e) are measured twice: "
        f"after the process was at work for {contenders.SECONDS_AT_WORK} s, and right after a pause.\n\n"
        f"Machine: {machine()}.\n"
    )
    parts, ratios, paper = [], {}, None
    with images() as kind:
        for letter in arguments.cases:
            if letter in CASES:
                title, what, sizes = CASES[letter]
                part, ratios[letter] = case(title.format(images=kind), what, sizes, arguments.repeats, has_torch)
                parts.append(part)
        profile = profiles([letter for letter in PROFILED if letter in arguments.cases])
        if "f" in arguments.cases:
            title = several_machines.TITLE.format(images=kind)
            repeats = -(-arguments.repeats // 3)  # each round starts some thirty processes
            several, found, paper = several_machines.case(title, repeats, machine(), table)
            ratios["f"] = {}, found
    if "d" in arguments.cases:
        parts.append(imports(arguments.repeats, has_torch))
    elif not arguments.keep:
        parts.append(kept_imports())
    if "e" in arguments.cases:  # more images than there are real ones
        parts.append(growth(arguments.repeats))
    if "f" in arguments.cases:
        parts.append(several)
    before = RESULTS.read_text(encoding="utf-8")
    if arguments.keep:
        text = merge_targets(targets(ratios).splitlines()[4:], merge(parts, before))
    else:
        text = "\n".join([head, *parts, targets(ratios), profile])
        if "f" not in arguments.cases and (
            kept := re.search(r"^## \(f\).*?(?=^## )", before, re.MULTILINE | re.DOTALL)
        ):
            text = merge_targets(re.findall(r"^\| \(f\).*", before, re.MULTILINE), merge([kept[0]], text))
    print(text)
    if arguments.keep or set(arguments.cases) >= set("abce"):
        RESULTS.write_text(text, encoding="utf-8")
        if paper:
            several_machines.write(paper)
    elif paper:
        print(paper)


if __name__ == "__main__":
    main()

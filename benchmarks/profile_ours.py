"""Where d2lhelpers spends its time in a case of the benchmark: a profile of one run, as a table."""

import cProfile
import pstats
import sys

import contenders

# What a step consists of: (name of the row, end of the file's path, function). Indented rows are part of the row above.
PARTS = (
    ("all of `train`", "training/training.py", "train"),
    ("&emsp;many small minibatches: gather, convert", "d2lhelpers/data.py", "blocks"),
    ("&emsp;the first steps, in the plain way", "training/fast.py", "_make_plainly"),
    ("&emsp;what is prepared: bound, or found again", "training/fast.py", "_look_up"),
    ("&emsp;network and loss, forward and backward", "training/fusion.py", "__call__ of FusedGraph"),
    ("&emsp;&emsp;gather a large minibatch, convert", "d2lhelpers/rows.py", "copy_to"),
    ("&emsp;&emsp;copy labels (and features) into the graph's arrays", "training/engine.py", "__call__ of CopyFrom"),
    ("&emsp;the update of the parameters", "training/updates.py", "__call__ of _Update"),
    ("&emsp;copy losses (and predictions) out of the graph", "training/copied.py", "copy"),
    ("&emsp;losses and metric read at the end of an epoch", "training/results.py", "read"),
)


def first_lines():
    """Return the first lines of the methods that share the name __call__."""
    from d2lhelpers.training import engine, fusion, updates

    classes = fusion.FusedGraph, engine.CopyFrom, updates._Update
    return {f"__call__ of {c.__name__}": c.__call__.__code__.co_firstlineno for c in classes}


def main(name, *arguments):
    run = getattr(contenders, name)(*map(int, arguments))
    run()
    profile = cProfile.Profile()
    profile.enable()
    run()
    profile.disable()
    lines = first_lines()
    seconds = dict.fromkeys((part[0] for part in PARTS), 0.0)
    for (path, line, function), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items():
        for title, end, wanted in PARTS:
            is_it = line == lines[wanted] if wanted in lines else function == wanted
            if path.endswith(end) and is_it:
                seconds[title] += cumulative
    whole = seconds[PARTS[0][0]]
    for title, value in seconds.items():
        print(f"| {title} | {value / whole:.0%} |")


if __name__ == "__main__":
    main(*sys.argv[1:])

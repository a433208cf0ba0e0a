"""Where d2lhelpers spends its time in a case of the benchmark: a profile of some runs, as a table."""

import cProfile
import pstats
import sys

import contenders

RUNS = 5
# What a run consists of: (depth, name of the row, end of the file's path, function).
# Deeper rows are parts of the row above.
# What it does outside of `train` is MXNet's: it makes network and trainer, and (a) computes the loss of all examples.
PARTS = (
    (0, "a run", "contenders.py", "run"),
    (1, "all of `train`", "training/training.py", "train"),
    (2, "many small minibatches: gather, convert", "d2lhelpers/data.py", "blocks"),
    (2, "the first steps, in the plain way", "training/fast.py", "_make_plainly"),
    (2, "what is prepared: bound, or found again", "training/fast.py", "_look_up"),
    (2, "network and loss, forward and backward", "training/fusion.py", "__call__ of FusedGraph"),
    (3, "gather a large minibatch, convert", "d2lhelpers/rows.py", "copy_to"),
    (3, "copy labels (and features) into the graph's arrays", "training/engine.py", "__call__ of CopyFrom"),
    (2, "the update of the parameters", "training/updates.py", "__call__ of _Update"),
    (2, "copy losses (and predictions) out of the graph", "training/copied.py", "copy"),
    (2, "losses and metric read at the end of an epoch", "training/results.py", "read"),
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
    for _ in range(RUNS):
        run()
    profile.disable()
    lines = first_lines()
    seconds = dict.fromkeys((part[1] for part in PARTS), 0.0)
    for (path, line, function), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items():
        for _, title, end, wanted in PARTS:
            is_it = line == lines[wanted] if wanted in lines else function == wanted
            if path.endswith(end) and is_it:
                seconds[title] += cumulative
    for depth, title, _, _ in PARTS:
        print(f"| {'&emsp;' * depth}{title} | {seconds[title] / seconds[PARTS[0][1]]:.0%} |")


if __name__ == "__main__":
    main(*sys.argv[1:])

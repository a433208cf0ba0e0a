"""Where d2lhelpers spends its time in a case of the benchmark: a profile of one run, as a table."""

import cProfile
import pstats
import sys

import contenders

# What a step consists of: (name of the row, end of the file's path, function). Indented rows are part of the row above.
PARTS = (
    ("all of `train`", "training/loop.py", "train"),
    ("&emsp;a minibatch: gather, convert, slice", "d2lhelpers/data.py", "__iter__"),
    ("&emsp;network and loss, forward and backward", "training/fusion.py", "__call__ of FusedGradients"),
    ("&emsp;&emsp;copy the minibatch into the executor's arrays", "mxnet/ndarray/ndarray.py", "copyto"),
    ("&emsp;&emsp;`forward`", "mxnet/executor.py", "forward"),
    ("&emsp;&emsp;`backward`", "mxnet/executor.py", "backward"),
    ("&emsp;&emsp;copy the losses (and the predictions) out of them", "training/fusion.py", "_copy"),
    ("&emsp;the trainer's step", "training/steps.py", "__call__ of _QuickStep"),
    ("&emsp;&emsp;MXNet's optimizer, in Python", "mxnet/optimizer/optimizer.py", "update_multi_precision"),
    ("&emsp;&emsp;&emsp;`multi_sgd_update`, the engine's call", "<string>", "multi_sgd_update"),
    ("&emsp;checks of the minibatch", "d2lhelpers/metrics.py", "unpack"),
    ("&emsp;losses and metric read at the end of an epoch", "training/results.py", "read"),
)


def first_lines():
    """Return the first lines of the methods that share the name __call__."""
    from d2lhelpers.training import fusion, steps

    classes = fusion.FusedGradients, steps._QuickStep
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

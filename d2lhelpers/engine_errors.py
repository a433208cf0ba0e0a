"""What MXNet's engine could not do: the cause in a line, and the line of the learner's code where it came up."""

import contextlib
import os
import re
import traceback

import mxnet as mx
import tqdm
from mxnet import nd
from mxnet.base import MXNetError

_FOLDERS = [os.path.dirname(path) + os.sep for path in (__file__, mx.__file__, tqdm.__file__)]
_NOT_THEIRS = (*_FOLDERS, contextlib.__file__, "<string>", "<frozen ")  # MXNet makes its functions from strings


@contextlib.contextmanager
def engine_errors():
    """Turn an error of MXNet's engine into one that gives its cause, and leave nothing of any error in the engine.

    The engine computes later than it is called. What it could not compute it would raise wherever a result is waited
    for next, even one of another network.

    Examples
    --------
    >>> from mxnet import nd
    >>> with engine_errors():
    ...     nd.dot(nd.ones((2, 2), dtype="float16"), nd.ones((2, 2), dtype="float16")).wait_to_read()
    Traceback (most recent call last):
        ...
    ValueError: MXNet could not compute this: ...
    """
    try:
        yield
    except MXNetError as error:
        _empty_engine()
        raise ValueError(f"MXNet could not compute this: {reason_of(error)}") from None
    except Exception:
        _empty_engine()
        raise


def _empty_engine():
    for _ in range(100):  # each time, it raises one of the errors, and forgets it
        try:
            nd.waitall()
        except MXNetError:
            continue
        return


def reason_of(error):
    r"""Return the line of an engine's error that is about its cause, without the C++ stack, and the learner's line.

    Examples
    --------
    >>> print(reason_of(MXNetError("Traceback ...\nMXNetError: [11:31:26] ../src/pooling.cc:192: it is too small")))
    it is too small
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("MXNetError: ")]
    text = (named or lines or ["unknown"])[-1].removeprefix("MXNetError: ")
    if "already in a computational graph" in text:
        text = "an array was changed in place while gradients are recorded; write x = x / 2 instead of x /= 2"
    text = re.sub(r"\[\d\d:\d\d:\d\d\] \S+:\d+: ", "", text)  # the time, and where in MXNet
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_NOT_THEIRS)
    ]
    if not frames or not frames[-1].line:
        return text
    return f"{text} (in {frames[-1].name}: {frames[-1].line})"

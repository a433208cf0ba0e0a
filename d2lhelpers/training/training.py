"""The function that the notebooks call: it checks what it is handed, and makes a run of it."""

from ..cluster import num_workers, rank
from ..devices import check_ctx
from ..engine_errors import engine_errors
from ..metrics import check_parameters
from ..validation import check_bool, check_callable, check_integer, check_iterable
from .checks import check_device, check_trainer
from .fast import FastRun
from .interrupts import explain_interrupt, note_interrupts
from .loop import Run
from .machines import machines


def train(net, train_iter, loss, trainer, num_epochs, test_iter=None, metric=None, verbose=True, ctx=None, plain=False):
    """Train a model by minibatch stochastic gradient descent, or whatever `trainer` does.

    For each minibatch: predict, compute the loss of each example, go back through the sum, take one step. Within an
    epoch no result is waited for, so that MXNet's engine is kept busy; losses and metrics are read at its end.

    In a run of several workers (``python -m d2lhelpers.launch``), this is called by all of them. Each takes its part
    of every minibatch of loaders that `load_array` and `load_data` have made, the gradients are added up, and all make
    the step that one process would make: the batch size is that of the whole run, and so are losses and metrics. Other
    iterables yield each worker's own part of a minibatch. Only the first worker prints. The result is that of one
    process, but for layers that look at a minibatch as a whole, or draw numbers: `BatchNorm` normalises each part by
    itself, and goes on from the mean of the workers' running statistics after an epoch; `Dropout` draws for each part.

    Interrupting the kernel (the stop button) ends the run after the step under way, and the history so far is
    returned; a second interrupt ends it at once.

    Parameters
    ----------
    net : callable
        A Gluon block, or a function of a minibatch of features, as in ``lambda X: linreg(X, w, b)``.
    train_iter : iterable
        Of minibatches (features, labels), iterated over once an epoch.
    loss : callable
        A Gluon loss, or a function that turns (y_hat, y) into one loss an example.
    trainer : gluon.Trainer or callable
        A callable is given the number of examples of the minibatch after each backward pass, as in
        ``lambda batch_size: sgd([w, b], lr, batch_size)``.
    num_epochs : int
        Passes over the training set, at least 0.
    test_iter : iterable, optional
        Minibatches to evaluate loss and metric on after each epoch.
    metric : callable, optional
        Turns (y_hat, y) into a mean over the minibatch's examples, for example `accuracy`.
    verbose : bool
        Whether to print a line an epoch, and to show a progress bar, in a notebook or on a terminal, when an epoch
        takes longer than a second.
    ctx : mx.Context, optional
        Device that each minibatch is moved to, if it is on another one; the network must have been initialised there,
        as in ``ctx = dh.try_gpu(); net.initialize(ctx=ctx)``. If it is left out, minibatches stay where they are.

    plain : bool
        Whether to go the plain way, which ``d2lhelpers/training/loop.py`` shows: network, loss and trainer are called
        for each minibatch, as in the chapters. If it is left out, steps are prepared where they can be. The results
        are the same to the last bit, and it takes a fraction of the time.

    Returns
    -------
    History
        Loss, metric and time of each whole epoch.

    Raises
    ------
    DivergenceError
        If the loss of an epoch is not finite; the history up to there is on the error.
    TypeError
        If an argument is of the wrong type, or a minibatch or the network's parameters are of a type of numbers that
        MXNet does not compute with.
    ValueError
        If a network's parameters were not initialised, are not those of `trainer`, take no part in its outputs, or are
        not on `ctx`, `loss` does not return one loss an example, class ids are not those of the network's outputs,
        `cross_entropy` is given other numbers than probabilities, or `train_iter` yields nothing.

    Examples
    --------
    >>> from mxnet import nd
    >>> from d2lhelpers import linreg, load_array, seed, sgd, squared_loss, synthetic_data
    >>> seed(1)
    >>> w, b = nd.zeros((2,)), nd.zeros((1,))
    >>> for param in (w, b):
    ...     param.attach_grad()
    >>> history = train(
    ...     lambda X: linreg(X, w, b), load_array(synthetic_data([2, -3.4], 4.2, 1000), 10),
    ...     squared_loss, lambda batch_size: sgd([w, b], 0.03, batch_size), num_epochs=3, verbose=False)
    >>> len(history), history.loss[-1] < 0.01
    (3, True)
    """
    check_callable("net", net)
    check_callable("loss", loss)
    check_iterable("train_iter", train_iter)
    if test_iter is not None:
        check_iterable("test_iter", test_iter)
    if metric is not None:
        check_callable("metric", metric)
    num_epochs = check_integer("num_epochs", num_epochs, minimum=0)
    check_bool("verbose", verbose)
    check_bool("plain", plain)
    check_ctx(ctx)
    check_parameters(net)
    check_device(net, ctx)
    check_trainer(net, trainer)
    run = (Run if plain else FastRun)(net, loss, trainer, metric, verbose and rank() == 0, ctx)
    run.machines = machines()
    run.machines.attach(run, net, trainer, train_iter)
    interrupts = []
    try:
        with run.machines.ending_together(), engine_errors(), note_interrupts(interrupts):
            run.machines.begin(
                num_epochs=num_epochs, train_iter=_kind(train_iter), test_iter=_kind(test_iter), metric=_kind(metric)
            )
            for _epoch in range(num_epochs):
                run.train_epoch(train_iter, test_iter, interrupts)
    except KeyboardInterrupt:
        if num_workers() > 1:
            raise
        print(explain_interrupt(len(run.history), is_whole=len(interrupts) == 1))
    return run.history


def _kind(value):
    return getattr(value, "__name__", type(value).__name__)

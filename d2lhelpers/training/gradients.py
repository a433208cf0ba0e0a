"""How gradients come about in the plain way: the learner's own network and loss are called, and recorded."""

from mxnet import autograd
from mxnet.base import MXNetError

from ..metrics import call_loss, forward
from ..validation import check_float


class RecordedGradients:
    """Predictions, losses, and the gradients of their sum, by MXNet's autograd.

    Parameters
    ----------
    net, loss : callable

    Examples
    --------
    >>> from mxnet import gluon, nd
    >>> net = gluon.nn.Dense(1, use_bias=False)
    >>> net.initialize()
    >>> y_hat, losses = RecordedGradients(net, gluon.loss.L2Loss())(nd.array([[3]]), nd.array([0]))
    >>> bool(net.weight.grad() == 3 * y_hat)
    True
    """

    def __init__(self, net, loss):
        self.net, self.loss = net, loss

    def __call__(self, X, y):
        """Compute the gradients on one minibatch.

        Parameters
        ----------
        X, y : arrays
            Features and labels of n examples.

        Returns
        -------
        y_hat : array
            The predictions.
        losses : array of shape (n,)

        Raises
        ------
        TypeError, ValueError
            If network, features, loss and labels do not fit together, or no parameter has a gradient.
        """
        with autograd.record():
            y_hat = forward(self.net, X)
            check_float("the output of net", y_hat)
            losses = call_loss(self.loss, y_hat, y)
        try:
            losses.backward()
        except MXNetError as error:
            if "not in a computational graph" not in str(error):
                raise
            raise ValueError(
                "no parameter of net has a gradient; call attach_grad() on each before training, or net.initialize()."
            ) from None
        return y_hat.detach(), losses.detach()

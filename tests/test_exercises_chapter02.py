"""Usual mistakes in the exercises of chapter 02, and what the check says to them."""

import d2lhelpers as dh
from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import judge

import pytest
from chinese import in_chinese
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import data as gdata
from mxnet.gluon import loss as gloss
from mxnet.gluon import nn


def network(with_size=True, initialize="before", weight=True, bias=True, row=True):
    """A way to build a network of given parameters, with the mistake that the arguments describe."""

    def build(w, b):
        net = nn.Sequential()
        net.add(nn.Dense(1, in_units=len(w) if with_size else 0))
        if initialize in ("before", "twice"):
            net.initialize()
        if weight:
            net[0].weight.set_data(w.reshape((1, -1)) if row else w)
        if bias:
            net[0].bias.set_data(b)
        if initialize in ("after", "twice"):
            net.initialize(force_reinit=True)
        return net

    return build


def by_index(w, b):
    net = nn.Dense(1)
    net.initialize()
    net.weight.data()[:] = w
    return net


class Formula(gluon.Block):
    """No layer, only a formula."""

    def __init__(self, w, b):
        super().__init__()
        self.formula = lambda X: (nd.dot(X, w) + b).reshape((-1, 1))

    def forward(self, X):
        return self.formula(X)


class Flat(Formula):
    def forward(self, X):
        return super().forward(X).reshape((-1,))


def constant(w, b):
    net = nn.HybridSequential()
    net.add(
        nn.Dense(
            1, weight_initializer=init.Constant(w.reshape((1, -1))), bias_initializer=init.Constant(float(b.asscalar()))
        )
    )
    net.initialize()
    return net


def one_step(reduce=lambda losses: losses, size=len, record=True, backward=True, step=True, use=None, result=None):
    """A step with the mistake that the arguments describe."""

    def answer(net, trainer, loss, X, y):
        loss = use or loss
        value = reduce(loss(net(X), y))
        if record:
            with autograd.record():
                value = reduce(loss(net(X), y))
        if backward:
            value.backward()
        if step:
            trainer.step(size(X))
        return result(value, net, loss, X, y) if result else value.mean().asscalar()

    return answer


def half_recorded(net, trainer, loss, X, y):
    y_hat = net(X)
    with autograd.record():
        losses = loss(y_hat, y)
    losses.backward()
    trainer.step(len(X))


def too_early_a_number(net, trainer, loss, X, y):
    with autograd.record():
        value = loss(net(X), y).mean().asscalar()
    value.backward()
    trainer.step(1)
    return value


def summed(net, trainer, loss, X, y):
    with autograd.record():
        total = loss(net(X), y).sum()
    total.backward()
    trainer.step(X.shape[0])
    return total / X.shape[0]


def recipe(
    lr=0.03,
    num_epochs=3,
    batch_size=10,
    reduce=lambda losses: losses,
    divide=None,
    outputs=1,
    use_bias=True,
    fixed_bias=None,
    load=dh.load_array,
    optimizer="sgd",
    result=lambda net: net,
):
    """A recipe with the mistake, or in the other right way, that the arguments describe."""

    def train(features, labels):
        net = nn.Sequential()
        net.add(nn.Dense(outputs, use_bias=use_bias))
        net.initialize(init.Normal(sigma=0.01))
        if fixed_bias is not None:
            net[0].bias.initialize(init.Constant(fixed_bias), force_reinit=True)
            net[0].bias.grad_req = "null"
        loss = gloss.L2Loss()
        trainer = gluon.Trainer(net.collect_params(), optimizer, {"learning_rate": lr})
        for _ in range(num_epochs):
            for X, y in load((features, labels), batch_size):
                with autograd.record():
                    value = reduce(loss(net(X), y))
                value.backward()
                trainer.step(divide or len(X))
        return result(net)

    return train


def mean(losses):
    return losses.mean()


def own_loss(losses_of, divide=len):
    """The recipe with a loss of one's own."""

    def train(features, labels):
        net = nn.Dense(1)
        net.initialize()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        for _ in range(3):
            for X, y in dh.load_array((features, labels), 10):
                with autograd.record():
                    losses = losses_of(net(X), y)
                losses.backward()
                trainer.step(divide(y))
        return net

    return train


def without_trainer(features, labels):
    net = nn.Sequential()
    net.add(nn.Dense(1, in_units=features.shape[1]))
    net.initialize("zeros")
    for _ in range(100):
        with autograd.record():
            value = gloss.L2Loss()(net(features), labels).mean()
        value.backward()
        for param in net.collect_params().values():
            param.set_data(param.data() - 0.2 * param.grad())
    return net


class OwnLayer(gluon.Block):
    def __init__(self, d):
        super().__init__()
        self.w, self.b = self.params.get("w", shape=(d, 1)), self.params.get("b", shape=(1,))

    def forward(self, X):
        return nd.dot(X, self.w.data()) + self.b.data()


def warm_own_layer(w, b):
    net = OwnLayer(len(w))
    net.initialize()
    net.w.set_data(w.reshape((-1, 1)))
    net.b.set_data(b)
    return net


def warm_in_place(w, b):
    net = nn.HybridSequential()
    net.add(nn.Dense(1, in_units=w.size))
    net.initialize()
    net.hybridize()
    net[0].weight.data()[:] = w
    net[0].bias.data()[:] = b
    return net


def step_by_step(net, trainer, loss, X, y):
    """The gradients are added up, an example at a time."""
    params = list(net.collect_params().values())
    for param in params:
        param.grad_req = "add"
        param.zero_grad()
    total = 0
    for i in range(len(X)):
        with autograd.record():
            value = loss(net(X[i : i + 1]), y[i : i + 1])
        value.backward()
        total += float(value.asscalar())
    trainer.step(len(X))
    for param in params:
        param.grad_req = "write"
    return total / len(X)


def by_hand_step(net, trainer, loss, X, y):
    with autograd.record():
        value = loss(net(X), y).mean()
    autograd.backward([value])
    trainer.step(1)
    return [value]


def load_with_gluon(arrays, batch_size):
    return gdata.DataLoader(gdata.ArrayDataset(*arrays), batch_size, shuffle=True)


def reinitialized(net):
    net.initialize(init.Normal(sigma=0.01), force_reinit=True)
    return net


def two_outputs(features, labels):
    net = nn.Dense(2)
    net.initialize()
    return net


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("02.1", 0.05, "the loss squares what is left over"),
        ("02.1", 0.01, "that is the variance of the noise"),
        ("02.1", 0.1, "that is the standard deviation"),
        ("02.1", 0.0005, "ten times the noise, but the loss squares it"),
        ("02.1", 0, "expected: a larger number"),
        ("02.2", 0.5, "mean() has divided by 20 already"),
        ("02.2", 10, "that is what the vector with step(1) amounts to"),
        ("02.2", 0.5 / 400, "the other is too many"),
        ("02.2", 20, "how many times too short the steps are"),
        ("02.3", network(initialize="no"), "the network has no parameters yet"),
        ("02.3", network(initialize="no", weight=False, bias=False), "the network has no parameters yet"),
        ("02.3", network(initialize="after"), "initialize comes before they are set"),
        ("02.3", network(initialize="twice"), "initialize draws numbers at random, so it comes first"),
        ("02.3", network(weight=False), "initialize draws numbers at random, so it comes first"),
        ("02.3", network(bias=False), "the weights are right, but the bias is still zero"),
        ("02.3", network(row=False), "the weights of Dense are a matrix"),
        ("02.3", network(row=False, with_size=False), "the weights of Dense are a matrix"),
        ("02.3", by_index, "does not know its number of inputs yet"),
        ("02.3", Formula, "came out: 0 parameters\n  expected: 4"),
        ("02.3", Flat, "a layer gives a column"),
        ("02.3", lambda w, b: nn.Dense, "came out: a result of the type type\n  expected: a network of Gluon"),
        ("02.3", lambda w, b: network()(w, b) if len(w) == 3 else network()(nd.zeros(w.shape), b), "came out"),
        ("02.3", network()(nd.zeros((2,)), nd.zeros((1,))), "TypeError|came out"),
        ("02.3", lambda w, b: ..., "not answered yet"),
        ("02.4", one_step(size=lambda X: 1), "a step 4 times as long as by the formula"),
        ("02.4", one_step(size=lambda X: 1), "who divides it by the batch size?"),
        ("02.4", one_step(mean), "a step 0.25 times as long as by the formula"),
        ("02.4", one_step(mean), "divided by the batch size twice"),
        ("02.4", one_step(size=lambda X: 10), "a fixed number where the size of this minibatch belongs"),
        ("02.4", one_step(size=lambda X: 4), "minibatch of 10 examples with L2Loss, learning rate 0.03\n"),
        ("02.4", one_step(record=False), "call net and loss inside record()"),
        ("02.4", half_recorded, "call net and loss inside record()"),
        ("02.4", one_step(backward=False), "step found no new gradient: is backward() called"),
        ("02.4", one_step(step=False), "is there a step of the trainer after backward()?"),
        ("02.4", one_step(step=False, result=lambda *args: None), "came out: your function returned nothing"),
        ("02.4", one_step(result=lambda *args: None), "came out: your function returned nothing"),
        ("02.4", one_step(use=gloss.L2Loss()), "L1Loss, learning rate 0.5\n  came out: another change"),
        ("02.4", one_step(result=lambda value, *args: value), "expected: a single number"),
        ("02.4", one_step(result=lambda value, *args: value.sum()), "the mean of the losses, not their sum"),
        (
            "02.4",
            one_step(result=lambda value, net, loss, X, y: loss(net(X), y).mean()),
            "return the loss from before it",
        ),
        ("02.4", one_step(mean, lambda X: 1, result=lambda value, net, loss, X, y: value / len(y)), "once more"),
        ("02.4", too_early_a_number, "keep the loss an array until after backward()"),
        ("02.4", lambda net, trainer, loss, X, y: None, "not answered yet"),
        ("02.4", lambda net, trainer, loss, X, y: 0.0, "no change of the parameters"),
        ("02.5", "abde", "hint:     which two of the three gradients"),
        ("02.5", "bcde", "hint:     look at the last figure"),
        ("02.5", "de", "hint:     what was it that the layer had to wait for?"),
        ("02.5", "be", "hint:     how could step know"),
        ("02.5", "bd", "hint:     what is the first argument of Trainer for?"),
        ("02.6", recipe(num_epochs=0), "nothing was learnt"),
        ("02.6", recipe(num_epochs=1, result=reinitialized), "nothing was learnt"),
        ("02.6", recipe(reduce=mean), "divided twice, by mean() and by step(): take"),
        ("02.6", recipe(num_epochs=1, lr=0.01), "train longer, or with a larger learning rate"),
        ("02.6", recipe(batch_size=100, divide=1, lr=0.1), "steps 100 times as long"),
        (
            "02.6",
            own_loss(lambda y_hat, y: ((y_hat - y) ** 2 / 2).mean(), divide=lambda y: 1),
            "is there a difference of shapes (n, 1) and (n,)",
        ),
        ("02.6", recipe(divide=1, lr=0.003), "step(1) does not divide it: step(len(y))"),
        ("02.6", recipe(divide=1, lr=0.003, optimizer="adam"), "steps 10 times as long"),
        ("02.6", recipe(reduce=mean, lr=0.3), "divided twice, by mean() and by step(): take"),
        ("02.6", recipe(divide=3, lr=0.01), "is there a fixed number in step"),
        ("02.6", recipe(lr=1.5, batch_size=4), "the loss has grown: is the gradient divided"),
        ("02.6", recipe(lr=0.3, num_epochs=1, use_bias=False), "the weights are right, but the bias is not"),
        ("02.6", recipe(fixed_bias=-1.2), "the weights are right, but the bias is not"),
        (
            "02.6",
            recipe(lr=0.3, num_epochs=1, result=lambda net: net[0].weight.data()),
            "came out: a result of the type NDArray\n  expected: a network of Gluon",
        ),
        (
            "02.6",
            recipe(num_epochs=0, result=lambda net: 0.005),
            "came out: a result of the type float\n  expected: a network of Gluon",
        ),
        ("02.6", recipe(num_epochs=0, result=lambda net: (net, 1)), "came out: a result of the type tuple"),
        ("02.6", two_outputs, "how many outputs has the layer?"),
        ("02.6", lambda features, labels: nn.Dense(1), "the network has no parameters yet"),
        ("02.6", 3, "you gave: 3, of the type int\n  expected: a function"),
    ],
)
def test_wrong_answers(number, answer, message):
    verdict = judge(find(number), answer)
    assert not verdict.right
    assert any(part in verdict.text for part in message.split("|")), verdict.text
    in_chinese(verdict)


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("02.1", 0.005),
        ("02.2", 0.025),
        ("02.3", network()),
        ("02.3", network(with_size=False)),
        ("02.3", constant),
        ("02.4", one_step()),
        ("02.4", one_step(mean, lambda X: 1)),
        ("02.4", summed),
        ("02.3", warm_own_layer),
        ("02.3", warm_in_place),
        ("02.4", step_by_step),
        ("02.4", by_hand_step),
        ("02.6", without_trainer),
        ("02.6", own_loss(lambda y_hat, y: (y_hat.reshape((-1,)) - y) ** 2 / 2)),
        ("02.6", own_loss(lambda y_hat, y: (y_hat - y.reshape((-1, 1))).square().mean() / 2, divide=lambda y: 1)),
        ("02.5", "BDE"),
        ("02.6", recipe()),
        ("02.6", recipe(load=load_with_gluon, lr=0.3, num_epochs=1)),
        ("02.6", recipe(lr=0.1, batch_size=4, num_epochs=1)),
        ("02.6", recipe(lr=0.5, batch_size=100, num_epochs=5)),
        ("02.6", recipe(lr=0.03, batch_size=20)),
        ("02.6", recipe(reduce=mean, divide=1, lr=0.2, num_epochs=1)),
        ("02.6", recipe(lr=0.2, optimizer="adam", num_epochs=2)),
    ],
)
def test_right_answers(number, answer):
    verdict = judge(find(number), answer)
    assert verdict.right, verdict.text

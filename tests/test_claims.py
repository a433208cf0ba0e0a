"""What the chapters say in prose and no cell prints: tried with other seeds, and at half and twice the length."""

import ast
import re
from pathlib import Path

import d2lhelpers as dh

import nbformat
import numpy as np
import pytest
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn
from numpy.linalg import norm

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CROSS_ENTROPY = gluon.loss.SoftmaxCrossEntropyLoss()


def read(number):
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    return nbformat.read(path, as_version=4)


def cell(number, cell_id):
    (found,) = [cell for cell in read(number).cells if cell.id == cell_id]
    return found


def functions(number, **names):
    """Return the imports and the functions of a chapter's cells, as a dictionary in which they see `names`."""
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef
    for cell in read(number).cells:
        if cell.cell_type == "code" and cell.id != "on-colab":
            kept = [node for node in ast.parse(cell.source).body if isinstance(node, kinds)]
            exec(compile(ast.Module(kept, []), f"{number}/{cell.id}", "exec"), names)
    return names


def softmax_regression(seed, sigma=0.01):
    dh.seed(seed)
    net = nn.Sequential()
    net.add(nn.Dense(10))
    net.initialize(init.Normal(sigma=sigma))
    return net


# 00


def test_lines_to_compare_with_are_those_of_the_stored_run():
    quoted = re.search(r"```\n(.*?)\n```", cell("00", "markdown-02").source, re.DOTALL).group(1).splitlines()
    assert len(quoted) == 2
    (output,) = cell("00", "code-01").outputs
    for line in quoted:
        assert line in [re.sub(r" \([\d.]+ s\)$", "", printed) for printed in output.text.splitlines()]


# 01


@pytest.fixture(scope="module")
def sales():
    dh.seed(1)
    features, labels = dh.synthetic_data(w=[1.2, -0.6], b=5.0, num_examples=1000, noise=0.3)
    X1 = np.column_stack([features.asnumpy(), np.ones(1000)]).astype("float64")
    y = labels.asnumpy().astype("float64")
    exact = np.linalg.lstsq(X1, y, rcond=None)[0]
    names = functions("01", sale_features=X1[:, :2], sale_prices=y - exact[2], X1=X1, prices=y)
    return {**names, "exact": exact}


def smallest_rate_that_diverges(sales, batch_size, num_steps, num_paths=20):
    rates, losses_at = np.logspace(-1, 0.5, 31), sales["losses_at"]
    ends = np.array([sales["walk"](rates, batch_size, num_steps, seed)[-1] for seed in range(num_paths)])
    share = (losses_at(ends) > losses_at(np.zeros(2))).mean(axis=0)
    return rates[share >= 0.5].min()


@pytest.mark.parametrize("num_steps", [30, 60, 120])
def test_single_sales_diverge_at_about_the_same_rate_in_half_and_twice_the_steps(sales, num_steps):
    assert 0.75 < smallest_rate_that_diverges(sales, 1, num_steps) < 0.95


def test_all_sales_diverge_above_a_rate_of_two(sales):
    start, losses_at = np.zeros(2), sales["losses_at"]
    for rate in (1.0, 1.5, 1.9, 2.3):
        path = sales["walk"](np.array([rate]), 1000)[:, 0]
        assert (losses_at(path[-1]) > losses_at(start)) == (rate > 2)
    first = sales["walk"](np.array([1.0]), 1000)[1, 0]
    smallest = losses_at(sales["exact"][:2])
    assert losses_at(first) - smallest < 0.05 * (losses_at(start) - smallest)


@pytest.mark.parametrize("rate", [0.6, 0.8])
def test_a_path_that_jumps_out_of_the_picture_may_come_back(sales, rate):
    paths = [sales["walk"](np.array([rate]), 1, seed=seed)[:, 0] for seed in range(20)]
    away = [norm(path - sales["exact"][:2], axis=1) for path in paths]
    assert any(path.max() > 3 and path[-1] < 1 for path in away)


@pytest.mark.parametrize("num_epochs", [3, 6])
def test_nearly_half_of_the_minibatches_lead_uphill_at_the_end_of_a_training(sales, num_epochs):
    shares = []
    for seed in range(5):
        draw, parameters = np.random.default_rng(seed), np.zeros(3)
        for _ in range(num_epochs):
            for chosen in draw.permutation(1000).reshape(-1, 10):
                parameters = parameters - 0.03 * sales["gradient_at"](parameters, chosen)
        exact = sales["gradient_at"](parameters, np.arange(1000))
        batches = [draw.choice(1000, 10, replace=False) for _ in range(500)]
        shares.append(np.mean([sales["gradient_at"](parameters, batch) @ exact < 0 for batch in batches]))
    assert min(shares) > 0.35
    assert max(shares) < 0.6


def test_a_minibatch_points_in_about_the_right_direction_far_from_the_minimum(sales):
    draw, start = np.random.default_rng(0), np.zeros(3)
    exact = sales["gradient_at"](start, np.arange(1000))
    for _ in range(500):
        gradient = sales["gradient_at"](start, draw.choice(1000, 10, replace=False))
        assert gradient @ exact > 0.5 * norm(gradient) * norm(exact)


@pytest.mark.parametrize(("rate", "diverges"), [(0.003, False), (0.1, False), (2.2, True)])
def test_learning_rates_of_the_three_curves_do_the_same_in_other_orders(sales, rate, diverges):
    def loss(parameters):
        return ((sales["X1"] @ parameters - sales["prices"]) ** 2 / 2).mean()

    for seed in range(10):
        draw, parameters = np.random.default_rng(seed), np.zeros(3)
        for _ in range(100):
            chosen = draw.choice(1000, 10, replace=False)
            parameters = parameters - rate * sales["gradient_at"](parameters, chosen)
        assert (loss(parameters) > loss(np.zeros(3))) == diverges
        if rate == 0.1:
            assert loss(parameters) < 0.05


# 02


def test_recipe_has_eleven_lines():
    lines = cell("02", "code-38").source.splitlines()
    assert lines[0].startswith("dh.seed(")
    assert lines[-1].startswith("print(")
    assert len(lines[1:-1]) == 11
    text = "\n".join(cell.source for cell in read("02").cells) + cell("00", "markdown-02").source
    assert "eleven lines" in text
    assert "ten lines" not in text


@pytest.mark.parametrize("seed", [42, 1, 2, 3])
def test_the_smallest_loss_is_only_a_little_below_that_of_the_true_parameters(seed):
    dh.seed(seed)
    features, labels = dh.synthetic_data([2, -3.4], 4.2, num_examples=1000, noise=0.01)
    X = np.column_stack([features.asnumpy(), np.ones(1000)]).astype("float64")
    y = labels.asnumpy().astype("float64")
    true, best = (((X @ w - y) ** 2).mean() for w in (np.array([2, -3.4, 4.2]), np.linalg.lstsq(X, y, rcond=None)[0]))
    assert 0.98 < best / true < 1


def test_a_forgotten_division_with_batch_size_100_diverges():
    dh.seed(42)
    features, labels = dh.synthetic_data([2, -3.4], 4.2, num_examples=1000, noise=0.01)
    w, b = nd.zeros((2,)), nd.zeros((1,))
    for param in (w, b):
        param.attach_grad()
    with pytest.raises(dh.DivergenceError):
        dh.train(
            lambda X: dh.linreg(X, w, b),
            dh.load_array((features, labels), 100),
            dh.squared_loss,
            lambda batch_size: dh.sgd([w, b], 0.03, 1),
            num_epochs=20,
            verbose=False,
        )


# 03


def test_plausible_range_contains_the_truth_in_about_95_of_100_cases():
    n, draws = 1000, np.random.default_rng(0)
    for theta in (0.3, 0.5, 0.7):
        k = draws.binomial(n, theta, size=4000)
        ratio = k * np.log(theta / (k / n)) + (n - k) * np.log((1 - theta) / (1 - k / n))
        assert 0.935 < np.mean(np.exp(ratio) >= 0.15) < 0.965


def test_test_images_are_a_little_easier_than_the_training_images():
    train_iter, test_iter = dh.load_data("digits", batch_size=64)
    for seed in (3, 4):
        net = softmax_regression(seed, 0.01)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.3})
        dh.train(net, train_iter, gluon.loss.SoftmaxCrossEntropyLoss(), trainer, 15, verbose=False)
        assert dh.evaluate_loss(net, test_iter, CROSS_ENTROPY) < dh.evaluate_loss(net, train_iter, CROSS_ENTROPY)


# 04


@pytest.fixture(scope="module")
def digits():
    train_iter, test_iter = dh.load_data("digits", batch_size=64)
    return train_iter.whole(), test_iter.whole()


def test_unscaled_pixels_give_scores_in_the_tens_of_thousands_after_a_step(digits):
    (images, labels), _ = digits
    for seed in (1, 2, 3):
        net = softmax_regression(seed)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.3})
        with autograd.record():
            losses = CROSS_ENTROPY(net(images[:64] * 255), labels[:64])
        losses.backward()
        trainer.step(64)
        assert 10_000 < net(images[:64] * 255).max(axis=1).mean().asscalar() < 100_000


@pytest.mark.parametrize("seed", [1, 2])
def test_loss_with_a_floor_stands_still(digits, seed):
    (images, labels), (test_images, test_labels) = digits
    with_floor = functions("04", train_part=None, validation=None)["with_floor"]
    net = softmax_regression(seed)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.3})
    loud = dh.load_array((images * 255, labels), 64)
    history = dh.train(net, loud, with_floor, trainer, 10, verbose=False)
    assert np.ptp(history.loss[3:]) < 1e-3 * history.loss[3]
    assert dh.accuracy(net(test_images * 255), test_labels) < 0.3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_validation_loss_promises_what_the_test_loss_keeps(digits, seed):
    (images, labels), test = digits
    halves = []
    for arrays, held_out in [
        ((images[:1200], labels[:1200]), (images[1200:], labels[1200:])),
        ((images, labels), test),
    ]:
        losses = []
        for rate in (0.3, 2.56):
            net = softmax_regression(seed)
            trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": rate})
            dh.train(net, dh.load_array(arrays, 64), CROSS_ENTROPY, trainer, 15, verbose=False)
            losses.append(CROSS_ENTROPY(net(held_out[0]), held_out[1]).mean().asscalar())
        halves.append(losses[1] / losses[0])
    validation, test = halves
    assert 0.35 < validation < 0.6
    assert test < 0.55


@pytest.mark.parametrize("rate", [0.04, 0.64, 2.56])
def test_no_validation_loss_rises_for_good_in_twice_the_epochs(digits, rate):
    (images, labels), _ = digits
    net = softmax_regression(4)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": rate})
    held_out = dh.load_array((images[1200:], labels[1200:]), 237, shuffle=False)
    batches = dh.load_array((images[:1200], labels[:1200]), 64)
    losses = dh.train(net, batches, CROSS_ENTROPY, trainer, 30, held_out, verbose=False).test_loss
    assert np.mean(losses[25:]) < np.mean(losses[10:15])


# 05


@pytest.fixture(scope="module")
def polynomials():
    return functions("05", start=None)


def draws_of(polynomials):
    for seed in (55, *range(1, 10)):
        dh.seed(seed)
        yield *polynomials["measure"](15), *polynomials["measure"](500)


def test_degree_12_turns_up_and_degree_3_hardly_does_in_most_draws(polynomials):
    rises = {3: [], 12: []}
    for x, y, x_test, y_test in draws_of(polynomials):
        for degree, rise in rises.items():
            A, A_test = (polynomials["polynomial_features"](values, degree) for values in (x, x_test))
            w, losses = np.zeros(degree + 1), []
            for _ in range(250):
                w = w - 0.2 * A.T @ (A @ w - y) / 15
                losses.append(((A_test @ w - y_test) ** 2 / 2).mean())
            rise.append(losses[-1] / min(losses))
    assert np.sum(np.array(rises[12]) > 1.2) >= 7
    assert np.sum(np.array(rises[3]) < 1.05) >= 7


def test_for_most_draws_of_fifteen_points_degree_12_has_a_far_larger_test_loss(polynomials):
    x, y, x_test, y_test = next(draws_of(polynomials))
    fit, loss = polynomials["fit"], polynomials["polynomial_loss"]
    losses = [loss(fit(*polynomials["measure"](15), 12), x_test, y_test) for _ in range(200)]
    assert np.mean(np.array(losses) > 10 * loss(fit(x, y, 12), x_test, y_test)) > 0.7


def test_the_cubic_without_decay_beats_degree_12_with_its_best_decay(polynomials):
    loss = polynomials["polynomial_loss"]
    for x, y, x_test, y_test in draws_of(polynomials):
        strengths = np.logspace(-5, 1.5, 53)
        best = min(loss(polynomials["fit_with_decay"](x, y, 12, lambd), x_test, y_test) for lambd in strengths)
        assert loss(polynomials["fit"](x, y, 3), x_test, y_test) < best


def test_labels_of_the_15_points_are_larger_and_spread_more_than_those_of_the_test_set(polynomials):
    _, y, _, y_test = next(draws_of(polynomials))
    assert (y**2).mean() > (y_test**2).mean()
    assert y.var() > 1.5 * y_test.var()


@pytest.mark.parametrize("num_epochs", [50, 100])
@pytest.mark.parametrize("seed", [1, 2])
def test_beyond_a_decay_of_three_the_test_loss_hardly_changes_but_the_norm_does(num_epochs, seed):
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(120, 200)).astype("float32")
    y = (X @ np.full(200, 0.01) + 0.05 + draw.normal(0, 0.01, 120)).astype("float32")
    names = functions("05", n_train=20, batch_size=5, lr=0.02, start=nd.array(draw.normal(size=200)))
    names["train_set"] = nd.array(X[:20]), nd.array(y[:20])
    norms, losses = [], []
    for lambd in (3.7, 31.6):
        w, b = names["train_by_decay"](lambd, num_epochs)
        norms.append(norm(w))
        losses.append(((X[20:] @ w + b - y[20:]) ** 2 / 2).mean())
    assert norms[1] < 0.75 * norms[0]
    assert 0.6 < losses[1] / losses[0] < 1.7


def test_half_the_epochs_take_about_twice_the_decay():
    draw = np.random.default_rng(1)
    X, start = draw.normal(size=(20, 200)), draw.normal(size=200)
    y = X @ np.full(200, 0.01) + 0.05
    names = functions("05", n_train=20, batch_size=5, lr=0.02, start=nd.array(start))
    names["train_set"] = nd.array(X), nd.array(y)
    rows = np.linalg.qr(X.T)[0]  # outside of these directions the gradient is zero
    left = []
    for lambd, num_epochs in ((0.4, 50), (0.8, 25), (0.4, 25)):
        w, _ = names["train_by_decay"](lambd, num_epochs)
        left.append(norm(w - rows @ (rows.T @ w)))
    assert left[1] == pytest.approx(left[0], rel=0.05)
    assert left[2] > 2 * left[0]


# 06


def classifier(digits, num_hidden, seed, num_epochs):
    """Return a network of the chapter that was trained on all digits, and its history."""
    train, test = (dh.load_array(arrays, 64, shuffle=i == 0) for i, arrays in enumerate(digits))
    names = functions("06", loss=CROSS_ENTROPY, all_train=train, all_test=test)
    return names["train_classifier"](num_hidden, 0.3, seed, num_epochs)


@pytest.mark.parametrize("seed", [4, 5])
def test_hidden_layer_starts_more_slowly_and_ends_at_about_half_the_loss(digits, seed):
    linear, mlp = (classifier(digits, num_hidden, seed, 60)[1] for num_hidden in (0, 64))
    assert mlp.loss[0] > 1.1 * linear.loss[0]
    assert mlp.metric[2] < linear.metric[2] - 0.1
    for num_epochs in (15, 30, 60):
        last = slice(num_epochs - 5, num_epochs)
        assert np.mean(mlp.loss[last]) < 0.6 * np.mean(linear.loss[last])
        assert np.mean(mlp.test_loss[last]) < 0.8 * np.mean(linear.test_loss[last])
        assert abs(np.mean(mlp.test_metric[last]) - np.mean(linear.test_metric[last])) < 0.025


def test_after_many_epochs_both_models_read_the_digits_and_the_hidden_layer_keeps_its_lower_loss(digits):
    linear, mlp = (classifier(digits, num_hidden, 4, 240)[1] for num_hidden in (0, 64))
    for history in (linear, mlp):
        assert 0.97 < np.mean(history.test_metric[-10:]) < 0.99
    assert np.mean(mlp.test_loss[-10:]) < 0.8 * np.mean(linear.test_loss[-10:])


@pytest.mark.parametrize("seeds", [(4, 5, 6), (7, 8, 9)])
def test_hidden_layer_wins_some_digits_and_loses_others_about_as_chance_would(digits, seeds):
    images, labels = digits[1]
    truth, right = labels.asnumpy(), []
    for num_hidden in (0, 64):
        nets = [classifier(digits, num_hidden, seed, 30)[0] for seed in seeds]
        right.append(sum(nd.softmax(net(images)).asnumpy() for net in nets).argmax(axis=1) == truth)
    won, lost = (right[1] & ~right[0]).sum(), (right[0] & ~right[1]).sum()
    assert min(won, lost) > 0
    assert abs(won - lost) < 2.5 * np.sqrt(won + lost)


@pytest.mark.parametrize("seed", [4, 5])
def test_some_hidden_neurons_respond_to_one_digit_and_most_to_several(digits, seed):
    images, labels = digits[1]
    net, _ = classifier(digits, 64, seed, 30)
    order = np.argsort(-net[0](images).asnumpy(), axis=0)
    kinds = [len(set(column)) for column in labels.asnumpy()[order[:20]].T]
    assert min(kinds) == 1
    assert np.mean(np.array(kinds) > 1) > 0.75
    assert np.median(kinds) in (2, 3, 4)


@pytest.fixture(scope="module")
def curve():
    names = functions("06")
    x = np.linspace(-4.5, 4.5, 361)
    target = names["curve_to_follow"](x)
    names |= {"X": nd.array(x[:, None]), "y": nd.array(target[:, None]), "inside": np.abs(x) <= 3}
    return {**names, "x": x, "target": target}


def outputs_by_hand(curve, num_neurons):
    W1, b1, W2, b2 = curve["weights_by_hand"](num_neurons)
    return (np.maximum(curve["x"][:, None] @ W1 + b1, 0) @ W2 + b2)[:, 0]


def test_error_of_neurons_by_hand_falls_with_the_square_of_their_number(curve):
    for num_neurons, bound in [(30, 0.02), (300, 0.0002)]:
        errors = np.abs(outputs_by_hand(curve, num_neurons) - curve["target"])
        assert 0.5 * bound < errors[curve["inside"]].max() < 1.001 * bound
        assert errors[~curve["inside"]].max() > 1


@pytest.mark.parametrize(("seed", "num_steps"), [(2, 250), (3, 500), (4, 1000)])
def test_training_ends_ten_times_as_far_from_the_curve_and_goes_on_in_straight_lines_outside(curve, seed, num_steps):
    names = {name: curve[name] for name in ("X", "y", "inside")}
    outputs = functions("06", **names)["outputs_of_training"](seed, num_steps)
    errors = np.abs(outputs - curve["target"])
    assert errors[curve["inside"]].max() > 10 * 0.02
    assert errors[~curve["inside"]].max() > 1
    for end in (outputs[:60], outputs[-60:]):
        assert np.sum(np.abs(np.diff(end, 2)) > 1e-4) < 10  # straight, but for a few bends


def wrong_labels(digits, how_many, seed):
    (images, labels), _ = digits
    draw, given = np.random.default_rng(seed), labels[:150].asnumpy()
    chosen = draw.choice(150, how_many, replace=False)
    given[chosen] = (given[chosen] + draw.integers(1, 10, how_many)) % 10
    return images[:150], nd.array(given, dtype="int32")


def losses_with_dropout(digits, examples, rate, seed, num_epochs):
    """Return the training and the test loss after every 20 epochs, of the chapter's own network and loop."""
    names = functions("06", loss=CROSS_ENTROPY, test=digits[1])
    curves, _ = names["fit_gluon"](rate, seed, examples, num_epochs)
    return curves[:, 1], curves[:, 3]


@pytest.mark.parametrize(("how_many", "draw", "seed"), [(30, 7, 1), (30, 8, 2), (15, 6, 3), (45, 6, 4)])
def test_dropout_slows_the_learning_of_wrong_labels_and_lowers_the_best_test_loss(digits, how_many, draw, seed):
    examples = wrong_labels(digits, how_many, draw)
    (train_0, test_0), (train, test) = (losses_with_dropout(digits, examples, rate, seed, 60) for rate in (0, 0.5))
    assert min(test) < 0.97 * min(test_0)
    assert (train[1:] > 1.5 * train_0[1:]).all()


def test_in_a_longer_run_the_test_loss_with_dropout_ends_above_the_other(digits):
    examples = wrong_labels(digits, 30, 6)
    test_0, test = (losses_with_dropout(digits, examples, rate, 4, 240)[1] for rate in (0, 0.5))
    assert (test[:4] < test_0[:4]).all()
    assert test[-1] > 1.1 * test_0[-1]
    assert test_0[-1] > 1.1 * min(test_0)


def test_with_right_labels_dropout_gains_nothing_that_lasts(digits):
    (images, labels), _ = digits
    test_0, test = (losses_with_dropout(digits, (images[:150], labels[:150]), rate, 4, 240)[1] for rate in (0, 0.5))
    assert abs(np.mean(test[4:]) - np.mean(test_0[4:])) < 0.05
    assert test_0[-1] < 1.02 * min(test_0)


@pytest.mark.parametrize(("draw", "seed"), [(6, 4), (7, 1)])
def test_best_rate_depends_on_the_number_of_epochs_and_at_nine_tenths_nothing_is_learnt(digits, draw, seed):
    examples = wrong_labels(digits, 30, draw)
    by_rate = {rate: losses_with_dropout(digits, examples, rate, seed, 200) for rate in (0, 0.5, 0.7, 0.9)}
    for num_epochs, best in [(20, 0.5), (100, 0.7), (200, 0.7)]:
        at = {rate: test[num_epochs // 20 - 1] for rate, (_, test) in by_rate.items()}
        assert min(at, key=at.get) == best
    assert min(by_rate[0.9][0]) > 2


# 07


@pytest.fixture(scope="module")
def deep():
    names = {"activations": {}}
    source = cell("07", "code-43").source
    exec("import numpy as np\n" + source[: source.index("sigmas = {")], names)
    return names


@pytest.mark.parametrize("num_layers", [15, 30])
@pytest.mark.parametrize(("name", "factor"), [("tanh", 1), ("tanh", 2), ("ReLU", 2)])
def test_gradient_keeps_its_size_within_a_factor_of_ten(deep, num_layers, name, factor):
    norms = deep["gradient_norms"](name, np.sqrt(factor / 64), num_layers)
    assert norms.min() > 0.1
    assert norms.max() < 10


def test_he_grows_tenfold_every_50_layers_of_tanh_and_xavier_levels_off(deep):
    he, xavier = (
        [np.log10(deep["gradient_norms"]("tanh", np.sqrt(factor / 64), layers)[0]) for layers in (50, 100, 200)]
        for factor in (2, 1)
    )
    assert he == pytest.approx([1, 2, 4], abs=0.3)
    assert -1.3 < xavier[0] < -0.7
    assert -2.3 < xavier[2] < xavier[1] < xavier[0]


def test_no_sigma_of_the_figure_keeps_the_gradient_of_the_sigmoid(deep):
    for sigma in (1 / 16, np.sqrt(1 / 64), np.sqrt(2 / 64), 1 / 2):
        assert deep["gradient_norms"]("sigmoid", sigma)[0] < 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_with_one_random_matrix_learning_starts_after_some_60_steps(digits, seed):
    (images, labels), _ = digits
    names = functions("07", X_all=images[:500].reshape((-1, 64)).asnumpy().astype("float64"))
    names["Y_all"] = np.eye(10)[labels[:500].asnumpy()]
    draw = np.random.RandomState(seed)
    equal = np.full((32, 64), 0.1)
    random = draw.normal(scale=0.1, size=(32, 64)), draw.normal(scale=0.1, size=(10, 32))
    start = np.log(10)
    second, both = (names["train"](*matrices, num_steps=100)[0] for matrices in ((equal, random[1]), random))
    assert second[60] > start - 0.15
    assert second[99] < start - 0.7
    assert both[10] < start - 0.3


# 08


@pytest.fixture(scope="module")
def candidates():
    """The functions of the chapter, with what they read of its cells, and four working sets."""
    cars = dh.load_auto_mpg()
    words = [cars["origin"] == origin for origin in ("USA", "Europe", "Japan")]
    numbers = [cars[name] for name in ("cylinders", "displacement", "horsepower", "weight", "acceleration", "year")]
    table, y = np.column_stack([*numbers, *words]), np.log(cars["mpg"])
    names = functions("08", table=table, y=y)
    sets = [np.random.RandomState(seed).permutation(398)[80:] for seed in (21, 22, 23, 24)]
    return {**names, "year": cars["year"], "sets": sets}


@pytest.mark.parametrize("i", range(4))
def test_cars_that_are_standardised_by_themselves_are_taken_for_others(candidates, i):
    work, table, y, prepare = candidates["sets"][i], candidates["table"], candidates["y"], candidates["prepare"]
    train, newest = work[:254], [row for row in work[254:] if candidates["year"][row] > 1978]
    predict = candidates["fit_linear"](prepare(table[train], table[train])[0], y[train])
    right, wrong = (predict(prepare(table[known], table[newest])[1]) - y[newest] for known in (train, newest))
    assert norm(wrong) > 2 * norm(right)
    assert wrong.mean() < -0.15


@pytest.mark.parametrize("i", range(4))
def test_the_mean_of_five_folds_varies_far_less_than_a_single_one(candidates, i):
    dh.seed(i)
    work = candidates["sets"][i]
    errors = [candidates["cross_validate"](candidates["fit_linear"], candidates["make_folds"](work)) for _ in range(40)]
    single, means = np.array(errors)[:, 0], np.mean(errors, axis=1)
    assert single.std() > 3 * means.std()
    assert single.min() < 0.9 * means.mean()
    assert single.max() > 1.1 * means.mean()


@pytest.mark.parametrize("last", [1977, 1978, 1979])
@pytest.mark.parametrize("i", range(4))
def test_cars_of_tomorrow_break_the_promise_and_blocks_of_years_warn_of_it(candidates, i, last):
    dh.seed(i)
    work, table, y = candidates["sets"][i], candidates["table"], candidates["y"]
    cross_validate, make_folds, fit = (candidates[name] for name in ("cross_validate", "make_folds", "fit_linear"))
    is_old = candidates["year"][work] <= last
    old, new = work[is_old], work[~is_old]
    X, X_new = candidates["prepare"](table[old], table[new])
    errors = fit(X, y[old])(X_new) - y[new]
    assert candidates["rmse"](errors) > 1.25 * cross_validate(fit, make_folds(old)).mean()
    assert -0.16 < errors.mean() < -0.05
    blocks = cross_validate(fit, np.array_split(np.sort(work), 5)).mean()
    assert blocks > 1.05 * cross_validate(fit, make_folds(work)).mean()


@pytest.mark.parametrize("i", range(2))
def test_products_with_a_little_decay_gain_about_a_hundredth(candidates, i):
    dh.seed(i)
    cross_validate, fit_products = candidates["cross_validate"], candidates["fit_products"]
    means = []
    for _ in range(20):
        folds = candidates["make_folds"](candidates["sets"][i])
        fits = [lambda X, y, lambd=lambd: fit_products(X, y, lambd) for lambd in (0, 0.01, 0.03, 0.1, 1)]
        means.append([cross_validate(fit, folds).mean() for fit in (candidates["fit_linear"], *fits)])
        assert means[-1][3] < means[-1][1]
    linear, none, hundredth, chosen, tenth, one = np.mean(means, axis=0)
    assert 0.007 < linear - chosen < 0.011
    assert linear - none < 0.5 * (linear - chosen)
    assert max(abs(hundredth - chosen), abs(tenth - chosen)) < 0.003
    assert one > linear + 0.02


@pytest.mark.parametrize("i", range(2))
def test_networks_and_products_with_decay_are_not_told_apart(candidates, i):
    dh.seed(i)
    fits = [
        lambda X, y: candidates["fit_products"](X, y, 0.03),
        candidates["fit_network"],
        lambda X, y: candidates["fit_network"](X, y, wd=0.001),
        lambda X, y: candidates["fit_network"](X, y, rate=0.2),
    ]
    folds = candidates["make_folds"](candidates["sets"][i])
    assert np.ptp([candidates["cross_validate"](fit, folds).mean() for fit in fits]) < 0.01


@pytest.mark.parametrize("i", range(2))
def test_most_of_what_a_winner_gains_on_the_validation_set_is_luck(candidates, i):
    dh.seed(i)
    fifty_models = functions("08", **{**candidates, "work": candidates["sets"][i]})["fifty_models"]
    validation, fresh = np.array([fifty_models() for _ in range(60)]).transpose(1, 0, 2)
    rows, winners = np.arange(60), validation.argmin(axis=1)
    promised, kept = validation[rows, winners].mean(), fresh[rows, winners].mean()
    assert promised < 0.92 * kept
    assert fresh.mean() - kept < 0.5 * (validation.mean() - promised)


# 09


@pytest.fixture(scope="module")
def machines():
    """The functions of the chapter, with what they read of its cells."""
    train_iter, _ = dh.load_digits(batch_size=64)
    images, labels = train_iter.arrays
    X = np.column_stack([images.asnumpy().reshape((-1, 64)), np.ones(len(labels))])
    names = {"X": X, "Y": np.eye(10)[labels.asnumpy()], "labels": labels, "train_iter": train_iter}
    return functions("09", loss=CROSS_ENTROPY, **names)


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_rate_that_grows_with_the_number_of_workers_ends_in_guessing(machines, seed):
    for num_workers, learns in ((1, True), (2, True), (4, False), (8, False)):
        curve = machines["curve_of"](num_workers, num_epochs=10, seed=seed)
        for num_epochs in (5, 10):
            assert (curve[num_epochs - 1] < 0.4) == learns
            assert learns or 2.2 < curve[num_epochs - 1] < 2.5


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("num_epochs", [3, 5, 10])
def test_gradients_may_be_late_by_few_steps_only_or_at_a_small_rate(machines, seed, num_epochs):
    in_time, one, four, sixteen = (
        np.array(machines["losses_when_late"](delay, num_epochs=num_epochs, seed=seed)) for delay in (0, 1, 4, 16)
    )
    assert abs(one[-1] / in_time[-1] - 1) < 0.05
    assert four[-1] < 0.5 * four[0]
    assert (np.diff(four) > 0).sum() > 2 * (np.diff(in_time) > 0).sum()  # it swings
    assert sixteen[-1] > 2 * sixteen[0]
    slow, late = (machines["losses_when_late"](delay, 0.1, num_epochs, seed)[-1] for delay in (0, 16))
    assert abs(late / slow - 1) < 0.15


@pytest.mark.parametrize("seconds", [[1.0, 1.13, 1.37, 3.11], [1.0, 1.07], [0.7, 1.0, 1.31, 1.73, 2.9, 6.1]])
@pytest.mark.parametrize("until", [250, 500, 1000])
def test_a_gradient_is_late_by_as_many_steps_as_there_are_other_workers(seconds, until):
    jobs = [(r, k * each, (k + 1) * each) for r, each in enumerate(seconds) for k in range(int(until // each))]
    rank, start, end = np.array(jobs).T
    late = np.array([((pull < end) & (end < push)).sum() for pull, push in zip(start, end, strict=True)])
    assert late.mean() == pytest.approx(len(seconds) - 1, rel=0.05)
    assert late[rank == len(seconds) - 1].mean() == max(late[rank == r].mean() for r in range(len(seconds)))


@pytest.mark.parametrize("compute", [0.2, 1.6, 12.8])
def test_the_best_number_of_machines_is_about_where_computing_and_the_cable_take_as_long(machines, compute):
    times = [machines["step_time"](n, compute, 0.0064) for n in range(1, 200)]
    assert abs(1 + np.argmin(times) - np.sqrt(compute / 0.0064)) < 1

"""Usual mistakes in the exercises of chapter 08, and what the check says to them."""

from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import judge

import numpy as np
import pytest
from chinese import in_chinese


def rmse(errors):
    return np.sqrt((errors**2).mean())


def fit_linear(X, y, lambd=0):
    (n, d), mean, bias = X.shape, X.mean(axis=0), y.mean()
    A = np.vstack([X - mean, np.sqrt(n * lambd) * np.eye(d)])
    w = np.linalg.lstsq(A, np.append(y - bias, np.zeros(d)), rcond=None)[0]
    return lambda X: (X - mean) @ w + bias


def prepare_like(X_train, X):
    median = np.nanmedian(X_train, axis=0)
    X_train, X = np.where(np.isnan(X_train), median, X_train), np.where(np.isnan(X), median, X)
    return (X - X_train.mean(axis=0)) / X_train.std(axis=0)


def prepared_in_place(X_train, X):
    for part in (X, X_train):
        for column in range(X_train.shape[1]):
            part[np.isnan(part[:, column]), column] = np.nanmedian(X_train[:, column])
    X -= X_train.mean(axis=0)
    X /= X_train.std(axis=0)
    return X


def one_hot_by_loop(values, categories):
    return [[float(value == word) for word in categories] for value in values]


def folds_of(n, k, shuffled=False):
    rows = np.random.permutation(n) if shuffled else np.arange(n)
    return np.array_split(rows, k)


def k_fold(shuffled=False, train_on=None, reduce=np.mean, num_folds=None, error=rmse, refit=True, labels=None):
    """A cross-validation with the mistake that the arguments describe."""

    def answer(fit, X, y, k):
        n, errors = len(y), []
        predict = None if refit else fit(X[n // k :], y[n // k :])
        for valid in folds_of(n, k, shuffled)[:num_folds]:
            train = np.setdiff1d(np.arange(n), valid)
            train = train if train_on is None else train_on(train, valid, n)
            if refit:
                predict = fit(X[train], y[train] if labels is None else labels(y, train))
            errors.append(error(predict(X[valid]) - y[valid]))
        return reduce(errors)

    return answer


def with_sklearn(fit, X, y, k):
    from sklearn.model_selection import KFold

    errors = []
    for train, valid in KFold(k, shuffle=True).split(X):
        predict = fit(X[train], y[train])
        errors.append(np.sqrt(((predict(X[valid]) - y[valid]) ** 2).mean()))
    return np.mean(errors)


def pipeline(choose_inside=True, standardise_inside=True, best=10, root=np.sqrt):
    """The pipeline of 08.6, with each step in or before the loop."""

    def score(fit, X, y):
        errors, Z = [], X
        if not standardise_inside:
            Z = (X - X.mean(axis=0)) / X.std(axis=0)
        chosen = np.argsort(np.abs(((X - X.mean(axis=0)) / X.std(axis=0)).T @ (y - y.mean())))[-best:]
        for valid in folds_of(len(y), 5):
            train = np.setdiff1d(np.arange(len(y)), valid)
            if standardise_inside:
                Z = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
            if choose_inside:
                chosen = np.argsort(np.abs(Z[train].T @ (y[train] - y[train].mean())))[-best:]
            predict = fit(Z[train][:, chosen], y[train])
            errors.append(root(((predict(Z[valid][:, chosen]) - y[valid]) ** 2).mean()))
        return np.mean(errors)

    return score


def choose(k=5, refit=True, shuffled=True, pick=np.argmin, on_training=False):
    """The recipe of 08.8, with the mistake that the arguments describe."""

    def answer(fit, X, y, X_new, lambdas):
        means, folds = [], folds_of(len(y), k, shuffled)
        for lambd in lambdas:
            errors = []
            for valid in folds:
                train = np.setdiff1d(np.arange(len(y)), valid)
                predict = fit(X[train], y[train], lambd)
                judged = train if on_training else valid
                errors.append(rmse(predict(X[judged]) - y[judged]))
            means.append(np.mean(errors))
        best = lambdas[pick(means)]
        return (fit(X, y, best) if refit else fit(X[:30], y[:30], best))(X_new)

    return answer


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("08.1", 20.3, "not of miles"),
        ("08.1", 26, "no percentage any more"),
        ("08.1", 14.8, "too much is predicted"),
        ("08.1", 39.9, "the natural logarithm"),
        ("08.1", 1.35, "the factor between prediction and truth"),
        ("08.1", 3.3, "the logarithm of the prediction"),
        ("08.1", 100, "expected: a smaller number"),
        ("08.2", lambda y_hat, y: ((np.log(y_hat) - np.log(y)) ** 2).mean(), "take its root"),
        ("08.2", lambda y_hat, y: rmse(y_hat - y), "take logarithms first"),
        ("08.2", lambda y_hat, y: np.linalg.norm(np.log(y_hat / y)), "the root of the sum"),
        ("08.2", lambda y_hat, y: np.abs(np.log(y_hat / y)).mean(), "the mean of the absolute errors"),
        ("08.2", lambda y_hat, y: np.log(y_hat / y).mean(), "errors of both signs cancel"),
        ("08.2", lambda y_hat, y: np.log(rmse(y_hat - y)), "take the error of the logarithms"),
        ("08.2", lambda y_hat, y: rmse(y_hat / y - 1), "the relative error itself"),
        ("08.2", lambda y_hat, y: np.sqrt(np.log(y_hat / y) ** 2), "an error for each car"),
        ("08.3", lambda X_train, X: prepare_like(X, X), "by their own numbers"),
        ("08.3", lambda X_train, X: prepare_like(np.vstack([X_train, X]), X), "from both parts together"),
        ("08.3", lambda X_train, X: prepare_like(X_train, X_train), "these are the rows of X_train"),
        ("08.3", lambda X_train, X: prepare_like(np.nan_to_num(X_train), np.nan_to_num(X)), "not 0"),
        (
            "08.3",
            lambda X_train, X: (X - np.nanmean(X_train, axis=0)) / np.nanstd(X_train, axis=0),
            "there are still gaps",
        ),
        ("08.4", lambda values, categories: np.array(one_hot_by_loop(values, categories)).T, "a row for each value"),
        ("08.4", lambda values, categories: [categories.index(v) for v in values], "would claim an order"),
        ("08.4", lambda values, categories: one_hot_by_loop(values, sorted(categories)), "not of the alphabet"),
        ("08.4", lambda values, categories: one_hot_by_loop(values, sorted(set(values))), "that happen to be there"),
        ("08.5", k_fold(train_on=lambda train, valid, n: np.arange(n)), "leave the validation fold out"),
        ("08.5", k_fold(refit=False), "call fit inside the loop"),
        ("08.5", k_fold(num_folds=2), "calls of fit: 2"),
        ("08.5", k_fold(train_on=lambda train, valid, n: train[:4]), "models trained on 4 rows"),
        ("08.5", k_fold(reduce=np.sum), "not their sum"),
        ("08.5", k_fold(reduce=lambda errors: errors[-1]), "the last fold's error alone"),
        ("08.5", k_fold(reduce=lambda errors: errors[0]), "the first fold's error alone"),
        ("08.5", k_fold(reduce=list), "these are the k errors"),
        ("08.5", k_fold(error=lambda errors: (errors**2).mean()), "take the root"),
        ("08.5", k_fold(error=lambda errors: np.abs(errors).mean()), "square the errors"),
        ("08.5", k_fold(labels=lambda y, train: y[: len(train)]), "features and labels of different rows"),
        ("08.5", lambda fit, X, y, k: fit(2 * X, y)(X).mean(), "rows that are not in X"),
        ("08.5", lambda fit, X, y, k: [fit(X[1:], y[1:])(X[:1]) for _ in range(k)], "rows predicted"),
        ("08.6", pipeline(choose_inside=False), "choose inside the loop"),
        ("08.6", pipeline(choose_inside=False, standardise_inside=False), "choose inside the loop"),
        ("08.6", pipeline(root=lambda square: square), "take the root"),
        ("08.6", pipeline(best=500), "choose the ten"),
        ("08.6", lambda fit, X, y: 1.0, "came out: 1"),
        ("08.7", "abce", "which folds gave the larger error"),
        ("08.7", "ae", "which line lies lower on the right"),
        ("08.7", "acde", "had a say in the choice"),
        ("08.7", "ac", "or another seed, have said"),
        ("08.7", "ce", "if a row of the validation fold were another one"),
        ("08.8", choose(on_training=True), "another one has the smallest mean of the folds"),
        ("08.8", choose(pick=np.argmax), "another one has the smallest mean of the folds"),
        ("08.8", choose(pick=lambda means: 0), "the strength 0.0001;"),
        ("08.8", choose(refit=False), "trained again on all rows"),
        ("08.8", lambda fit, X, y, X_new, lambdas: lambdas[0], "one for each row"),
        ("08.8", lambda fit, X, y, X_new, lambdas: fit(X, y, 0.01)(X), "expected: an array of shape (2000,)"),
        ("08.8", lambda fit, X, y, X_new, lambdas: None, "not answered yet"),
    ],
)
def test_wrong_answers(number, answer, message):
    verdict = judge(find(number), answer)
    assert not verdict.right
    assert message in verdict.text, verdict.text
    in_chinese(verdict)


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("08.1", 27),
        ("08.1", 20 * np.exp(0.3)),
        ("08.2", lambda y_hat, y: rmse(np.log(y_hat / y))),
        ("08.2", lambda y_hat, y: np.linalg.norm(np.log(y_hat / y)) / np.sqrt(len(y))),
        ("08.3", prepare_like),
        ("08.3", prepared_in_place),
        ("08.4", one_hot_by_loop),
        ("08.4", lambda values, categories: values[:, np.newaxis] == np.array(categories)),
        ("08.5", k_fold()),
        ("08.5", k_fold(shuffled=True)),
        ("08.5", with_sklearn),
        ("08.6", pipeline()),
        ("08.7", "ace"),
        ("08.8", choose()),
        ("08.8", choose(k=10)),
        ("08.8", choose(k=3)),
        ("08.8", choose(k=60)),
        ("08.8", choose(shuffled=False)),
        ("08.8", lambda *args: choose()(*args).reshape((-1, 1))),
    ],
)
def test_right_answers(number, answer):
    verdict = judge(find(number), answer)
    assert verdict.right, verdict.text


@pytest.mark.parametrize("variant", range(10))
def test_the_choice_does_not_hang_on_the_folds(variant):
    """Neither on the first inputs nor on those of reviews."""
    np.random.seed(variant)
    for k in (4, 5, 8):
        assert judge(find("08.8"), choose(k=k), variant).right


def test_the_leak_promises_much_from_noise_and_the_honest_score_does_not():
    """What the exercise says of the colleague's numbers, for other noise than that of the check."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(60, 500)), rng.normal(size=60)
        leaky = pipeline(choose_inside=False, standardise_inside=False)(fit_linear, X, y)
        assert leaky < 0.85 * y.std()
        assert pipeline()(fit_linear, X, y) > 0.95 * y.std()

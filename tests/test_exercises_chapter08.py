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


def prepared(centre=None, scale=np.std, fill=np.nanmedian, fill_train=True):
    """A preparation with the mistake that the arguments describe; `centre` and `scale` are given both parts."""

    def answer(X_train, X):
        median = fill(X_train, axis=0)
        train = np.where(np.isnan(X_train), median, X_train) if fill_train else X_train
        rows = np.where(np.isnan(X), median, X)
        return (rows - (centre or (lambda train, rows: train.mean(axis=0)))(train, rows)) / scale(train, axis=0)

    return answer


def with_median_of_both(X_train, X):
    both = np.vstack([X_train, X])
    return prepared(fill=lambda part, axis: np.nanmedian(both, axis=axis))(X_train, X)


def standardised_together(X_train, X):
    both = np.vstack([X_train, X])
    for column, median in zip(both.T, np.nanmedian(X_train, axis=0), strict=True):
        column[np.isnan(column)] = median
    return ((both - both.mean(axis=0)) / both.std(axis=0))[len(X_train) :]


def filled_last(X_train, X):
    """The gaps become the median of what has been standardised already."""
    train, rows = ((part - np.nanmean(X_train, axis=0)) / np.nanstd(X_train, axis=0) for part in (X_train, X))
    return np.where(np.isnan(rows), np.nanmedian(train, axis=0), rows)


def scaled_by_itself(X_train, X):
    rows = prepared(scale=lambda part, axis: 1)(X_train, X)
    return rows / rows.std(axis=0)


def with_pandas(X_train, X):
    pandas = pytest.importorskip("pandas")
    train, rows = pandas.DataFrame(X_train), pandas.DataFrame(X)
    train, rows = train.fillna(train.median()), rows.fillna(train.median())
    return (rows - train.mean()) / train.std()


def one_hot_with_sklearn(values, categories):
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(categories=[categories], handle_unknown="ignore")
    return encoder.fit_transform(values.reshape(-1, 1))  # a sparse matrix


def codes(values, categories, unknown=-1):
    return [categories.index(value) if value in categories else unknown for value in values]


def one_hot_by_loop(values, categories):
    return [[float(value == word) for word in categories] for value in values]


def folds_of(n, k, shuffled=False):
    rows = np.random.permutation(n) if shuffled else np.arange(n)
    return np.array_split(rows, k)


def k_fold(
    shuffled=False,
    train_on=None,
    reduce=np.mean,
    num_folds=None,
    last=None,
    error=rmse,
    refit=True,
    labels=None,
    look=None,
):
    """A cross-validation with the mistake that the arguments describe."""

    def answer(fit, X, y, k):
        n, errors = len(y), []
        predict = None if refit else fit(X[n // k :], y[n // k :])
        for valid in folds_of(n, num_folds or k, shuffled)[:last]:
            train = np.setdiff1d(np.arange(n), valid)
            train = train if train_on is None else train_on(train, valid, n)
            if refit:
                predict = fit(X[train], y[train] if labels is None else labels(y, train))
            look_at = look or (lambda predict, X, y, valid, train: predict(X[valid]) - y[valid])
            errors.append(error(look_at(predict, X, y, valid, train)))
        return reduce(errors)

    return answer


def row_by_row(predict, X, y, valid, train):
    return np.array([predict(X[i : i + 1])[0] - y[i] for i in valid])


def training_error_too(predict, X, y, valid, train):
    rmse(predict(X[train]) - y[train])
    return predict(X[valid]) - y[valid]


def twice(predict, X, y, valid, train):
    predict(X[valid])
    return predict(X[valid]) - y[valid]


def with_sklearn(fit, X, y, k):
    from sklearn.model_selection import KFold

    errors = []
    for train, valid in KFold(k, shuffle=True).split(X):
        predict = fit(X[train], y[train])
        errors.append(np.sqrt(((predict(X[valid]) - y[valid]) ** 2).mean()))
    return np.mean(errors)


def pipeline(
    choose_inside=True,
    standardise_inside=True,
    best=10,
    root=np.sqrt,
    labels_of_all=False,
    by_itself=False,
    strength=np.abs,
    standardise=True,
    fit_all=False,
):
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
            if not standardise:
                Z = X
            if by_itself:
                Z[valid] = (X[valid] - X[valid].mean(axis=0)) / X[valid].std(axis=0)
            if choose_inside:
                rows = np.arange(len(y)) if labels_of_all else train
                chosen = np.argsort(strength(Z[rows].T @ (y[rows] - y[rows].mean())))[-best:]
            known = np.arange(len(y)) if fit_all else train
            predict = fit(Z[known][:, chosen], y[known])
            errors.append(root(((predict(Z[valid][:, chosen]) - y[valid]) ** 2).mean()))
        return np.mean(errors)

    return score


def pooled(fit, X, y):
    """The pipeline of 08.6 with one root for all rows."""
    squares = []
    pipeline(root=lambda square: squares.append(square) or 0.0)(fit, X, y)
    return np.sqrt(np.mean(squares))


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
        ("08.2", lambda y_hat, y: rmse(np.log10(y_hat / y)), "np.log is the natural logarithm"),
        ("08.2", lambda y_hat, y: rmse(np.log1p(y_hat) - np.log1p(y)), "not that of 1 + y"),
        ("08.2", lambda y_hat, y: np.std(np.log(y_hat / y)), "subtracts the mean error"),
        ("08.2", lambda y_hat, y: rmse(np.log(y_hat / y)) / np.sqrt(2), "without the half"),
        ("08.3", lambda X_train, X: prepare_like(X, X), "by their own numbers"),
        ("08.3", prepared(scale=lambda part, axis: part.std(axis=axis, ddof=1)), "divides by n - 1"),
        ("08.3", with_pandas, "divides by n - 1"),
        ("08.3", prepared(fill=lambda part, axis: np.nanmedian(part)), "each column has a median of its own"),
        ("08.3", prepared(fill_train=False), "the gaps of X_train"),
        ("08.3", prepared(centre=lambda train, rows: rows.mean(axis=0)), "mean and standard deviation of X_train"),
        (
            "08.3",
            lambda X_train, X: np.nan_to_num((X - np.nanmean(X_train, axis=0)) / np.nanstd(X_train, axis=0)),
            "fill first",
        ),
        (
            "08.3",
            lambda X_train, X: prepared()(X_train, np.where(np.isnan(X), np.nanmedian(X, axis=0), X)),
            "the gaps of X were filled by its own median",
        ),
        ("08.3", with_median_of_both, "the median comes from both parts"),
        ("08.3", standardised_together, "mean and standard deviation come from both parts"),
        ("08.3", prepared(fill=np.nanmean), "the median of the known values, not their mean"),
        ("08.3", filled_last, "fill X_train first"),
        ("08.3", prepared(scale=np.var), "divide by the standard deviation, not its square"),
        ("08.3", scaled_by_itself, "here one of them comes from X"),
        ("08.3", prepared(scale=lambda part, axis: 1), "the division by the standard deviation is missing"),
        ("08.3", prepared(centre=lambda train, rows: 0), "the mean has not been subtracted"),
        (
            "08.3",
            prepared(centre=lambda train, rows: np.mean(train), scale=lambda part, axis: np.std(part)),
            "each column has a mean and a standard deviation of its own",
        ),
        ("08.3", lambda X_train, X: (prepare_like(X_train, X_train), prepare_like(X_train, X)), "return X alone"),
        ("08.3", lambda X_train, X: np.where(np.isnan(X), np.nanmedian(X_train, axis=0), X), "filled, but not"),
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
        ("08.4", lambda values, categories: one_hot_by_loop(values, categories[1:]), "the first word has no column"),
        ("08.4", lambda values, categories: values[:, np.newaxis] != np.array(categories), "1 where the word holds"),
        ("08.4", codes, "would claim an order"),
        ("08.4", lambda values, categories: np.add(codes(values, categories), 1), "would claim an order"),
        ("08.4", lambda values, categories: np.eye(len(categories))[codes(values, categories)], "a row of zeros"),
        ("08.4", lambda values, categories: np.eye(len(categories))[codes(values, categories, 0)], "a row of zeros"),
        (
            "08.4",
            lambda values, categories: np.eye(len(categories) + 1)[codes(values, categories, len(categories))],
            "has no column",
        ),
        ("08.5", k_fold(look=lambda predict, X, y, valid, train: predict(X) - y), "measure on the fold alone"),
        ("08.5", k_fold(look=lambda predict, X, y, valid, train: predict(X[train]) - y[train]), "predict the fold"),
        ("08.5", k_fold(train_on=lambda train, valid, n: valid), "train on all the other folds"),
        ("08.5", k_fold(reduce=lambda errors: np.sqrt(np.mean(np.square(errors)))), "a root for each fold"),
        ("08.5", k_fold(reduce=max), "the error of one fold alone"),
        ("08.5", k_fold(reduce=min), "the error of one fold alone"),
        ("08.5", k_fold(error=np.mean), "square them first"),
        ("08.5", k_fold(error=np.linalg.norm), "take the mean of the squares"),
        (
            "08.5",
            k_fold(look=lambda predict, X, y, valid, train: np.log(predict(X[valid])) - np.log(y[valid])),
            "in logs already",
        ),
        ("08.5", k_fold(num_folds=7), "k is the number of folds"),
        ("08.5", k_fold(train_on=lambda train, valid, n: np.arange(n)), "leave the validation fold out"),
        ("08.5", k_fold(refit=False), "call fit inside the loop"),
        ("08.5", k_fold(last=2), "calls of fit: 2"),
        ("08.5", k_fold(train_on=lambda train, valid, n: train[:4]), "models trained on 4 rows"),
        ("08.5", k_fold(reduce=np.sum), "not their sum"),
        ("08.5", k_fold(reduce=lambda errors: errors[-1]), "the error of one fold alone"),
        ("08.5", k_fold(reduce=lambda errors: errors[0]), "the error of one fold alone"),
        ("08.5", k_fold(reduce=list), "these are the k errors"),
        ("08.5", k_fold(error=lambda errors: (errors**2).mean()), "take the root"),
        ("08.5", k_fold(error=lambda errors: np.abs(errors).mean()), "square the errors"),
        ("08.5", k_fold(labels=lambda y, train: y[: len(train)]), "features and labels of different rows"),
        ("08.5", lambda fit, X, y, k: fit(2 * X, y)(X).mean(), "rows that are not in X"),
        ("08.5", lambda fit, X, y, k: [fit(X[1:], y[1:])(X[:1]) for _ in range(k)], "rows predicted"),
        ("08.6", pipeline(choose_inside=False), "choose inside the loop"),
        ("08.6", pipeline(choose_inside=False, standardise_inside=False), "choose inside the loop"),
        ("08.6", pipeline(labels_of_all=True), "choose by the rows of the training part only"),
        ("08.6", pipeline(standardise_inside=False), "standardised by all rows"),
        ("08.6", pipeline(by_itself=True), "by its own mean"),
        ("08.6", pipeline(strength=lambda values: values), "np.abs"),
        ("08.6", pooled, "a root for each fold"),
        ("08.6", pipeline(root=lambda square: square), "take the root"),
        ("08.6", pipeline(best=500), "choose the ten"),
        ("08.6", pipeline(choose_inside=False, fit_all=True), "the weights are fitted to all rows"),
        ("08.6", pipeline(labels_of_all=True, fit_all=True), "the weights are fitted to all rows"),
        ("08.6", pipeline(fit_all=True), "the weights are fitted to all rows"),
        ("08.6", pipeline(standardise=False), "the features are not standardised"),
        ("08.6", pipeline(strength=lambda values: -np.abs(values)), "go least with the labels"),
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
        ("08.4", one_hot_with_sklearn),
        ("08.4", lambda values, categories: values[:, np.newaxis] == np.array(categories)),
        ("08.5", k_fold()),
        ("08.5", k_fold(shuffled=True)),
        ("08.5", with_sklearn),
        ("08.5", k_fold(look=row_by_row)),
        ("08.5", k_fold(look=lambda predict, X, y, valid, train: (predict(X) - y)[valid])),
        ("08.5", k_fold(look=twice)),
        ("08.5", k_fold(look=training_error_too)),
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


@pytest.mark.parametrize("variant", range(4))
def test_the_choice_does_not_hang_on_the_folds(variant):
    """Neither on the first inputs nor on those of reviews."""
    np.random.seed(variant)
    for k in (4, 5, 8):
        assert judge(find("08.8"), choose(k=k), variant).right


def test_an_answer_that_changes_what_it_gets_changes_nothing_for_the_next_one():
    def spoiling(fit, X, y, X_new, lambdas):
        result = choose()(fit, X.copy(), y.copy(), X_new.copy(), list(lambdas))
        X[:], y[:], X_new[:] = 0, 0, 0
        lambdas.clear()
        return result

    for _ in range(2):
        assert judge(find("08.8"), spoiling).right


@pytest.mark.parametrize("variant", range(4))
@pytest.mark.parametrize("whole", [False, True], ids=["the last fold's", "the mean of all folds'"])
def test_a_model_that_has_seen_most_rows_was_not_trained_again(variant, whole):
    """Though its predictions may be as good, on some inputs."""

    def answer(fit, X, y, X_new, lambdas):
        models = {}
        for lambd in lambdas:
            errors, models[lambd] = [], []
            for valid in folds_of(len(y), 10, True):
                train = np.setdiff1d(np.arange(len(y)), valid)
                models[lambd].append(fit(X[train], y[train], lambd))
                errors.append(rmse(models[lambd][-1](X[valid]) - y[valid]))
            models[lambd] = np.mean(errors), models[lambd]
        _, chosen = min(models.values(), key=lambda pair: pair[0])
        return np.mean([model(X_new) for model in chosen], axis=0) if whole else chosen[-1](X_new)

    np.random.seed(variant)
    verdict = judge(find("08.8"), answer, variant)
    assert not verdict.right
    assert "trained again on all rows" in verdict.text


def test_the_leak_promises_much_from_noise_and_the_honest_score_does_not():
    """What the exercise says of the colleague's numbers, for other noise than that of the check."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(60, 500)), rng.normal(size=60)
        leaky = pipeline(choose_inside=False, standardise_inside=False)(fit_linear, X, y)
        assert leaky < 0.85 * y.std()
        assert pipeline()(fit_linear, X, y) > 0.95 * y.std()

"""Exercises of chapter 08, the honest choice of a model."""

import functools

import numpy as np

from ..language import N_
from .calling import call
from .comparing import compare
from .judging import Exercise, Wrong
from .kinds import by_number, choice_exercise, function_exercise, number_exercise
from .variants import VARIANT, generator

# 08.1

MILES = number_exercise(
    "08.1",
    "What a log error means",
    value=lambda: 20 * np.exp(0.3),
    tolerance=0.01,
    mistakes=[
        (20.3, N_("0.3 is a difference of logarithms, not of miles")),
        (26, N_("that is 30 % more; at this size a log error is no percentage any more")),
        (20 * np.exp(-0.3), N_("a positive log error means that too much is predicted")),
        (20 * 10**0.3, N_("np.log is the natural logarithm; its inverse is np.exp")),
        (np.exp(0.3), N_("that is the factor between prediction and truth")),
        (np.log(20) + 0.3, N_("that is the logarithm of the prediction")),
    ],
    why=N_("A log error is a factor, e to its power, and the same factor for a thirsty car as for an economical one."),
)

# 08.2


def log_rmse(y_hat, y):
    """Compute the reference: the root mean squared error of the logarithms."""
    return np.sqrt(np.mean((np.log(y_hat) - np.log(y)) ** 2))


def _predictions(rng):
    cases = [(np.array([20.0, 20.0]), np.array([10.0, 40.0]))]
    for n in (5, 60):
        y = np.exp(rng.normal(3, 0.3, n))
        cases.append((y * np.exp(rng.normal(0.05, 0.2, n)), y))
    return cases


LOG_RMSE = function_exercise(
    "08.2",
    "A relative loss",
    reference=log_rmse,
    inputs=_predictions,
    numpy=True,
    mistakes=[
        (lambda y_hat, y: log_rmse(y_hat, y) ** 2, N_("that is the mean of the squares; take its root")),
        (lambda y_hat, y: np.sqrt(np.mean((y_hat - y) ** 2)), N_("that is the error in miles; take logarithms first")),
        (
            lambda y_hat, y: log_rmse(y_hat, y) * np.sqrt(len(y)),
            N_("that is the root of the sum; take the mean of the squares"),
        ),
        (
            lambda y_hat, y: np.mean(np.abs(np.log(y_hat) - np.log(y))),
            N_("that is the mean of the absolute errors: square, take the mean, then the root"),
        ),
        (lambda y_hat, y: np.mean(np.log(y_hat) - np.log(y)), N_("errors of both signs cancel: square them first")),
        (
            lambda y_hat, y: np.log(np.sqrt(np.mean((y_hat - y) ** 2))),
            N_("that is the logarithm of the error; take the error of the logarithms"),
        ),
        (
            lambda y_hat, y: np.sqrt(np.mean((y_hat / y - 1) ** 2)),
            N_("that is the relative error itself; the exercise asks for that of the logarithms"),
        ),
        (
            lambda y_hat, y: np.abs(np.log(y_hat) - np.log(y)),
            N_("that is an error for each car; take the root of the mean of the squares"),
        ),
        (
            lambda y_hat, y: log_rmse(y_hat, y) / np.log(10),
            N_("np.log is the natural logarithm; np.log10 gives other errors, which are no percentages"),
        ),
        (
            lambda y_hat, y: log_rmse(1 + y_hat, 1 + y),
            N_("the exercise asks for the logarithm of y, not that of 1 + y"),
        ),
        (
            lambda y_hat, y: np.std(np.log(y_hat) - np.log(y)),
            N_("np.std subtracts the mean error first, so that a model that is always too high looks good"),
        ),
        (lambda y_hat, y: log_rmse(y_hat, y) / np.sqrt(2), N_("take the mean of the squares without the half")),
    ],
    why=N_("It asks by which factor a prediction is off, so that it means the same for small and for large labels."),
)

# 08.3


def prepare_like(X_train, X):
    """Compute the reference: fill and standardise rows by what is known from the training part."""
    median = np.nanmedian(X_train, axis=0)
    X_train, X = (np.where(np.isnan(part), median, part) for part in (X_train, X))
    return (X - X_train.mean(axis=0)) / X_train.std(axis=0)


def _prepare_by(fill=None, centre=None, scale=None):
    """Return a preparation of which steps take their numbers from other rows; each is given both parts."""

    def prepare(X_train, X):
        median = (fill or (lambda train, rows: np.nanmedian(train, axis=0)))(X_train, X)
        train, rows = (np.where(np.isnan(part), median, part) for part in (X_train, X))
        mean = (centre or (lambda train, rows: train.mean(axis=0)))(train, rows)
        return (rows - mean) / (scale or (lambda train, rows: train.std(axis=0)))(train, rows)

    return prepare


def _both(train, rows):
    return np.vstack([train, rows])


def _filled(part, values):
    return np.where(np.isnan(part), values, part)


_SCALED_BY_X = N_("fill X, then use mean and standard deviation of X_train; here one of them comes from X")
_FILL_FIRST = N_("fill first, then standardise; a gap becomes the median, and that is not the mean")


def _parts(rng):
    cases = []
    for n, m, d in ((6, 3, 2), (30, 12, 5), (25, 1, 3)):
        X_train, X = rng.normal(5, 2, size=(n, d)), rng.normal(8, 3, size=(m, d))
        X_train[1:4, 0] = X[0, 0] = np.nan
        X_train[0, 0] = 30.0  # the median is not the mean
        cases.append((X_train, X))
    return cases


PREPARE = function_exercise(
    "08.3",
    "Prepared for what comes",
    reference=prepare_like,
    inputs=_parts,
    numpy=True,
    mistakes=[
        (
            lambda X_train, X: prepare_like(X, X),
            N_("these rows are prepared by their own numbers; a single row would become zeros, or nan"),
        ),
        (
            lambda X_train, X: prepare_like(_both(X_train, X), X),
            N_("the numbers come from both parts together: only X_train is known when the model is trained"),
        ),
        (
            _prepare_by(lambda train, rows: np.nanmedian(_both(train, rows), axis=0)),
            N_("the median comes from both parts; it may come from X_train only"),
        ),
        (
            _prepare_by(
                centre=lambda train, rows: _both(train, rows).mean(axis=0),
                scale=lambda train, rows: _both(train, rows).std(axis=0),
            ),
            N_("mean and standard deviation come from both parts; they may come from X_train only"),
        ),
        (
            _prepare_by(lambda train, rows: np.nanmean(train, axis=0)),
            N_("a gap becomes the median of the known values, not their mean"),
        ),
        (_prepare_by(lambda train, rows: 0), N_("a gap becomes the median of the known values, not 0")),
        (
            lambda X_train, X: (
                (np.where(np.isnan(X), np.nanmedian(X_train, axis=0), X) - np.nanmean(X_train, axis=0))
                / np.nanstd(X_train, axis=0)
            ),
            N_("fill X_train first, then take its mean and standard deviation"),
        ),
        (
            _prepare_by(scale=lambda train, rows: train.var(axis=0)),
            N_("divide by the standard deviation, not its square"),
        ),
        (
            _prepare_by(scale=lambda train, rows: train.std(axis=0, ddof=1)),
            N_("this standard deviation divides by n - 1; take np.std as it is, which divides by n"),
        ),
        (
            _prepare_by(lambda train, rows: np.nanmedian(train)),
            N_("each column has a median of its own: axis=0"),
        ),
        (
            lambda X_train, X: (_filled(X, np.nanmedian(X_train, axis=0)) - X_train.mean(axis=0)) / X_train.std(axis=0),
            N_("the gaps of X_train are not filled, so that its mean and standard deviation are nan"),
        ),
        (_prepare_by(centre=lambda train, rows: rows.mean(axis=0)), _SCALED_BY_X),
        (_prepare_by(scale=lambda train, rows: rows.std(axis=0)), _SCALED_BY_X),
        (
            lambda X_train, X: np.nan_to_num((X - np.nanmean(X_train, axis=0)) / np.nanstd(X_train, axis=0)),
            _FILL_FIRST,
        ),
        (
            lambda X_train, X: prepare_like(X_train, _filled(X, np.nanmedian(X, axis=0))),
            N_("the gaps of X were filled by its own median; they become that of X_train"),
        ),
        (
            lambda X_train, X: (prepare_like(X_train, X_train), prepare_like(X_train, X)),
            N_("these are both parts; return X alone"),
        ),
        (
            lambda X_train, X: _filled(X, np.nanmedian(X_train, axis=0)),
            N_("the gaps are filled, but nothing has been standardised yet"),
        ),
        (_prepare_by(scale=lambda train, rows: 1), N_("the division by the standard deviation is missing")),
        (_prepare_by(centre=lambda train, rows: 0), N_("the mean has not been subtracted")),
        (
            _prepare_by(centre=lambda train, rows: train.mean(), scale=lambda train, rows: train.std()),
            N_("each column has a mean and a standard deviation of its own: axis=0"),
        ),
        (
            lambda X_train, X: prepare_like(X_train, X_train),
            N_("these are the rows of X_train; the exercise asks for those of X"),
        ),
        (
            lambda X_train, X: (X - np.nanmean(X_train, axis=0)) / np.nanstd(X_train, axis=0),
            N_("there are still gaps in the result: fill both parts by the median of X_train"),
        ),
    ],
    why=N_("Median, mean and standard deviation are learnt from data, like weights: from the training part alone."),
)

# 08.4


def one_hot(values, categories):
    """Compute the reference: a column for each word of a list."""
    return (np.asarray(values)[:, np.newaxis] == np.array(categories)).astype("float64")


def _words(rng):
    colors = ["red", "green", "blue"]
    return [
        (np.array(["b", "a", "b"]), ["a", "b"]),
        (rng.choice(colors, size=9), ["red", "green", "blue"]),
        (rng.choice([*colors, "grey"], size=12), ["green", "blue", "red"]),
        (np.array(["cat", "cat"]), ["dog", "cat", "cow", "owl"]),
    ]


def _codes(values, categories, unknown=-1):
    return np.array([categories.index(value) if value in categories else unknown for value in values])


_ORDER = N_("one number for each word would claim an order; each word gets a column of its own")
_UNKNOWN = N_("a word that is not in the list becomes a row of zeros; here it has got a word of the list")


ONE_HOT = function_exercise(
    "08.4",
    "Words as columns",
    reference=one_hot,
    inputs=_words,
    numpy=True,
    mistakes=[
        (lambda values, categories: one_hot(values, categories).T, N_("a row for each value, a column for each word")),
        (_codes, _ORDER),
        (lambda values, categories: 1 + _codes(values, categories), _ORDER),
        (
            lambda values, categories: one_hot(values, sorted(categories)),
            N_("the columns stand in the order of the list, not of the alphabet"),
        ),
        (
            lambda values, categories: one_hot(values, list(np.unique(values))),
            N_("the columns are those of the list, not of the words that happen to be there"),
        ),
        (lambda values, categories: one_hot(values, categories)[:, 1:], N_("the first word has no column")),
        (lambda values, categories: 1 - one_hot(values, categories), N_("1 where the word holds, 0 elsewhere")),
        (lambda values, categories: np.eye(len(categories))[_codes(values, categories)], _UNKNOWN),
        (lambda values, categories: np.eye(len(categories))[_codes(values, categories, unknown=0)], _UNKNOWN),
        (
            lambda values, categories: np.eye(len(categories) + 1)[_codes(values, categories, len(categories))],
            N_("a word that is not in the list has no column; its row is all zeros"),
        ),
    ],
    why=N_("No word is larger than another, and a word that training has never met is none of those it knows."),
)

# 08.5


class _Watched:
    """A model that predicts the mean label of the rows that it was trained on, and notes which rows it was given."""

    def __init__(self, X, y):
        self._places = {row.tobytes(): i for i, row in enumerate(X)}
        self._y = y
        self.trained, self.predicted = [], []  # for each call of fit, two sets of rows

    def fit(self, X, y):
        rows, y = self._rows(X), np.asarray(y, dtype="float64").reshape(-1)
        if len(y) != len(rows) or not np.array_equal(y, self._y[rows]):
            expected = N_("labels of the same rows")
            raise Wrong(N_("a call of fit"), N_("features and labels of different rows"), expected)
        predicted = set()
        self.trained.append(set(rows.tolist()))
        self.predicted.append(predicted)
        mean = y.mean()

        def predict(X):
            found = self._rows(X)
            predicted.update(found.tolist())
            return np.full(len(found), mean)

        return predict

    def _rows(self, X):
        rows = np.ascontiguousarray(np.asarray(X, dtype="float64"))
        places = [self._places.get(row.tobytes()) for row in rows] if rows.ndim == 2 else [None]
        if None in places:
            raise Wrong(N_("a call of fit or predict"), N_("rows that are not in X"), N_("rows of X as they are"))
        return np.array(places, dtype=int)

    def errors(self, everywhere=False):
        """Return the errors of each model, on what it has predicted and not seen, or on all that it has predicted."""
        pairs = zip(self.trained, self.predicted, strict=True)
        parts = [(sorted(known), sorted(found if everywhere else found - known)) for known, found in pairs]
        return [self._y[known].mean() - self._y[rows] for known, rows in parts]


_ONE_FOLD = N_("that is the error of one fold alone; take the mean of all")


def _examine_k_fold(answer):
    for n, k in ((12, 3), (20, 5), (9, 9)):
        rng = generator(n)
        X, y = rng.normal(size=(n, 3)), rng.normal(3, 0.3, size=n)
        model = _Watched(X, y)
        tried = N_("your function on {n} rows in {k} folds", n=n, k=k)
        got = call(answer, model.fit, X, y, k, tried=tried, numpy=True)
        _examine_folds(model, n, k, tried)
        errors = model.errors()
        roots = [np.sqrt(np.mean(error**2)) for error in errors]
        logs = zip(model.trained, model.predicted, strict=True)
        logs = [np.log(y[list(known)].mean() / y[list(found - known)]) for known, found in logs]
        slips = [
            (
                np.mean([np.sqrt(np.mean(error**2)) for error in model.errors(everywhere=True)]),
                N_("measure on the fold alone; the other rows were in the training part"),
            ),
            (np.mean(np.square(roots)), N_("take the root of each fold's mean squared error")),
            (np.sqrt(np.mean(np.square(roots))), N_("take a root for each fold, then the mean of the roots")),
            (np.sum(roots), N_("take the mean of the k errors, not their sum")),
            (np.array(roots), N_("these are the k errors; return their mean")),
            *((root, _ONE_FOLD) for root in roots),
            (
                np.mean([np.mean(np.abs(error)) for error in errors]),
                N_("square the errors, take the mean, then the root"),
            ),
            (np.mean([np.mean(error) for error in errors]), N_("errors of both signs cancel: square them first")),
            (
                np.mean([np.linalg.norm(error) for error in errors]),
                N_("that is the root of the sum; take the mean of the squares"),
            ),
            (
                np.mean([np.sqrt(np.mean(error**2)) for error in logs]),
                N_("the labels are in logs already, and so are the predictions"),
            ),
        ]
        compare(tried, got, np.mean(roots), slips)


def _examine_folds(model, n, k, tried):
    """Raise `Wrong` unless each row was predicted by one model that was trained on all rows of the other folds.

    A model may also predict rows that it was trained on. Whether they were measured can be seen from the result.
    """
    if len(model.trained) != k:
        hint = N_("a new model for each fold: call fit inside the loop")
        if len(model.trained) > 1:
            hint = N_("k is the number of folds; fit is called once for each of them")
        came_out = N_("calls of fit: {number}", number=len(model.trained))
        raise Wrong(tried, came_out, N_("calls of fit: {number}", number=k), hint)
    folds = []
    for known, found in zip(model.trained, model.predicted, strict=True):
        if found and found <= known:
            came_out = N_("a model that predicts rows that it was trained on")
            hint = N_("predict the fold that was left out, not the training part")
            if len(known) == n:
                hint = N_("leave the validation fold out of the training part; np.setdiff1d does it")
            elif len(known) == n // k:
                hint = N_("train on all the other folds, and predict the one that was left out")
            raise Wrong(tried, came_out, N_("only rows that it has not seen"), hint)
        folds.extend(found - known)
    if sorted(folds) != list(range(n)):
        hint = N_("each of the k folds is the validation set once")
        twice = len(folds) - len(set(folds))
        came_out = N_(
            "{number} of {total} rows predicted, {twice} of them twice or more",
            number=len(set(folds)),
            total=n,
            twice=twice,
        )
        raise Wrong(tried, came_out, N_("each row predicted once"), hint)
    sizes = {len(known) for known in model.trained}
    if sizes != {n - n // k}:
        came_out = N_("models trained on {sizes} rows", sizes=", ".join(map(str, sorted(sizes))))
        hint = N_("train on all the other folds, and each fold has n / k rows")
        raise Wrong(tried, came_out, N_("on {sizes} rows each", sizes=n - n // k), hint)


K_FOLD = Exercise(
    "08.5",
    "Cross-validation from memory",
    why=N_("Each row is predicted once, by a model that has never seen it: that is all that makes the number honest."),
    examine=_examine_k_fold,
)

# 08.6


class _Fit:
    """Trains a linear regression with weight decay; its function predicts."""

    def __repr__(self):
        return "fit"

    def __call__(self, X, y, lambd=0):
        mean, bias = X.mean(axis=0), y.mean()
        A = np.vstack([X - mean, np.sqrt(len(y) * lambd) * np.eye(X.shape[1])])
        w = np.linalg.lstsq(A, np.append(y - bias, np.zeros(X.shape[1])), rcond=None)[0]
        return lambda X: (X - mean) @ w + bias


_FIT = _Fit()


def _honest(
    standardise_by="train",
    choose_by="train",
    fit_all=False,
    best=10,
    strength=np.abs,
    root=True,
    lowest=False,
    pool=False,
):
    """Return the pipeline of the exercise, honest or with the mistake that the arguments describe.

    Standardised is by the rows of "train", of "all", or of "each" part, or by "none"; features are chosen by the rows
    of "train" or of "all", in the loop or "before" it.
    """

    def score(fit, X, y):
        errors = []
        rows = np.arange(len(y))
        for valid in np.array_split(rows, 5):
            train = np.setdiff1d(rows, valid)
            by = rows if standardise_by == "all" else train
            Z = X if standardise_by == "none" else (X - X[by].mean(axis=0)) / X[by].std(axis=0)
            if standardise_by == "each":
                Z[valid] = (X[valid] - X[valid].mean(axis=0)) / X[valid].std(axis=0)
            chooser = train if choose_by == "train" else rows
            A = (X - X.mean(axis=0)) / X.std(axis=0) if choose_by == "before" else Z
            order = np.argsort(strength(A[chooser].T @ (y[chooser] - y[chooser].mean())))
            chosen = order[:best] if lowest else order[-best:]
            known = rows if fit_all else train
            predict = fit(Z[known][:, chosen], y[known])
            squared = np.mean((predict(Z[valid][:, chosen]) - y[valid]) ** 2)
            errors.append(np.sqrt(squared) if root and not pool else squared)
        return np.sqrt(np.mean(errors)) if pool else np.mean(errors)

    return score


def _noise(rng):
    cases = []
    for n, d in ((60, 500), (50, 300)):
        # Columns of different sizes and places: what is standardised, and by which rows, can be told from the choice.
        scale = np.exp(rng.normal(size=d))
        cases.append((_FIT, rng.normal(size=d) + scale * rng.normal(size=(n, d)), rng.normal(size=n)))
    return cases


_STILL_LEAKS = N_("the ten features are still chosen with the labels of the validation fold: choose inside the loop")

_FITTED_TO_ALL = N_("the weights are fitted to all rows, those of the fold as well")

HONEST = function_exercise(
    "08.6",
    "Find the leak",
    reference=_honest(),
    inputs=_noise,
    numpy=True,
    mistakes=[
        (_honest(choose_by="before"), _STILL_LEAKS),
        (_honest(choose_by="before", standardise_by="all"), _STILL_LEAKS),
        (
            _honest(choose_by="all"),
            N_(
                "the choice is in the loop, but it still knows all labels: choose by the rows of the training part only"
            ),
        ),
        (_honest(choose_by="before", fit_all=True), _FITTED_TO_ALL),
        (_honest(choose_by="all", fit_all=True), _FITTED_TO_ALL),
        (_honest(fit_all=True), _FITTED_TO_ALL),
        (
            _honest(standardise_by="all"),
            N_("the features are still standardised by all rows; take mean and std of the training part"),
        ),
        (
            _honest(standardise_by="each"),
            N_("the fold is standardised by its own mean and std; take those of the training part"),
        ),
        (
            _honest(strength=lambda products: products),
            N_("a feature that falls where the labels rise goes well with them, too: np.abs"),
        ),
        (_honest(pool=True), N_("take a root for each fold, then the mean of the roots")),
        (
            _honest(standardise_by="none"),
            N_("the features are not standardised, so that those of large numbers are chosen"),
        ),
        (_honest(best=500), N_("all features are used; choose the ten that go best with the training part's labels")),
        (_honest(lowest=True), N_("these are the ten features that go least with the labels")),
        (_honest(root=False), N_("take the root of each fold's mean squared error")),
    ],
    why=N_("A choice that looks at labels is training: done before the folds are made, it has seen every answer."),
)

# 08.7

PROMISES = choice_exercise(
    "08.7",
    "What a number promises",
    {
        "a": (True, N_("what would the median be if a row of the validation fold were another one?")),
        "b": (False, N_("in the section on the cars of tomorrow: which folds gave the larger error?")),
        "c": (True, N_("look at the figure of the winner's curse: which line lies lower on the right?")),
        "d": (False, N_("the test set has had a say in the choice then")),
        "e": (True, N_("what would other folds, or another seed, have said?")),
    },
    why=N_("A number is honest as long as nothing that it judges has been fitted to it, not even a choice."),
)

# 08.8


# The size of the weights and of the noise, how many features, and strengths; one of these is the best by far: the
# first, the last, the middle one.
_CHOICES = (
    (1.0, 0.1, 20, [0.001, 1.0, 100.0]),
    (0.02, 1.0, 40, [0.0001, 0.01, 10.0]),
    (0.5, 1.0, 50, [0.0001, 0.3, 100.0]),
)


@functools.lru_cache(maxsize=2 * len(_CHOICES))
def _examples(variant, number):
    """Return 60 examples in random order, new features, what is true for them, and the errors of the strengths.

    They are drawn until the choice does not hang on the folds, and kept for the next answer to the same `variant`,
    which is the one that `generator` knows.
    """
    size, noise, d, lambdas = _CHOICES[number]
    rng = generator(d)
    while True:
        X, w, X_new = rng.normal(size=(60, d)), size * rng.normal(size=d), rng.normal(size=(2000, d))
        y, truth = 3 + X @ w + noise * rng.normal(size=60), 3 + X_new @ w
        errors = np.array([np.sqrt(np.mean((_FIT(X, y, lambd)(X_new) - truth) ** 2)) for lambd in lambdas])
        best = int(errors.argmin())
        if np.sort(errors)[1] > 1.2 * errors[best] and _is_chosen_by_all_folds(best, X, y, lambdas, rng):
            return X, y, X_new, truth, errors


def _is_chosen_by_all_folds(best, X, y, lambdas, rng):
    for k in (3, 4, 5, 10, 60, 5, 10):
        means = []
        folds = np.array_split(rng.permutation(60), k)
        for lambd in lambdas:
            rests = [(np.delete(X, fold, axis=0), np.delete(y, fold), fold) for fold in folds]
            errors = [np.sqrt(np.mean((_FIT(A, c, lambd)(X[fold]) - y[fold]) ** 2)) for A, c, fold in rests]
            means.append(np.mean(errors))
        if np.sort(means)[1] < 1.1 * means[best] or int(np.argmin(means)) != best:
            return False
    return True


class _WatchedFit(_Fit):
    """Notes of each model whose predictions for the new rows are asked for on how many rows it was trained."""

    def __init__(self, num_new):
        self.num_new, self.asked = num_new, []

    def __call__(self, X, y, lambd=0):
        model, num_rows = super().__call__(X, y, lambd), len(y)

        def predict(features):
            if len(features) == self.num_new:
                self.asked.append(num_rows)
            return model(features)

        return predict


def _examine_choice(answer):
    for number, (_, _, d, lambdas) in enumerate(_CHOICES):
        X, y, X_new, truth, errors = _examples(VARIANT.get(), number)
        tried = N_("your function on {n} rows of {d} features, strengths {lambdas}", n=len(y), d=d, lambdas=lambdas)
        fit = _WatchedFit(len(X_new))
        got = call(answer, fit, X, y, X_new, lambdas, tried=tried, numpy=True)
        if np.shape(got) == (len(X_new), 1):
            got = got.reshape(-1)
        if np.shape(got) != (len(X_new),):
            came_out = N_("a result of shape {shape}", shape=np.shape(got))
            hint = N_("return the predictions for X_new, one for each row")
            raise Wrong(tried, came_out, N_("an array of shape {shape}", shape=(len(X_new),)), hint)
        by_strength = np.array([_FIT(X, y, strength)(X_new) for strength in lambdas])
        error = np.sqrt(np.mean((got - truth) ** 2))
        is_small = np.isfinite(error) and error <= 1.1 * errors.min()
        was_trained_again = not fit.asked or max(fit.asked) >= len(y)  # or the answer has a way of its own to fit
        if is_small and was_trained_again:
            continue
        distances = np.sqrt(((by_strength - got) ** 2).mean(axis=1))
        hint = N_("was the model trained again on all rows, with the strength that was chosen?")
        if is_small:
            came_out = N_("predictions of models that were trained on at most {rows} rows", rows=max(fit.asked))
            raise Wrong(tried, came_out, N_("those of one that was trained on all {rows}", rows=len(y)), hint)
        if distances.min() < 1e-3:
            hint = N_(
                "these are the predictions for the strength {strength}; another one has the smallest mean of the folds",
                strength=lambdas[int(distances.argmin())],
            )
        came_out = N_("an error of {error:.3g} on new rows", error=error)
        raise Wrong(tried, came_out, N_("at most {limit:.3g}", limit=1.1 * errors.min()), hint)


FROM_MEMORY = Exercise(
    "08.8",
    "Write it from memory",
    why=N_("Choose by cross-validation, train again on everything: whatever the model, these are the steps."),
    examine=_examine_choice,
)

EXERCISES = by_number(MILES, LOG_RMSE, PREPARE, ONE_HOT, K_FOLD, HONEST, PROMISES, FROM_MEMORY)

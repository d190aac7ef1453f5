"""The baselines every run is scored with: scikit-learn's own settings, but for their cost."""

from vacuagym.benchmark.baselines.base import COUPLINGS, CYCLE, N_MODULI, TABLE, Baseline

# scikit-learn is imported when it is needed: it is large, and the records are read by jobs that fit nothing


def _majority(seed: int, rows: int):
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def _by_rank(seed: int, rows: int, model):
    """A model of ranks: couplings and topological numbers span many orders of magnitude."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    ranks = QuantileTransformer(n_quantiles=min(200, rows), output_distribution="normal", random_state=seed)
    return make_pipeline(ranks, model)


def _logistic_regression(seed: int, rows: int):
    from sklearn.linear_model import LogisticRegression

    return _by_rank(seed, rows, LogisticRegression(max_iter=500))


def _mlp(seed: int, rows: int):
    from sklearn.neural_network import MLPClassifier

    return _by_rank(seed, rows, MLPClassifier((64, 64), alpha=1e-3, max_iter=60, random_state=seed))


def _gradient_boosting(seed: int, rows: int):
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_features=0.5, early_stopping=False, random_state=seed)


_ALL = (COUPLINGS, N_MODULI, TABLE)

BASELINES = tuple(
    Baseline(name=name, text=text, sees=sees, make=make)
    for name, text, sees, make in (
        ("majority", "Class frequencies of the training rows, whatever the inputs", (N_MODULI,), _majority),
        ("n_moduli_only", "Gradient boosting on the number of moduli alone", (N_MODULI,), _gradient_boosting),
        ("couplings_only", "Gradient boosting on the couplings alone", (COUPLINGS,), _gradient_boosting),
        (
            "logistic_regression",
            "Logistic regression on the ranks of all features and couplings",
            _ALL,
            _logistic_regression,
        ),
        ("mlp", "Two hidden layers of 64 units on the ranks of all features and couplings", _ALL, _mlp),
        ("gradient_boosting", "Gradient boosting on all features and couplings", _ALL, _gradient_boosting),
        (
            "gradient_boosting_cyclic",
            "Gradient boosting on all features and couplings, and on statistics of the cycle of curves",
            (*_ALL, CYCLE),
            _gradient_boosting,
        ),
    )
)

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

BASELINES = (
    Baseline(
        name="majority",
        text="Class frequencies of the training rows, whatever the inputs",
        sees=(N_MODULI,),
        make=_majority,
    ),
    Baseline(
        name="n_moduli_only",
        text="Gradient boosting on the number of moduli alone",
        sees=(N_MODULI,),
        make=_gradient_boosting,
    ),
    Baseline(
        name="couplings_only",
        text="Gradient boosting on the couplings alone",
        sees=(COUPLINGS,),
        make=_gradient_boosting,
    ),
    Baseline(
        name="logistic_regression",
        text="Logistic regression on the ranks of all features and couplings",
        sees=_ALL,
        make=_logistic_regression,
    ),
    Baseline(
        name="mlp",
        text="Two hidden layers of 64 units on the ranks of all features and couplings",
        sees=_ALL,
        make=_mlp,
    ),
    Baseline(
        name="gradient_boosting",
        text="Gradient boosting on all features and couplings",
        sees=_ALL,
        make=_gradient_boosting,
    ),
    Baseline(
        name="gradient_boosting_cyclic",
        text="Gradient boosting on all features and couplings, and on statistics of the cycle of curves",
        sees=(*_ALL, CYCLE),
        make=_gradient_boosting,
    ),
)

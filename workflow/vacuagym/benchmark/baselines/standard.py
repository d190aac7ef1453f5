"""The baselines every run is scored with: scikit-learn's own settings, but for their cost."""

from vacuagym.benchmark.baselines.base import COUPLINGS, CYCLE, N_MODULI, ORACLE, TABLE, Baseline

# scikit-learn is imported when it is needed: it is large, and the records are read by jobs that fit nothing


def _frequent(seed: int, rows: int):
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def _median(seed: int, rows: int):
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="median")


def _by_rank(seed: int, rows: int, model):
    """A model of ranks: couplings and topological numbers span many orders of magnitude."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    ranks = QuantileTransformer(n_quantiles=min(200, rows), output_distribution="normal", random_state=seed)
    return make_pipeline(ranks, model)


def _linear_classifier(seed: int, rows: int):
    from sklearn.linear_model import LogisticRegression

    return _by_rank(seed, rows, LogisticRegression(max_iter=500))


def _linear_regressor(seed: int, rows: int):
    from sklearn.linear_model import Ridge

    return _by_rank(seed, rows, Ridge())


def _network_classifier(seed: int, rows: int):
    from sklearn.neural_network import MLPClassifier

    return _by_rank(seed, rows, MLPClassifier((64, 64), alpha=1e-3, max_iter=60, random_state=seed))


def _network_regressor(seed: int, rows: int):
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import StandardScaler

    network = MLPRegressor(hidden_layer_sizes=(64, 64), alpha=1e-3, max_iter=60, random_state=seed)
    return TransformedTargetRegressor(_by_rank(seed, rows, network), transformer=StandardScaler())


def _boosted_classifier(seed: int, rows: int):
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_features=0.5, early_stopping=False, random_state=seed)


def _boosted_regressor(seed: int, rows: int):
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_features=0.5, early_stopping=False, random_state=seed)


_ALL = (COUPLINGS, N_MODULI, TABLE)
_BOOSTED = (_boosted_classifier, _boosted_regressor)

BASELINES = tuple(
    Baseline(name=name, text=text, sees=sees, classifier=classifier, regressor=regressor)
    for name, text, sees, (classifier, regressor) in (
        ("majority", "Class frequencies or median of the training rows, whatever the inputs", (), (_frequent, _median)),
        ("n_moduli_only", "Gradient boosting on the number of moduli alone", (N_MODULI,), _BOOSTED),
        ("couplings_only", "Gradient boosting on the couplings alone", (COUPLINGS,), _BOOSTED),
        (
            "linear",
            "Logistic or ridge regression on the ranks of all inputs",
            _ALL,
            (_linear_classifier, _linear_regressor),
        ),
        (
            "mlp",
            "Two hidden layers of 64 units on the ranks of all inputs",
            _ALL,
            (_network_classifier, _network_regressor),
        ),
        ("gradient_boosting", "Gradient boosting on all inputs", _ALL, _BOOSTED),
        (
            "gradient_boosting_cyclic",
            "Gradient boosting on all inputs, and on statistics of the cycle of curves",
            (*_ALL, CYCLE),
            _BOOSTED,
        ),
        (
            "oracle_features",
            "Gradient boosting on the quantities of which the label is a function, with the couplings: a ceiling",
            (COUPLINGS, ORACLE),
            _BOOSTED,
        ),
    )
)

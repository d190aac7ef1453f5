"""The label table of a potential: its columns and what its classes mean."""

from pathlib import Path

from vacuagym.schema import DRAW_KEYS, Column, names_of, read_columns

REGIMES = ("generic", "stabilised", "tachyonic", "runaway")
LOWER = 1e-9  # V is lower if it is by more than this, in units of 1 + |V|
NEWTON_TURNS = 30  # evaluations of V after which Newton's method is given up

CLASSES = {
    "stable": "the row's point is certified as a minimum, and nothing lower was found",
    "metastable": "the row's point is certified as a minimum, and something lower was found: the end of another descent, a "
    "fall without bound, or the potential's vacuum at infinity",
    "saddle": "the row's point is certified to have both negative and positive Hessian eigenvalues",
    "unstable": "the row's point is certified to have negative Hessian eigenvalues only",
    "runaway": "no descent ended in a minimum, at least one reached a point from which V is proved to fall all the way to "
    "infinity, and the row's point, if any, is not certified as a minimum",
    "marginal": "the row's point was found, but it or the signs of its Hessian eigenvalues are not proved",
    "failed": "the input is bad or no search ended anywhere; failure_reason says which",
    "not_applicable": "does not occur",
}

COUPLINGS = read_columns(Path(__file__).with_name("couplings.csv"))


def label_columns(regimes, couplings) -> tuple[Column, ...]:
    """Data dictionary of the label table of a potential with these regimes and columns of couplings."""
    columns = read_columns(
        Path(__file__).with_name("columns.csv"),
        classes="; ".join(f"{name}: {meaning}" for name, meaning in CLASSES.items()),
        lower=f"{LOWER:g}",
        regimes=", ".join(regimes),
        turns=str(NEWTON_TURNS),
    )
    drawn = names_of(columns).index("regime") + 1  # the couplings stand behind it
    return DRAW_KEYS + columns[:drawn] + tuple(couplings) + columns[drawn:]

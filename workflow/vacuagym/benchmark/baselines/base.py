"""What a baseline is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# what a learner may see
COUPLINGS = "couplings"  # of the draw
N_MODULI = "n_moduli"  # the number of moduli alone
TABLE = "table"  # the other features of the geometry
CYCLE = "cycle"  # statistics of the cyclic list, of families that have one


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A model that is fitted on a sample of the training part and scored on the test part.

    A baseline that sees CYCLE is left out where the family has no cyclic list.
    """

    name: str
    text: str  # what it is, for people; no full stop
    sees: tuple[str, ...]  # of COUPLINGS, N_MODULI, TABLE, CYCLE
    make: Callable[[int, int], Any]  # from seed and number of training rows to an unfitted scikit-learn classifier

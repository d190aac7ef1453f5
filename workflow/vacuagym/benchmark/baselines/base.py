"""What a baseline is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# what a learner may see
COUPLINGS = "couplings"  # of the draw
N_MODULI = "n_moduli"  # the number of moduli alone
TABLE = "table"  # the other numbers of the geometry, or all that a task allows
CYCLE = "cycle"  # statistics of the cyclic list, of families that have one
ORACLE = "oracle"  # what decides the label: no learner may see it, it shows what is left to learn


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A model that is fitted on a sample of the training part and scored on the test part.

    A baseline is left out where it would see nothing, or where there is no CYCLE or ORACLE that it sees.
    """

    name: str
    text: str  # what it is, for people; no full stop
    sees: tuple[str, ...]  # of the above; none: it looks at nothing
    classifier: Callable[
        [int, int], Any
    ]  # from seed and number of training rows to an unfitted scikit-learn classifier
    regressor: Callable[[int, int], Any]  # the same for numbers

    def applies(self, there: set[str]) -> bool:
        """Whether it can be fitted on inputs of these groups."""
        seen, needed = set(self.sees), {CYCLE, ORACLE} & set(self.sees)
        return not seen or (needed <= there and bool(seen & there))

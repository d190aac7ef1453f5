"""Splits that hold out the largest geometries of each dataset."""

from functools import partial

from vacuagym.benchmark.splits.base import Split, above_threshold

SPLITS = (
    Split(
        name="ood_complexity",
        text="Geometries with many moduli are held out for the test.",
        part=partial(above_threshold, columns=("n_moduli",)),
        measure="n_moduli",
    ),
    Split(
        name="ood_hodge",
        text="Geometries with large Hodge numbers, h11 + h21, are held out for the test.",
        part=partial(above_threshold, columns=("h11", "h21")),
        measure="h11 + h21",
    ),
)

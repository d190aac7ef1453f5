"""Train, validation and test parts of the geometries: fixed rules, one pass, nothing held in memory.

A part depends on a geometry's own columns alone, so it never changes when a run grows; geometries of one duplicate
group always share a part.
"""

from collections.abc import Sequence

import numpy as np

from vacuagym.tables.columns import Column, Columns
from vacuagym.tables.hashing import hash_rows

PARTS = np.array(["train", "val", "test"])
READS = ("geometry_id", "duplicate_group")
COLUMNS = (
    Column("dataset", "string", "1", "Family of the geometry: ks, cicy3 or fth6d."),
    Column("geometry_id", "int64", "1", "Number of the geometry within its dataset, 0 to N - 1."),
    Column("part", "string", "1", "Part of the split the geometry belongs to: train, val or test."),
)
IID_SHARES = (0.70, 0.15, 0.15)
OOD_SHARES = (0.85, 0.15, 0.0)  # of what is not held out

SPLITS = ("iid", "ood_dataset_ks", "ood_dataset_cicy3", "ood_dataset_fth6d")


def splits_of(datasets: Sequence[str]) -> tuple[str, ...]:
    """The splits of a run with these datasets: a dataset can only be held out if it is there and others are too."""
    return ("iid", *(f"ood_dataset_{dataset}" for dataset in datasets if len(datasets) > 1))


def parts(split: str, dataset: str, features: Columns) -> np.ndarray:
    """Part of each geometry of a batch.

    ``iid``: 70/15/15 by a hash of the duplicate group. ``ood_dataset_X``: dataset X is the test part, the others are
    divided 85/15 into train and val by the same hash.

    Parameters
    ----------
    features : the columns ``READS`` of the batch.

    Returns
    -------
    str array (rows,) of ``PARTS``.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}, known: {', '.join(SPLITS)}")
    if split == f"ood_dataset_{dataset}":
        return np.full(len(features["geometry_id"]), "test")
    shares = IID_SHARES if split == "iid" else OOD_SHARES
    uniform = hash_rows([features["duplicate_group"]], f"iid {dataset}") / 2.0**63
    return PARTS[np.searchsorted(np.cumsum(shares)[:2], uniform, side="right")]

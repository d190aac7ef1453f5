"""Train, validation and test parts of the geometries: fixed rules, one pass, nothing held in memory.

A part depends on a geometry's own columns alone, so it never changes when a run grows; geometries of one duplicate
group always share a part.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from vacuagym.tables.columns import Column, Columns
from vacuagym.tables.hashing import hash_rows

PARTS = np.array(["train", "val", "test"])
COLUMNS = (
    Column("dataset", "string", "1", "Family of the geometry: ks, cicy3 or fth6d."),
    Column("geometry_id", "int64", "1", "Number of the geometry within its dataset, 0 to N - 1."),
    Column("part", "string", "1", "Part of the split the geometry belongs to: train, val or test."),
)
CLASS_COLUMNS = (
    Column("split", "string", "1", "Name of the split."),
    Column("part", "string", "1", "Part of the split: train, val or test."),
    Column("dataset", "string", "1", "Family of the geometries, or all."),
    Column("geometries", "int64", "1", "Geometries in the part."),
    Column("rows", "int64", "1", "Rows of the label table of these geometries."),
    Column("scored", "int64", "1", "Rows among them whose class counts: decided, and controlled where labels say so."),
    Column("stability", "string", "1", "A class."),
    Column("count", "int64", "1", "Scored rows of that class."),
    Column("share", "float64", "1", "count / scored; 0 if nothing is scored."),
)
IID_SHARES = (0.70, 0.15, 0.15)
OOD_SHARES = (0.85, 0.15, 0.0)  # of what is not held out

# the test part of these is what reaches a threshold in the sum of these columns
_MEASURES = {"ood_complexity": ("n_moduli",), "ood_hodge": ("h11", "h21")}
THRESHOLD_SPLITS = tuple(_MEASURES)
SPLITS = ("iid", *THRESHOLD_SPLITS, "ood_dataset_ks", "ood_dataset_cicy3", "ood_dataset_fth6d")

_CLUSTERS = ("n_clusters_3_2", "n_clusters_3_2_2", "n_clusters_2_3_2", "n_curves_minus_2", "n_curves_minus_3")


def splits_of(datasets: Sequence[str]) -> tuple[str, ...]:
    """The splits of a run with these datasets: a dataset can only be held out if it is there and others are too."""
    return ("iid", *THRESHOLD_SPLITS, *(f"ood_dataset_{dataset}" for dataset in datasets if len(datasets) > 1))


def reads(split: str, dataset: str) -> tuple[str, ...]:
    """The feature columns that the rule of a split reads of a dataset."""
    columns = ("geometry_id", "duplicate_group")
    if split in THRESHOLD_SPLITS:
        columns += _MEASURES[split] + (_CLUSTERS if dataset == "fth6d" else ())
    return columns


def parts(split: str, dataset: str, features: Columns, thresholds: Mapping[str, int] | None = None) -> np.ndarray:
    """Part of each geometry of a batch.

    ``iid``: 70/15/15 by a hash of the duplicate group. ``ood_dataset_X``: dataset X is the test part, the others are
    divided 85/15 into train and val by the same hash. ``ood_complexity`` and ``ood_hodge``: the test part is what
    reaches the dataset's threshold of n_moduli or h11 + h21, what is below is divided 85/15; where members of a
    duplicate group may lie on both sides of the threshold, the group is val.

    Parameters
    ----------
    features : the columns ``reads(split, dataset)`` of the batch.
    thresholds : by dataset; of ``THRESHOLD_SPLITS`` only.

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
    part = PARTS[np.searchsorted(np.cumsum(shares)[:2], uniform, side="right")]
    if split in THRESHOLD_SPLITS:
        least, most = _range_in_group(split, dataset, features)
        part = np.where(least >= thresholds[dataset], "test", np.where(most >= thresholds[dataset], "val", part))
    return part


def _range_in_group(split: str, dataset: str, features: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Bounds (rows,) of n_moduli or h11 + h21 within each geometry's duplicate group; equal for all of a group.

    Groups of ks and cicy3 have one Hodge pair. A group of fth6d is a multiset of self-intersections, which leaves open
    how many -2 curves stand beside a -3 curve. Beside a -3 curve alone, the non-Higgsable clusters -3 -2 and -3 -2 -2
    have one more in rank and in V - charged hypers, -2 -3 -2 has three more (arXiv:1201.1943): so many are added to
    both h11 and h21, at most three for a -3 curve or a pair of -2 curves.
    """
    terms = _MEASURES[split]
    measure, weight = sum(features[name].astype(np.int64) for name in terms), len(terms)
    if dataset != "fth6d":
        return measure, measure
    added = features["n_clusters_3_2"] + features["n_clusters_3_2_2"] + 3 * features["n_clusters_2_3_2"]
    twos, threes = features["n_curves_minus_2"], features["n_curves_minus_3"]
    least = measure - weight * added
    return least, least + weight * np.minimum(3 * threes, 3 * (twos // 2) + twos % 2)

"""Rows of features to test labels with, and the threefold of a row as dense arrays."""

from functools import cache

import numpy as np

from vacuagym.geometry import COMPLETE_FAMILIES, FAMILIES
from vacuagym.models.supergravity import MODEL, labels
from vacuagym.tables.arrays import Ragged, n_rows, take

TORIC = [name for name, family in COMPLETE_FAMILIES.items() if family.is_toric]
PARAMETERS = {name: parameter.default for name, parameter in MODEL.parameters.items()}


@cache
def geometries(name):
    """Every geometry of a family."""
    return FAMILIES[name].functions.generate()


def features_of(name, given):
    """Features of geometries, numbered from 0."""
    table = FAMILIES[name].functions.features(given)
    return {"geometry_id": np.arange(n_rows(table)), **table}


def some_features(name, count, least=1, most=8, seed=0):
    """Features of random geometries of a family with n_fields from ``least`` to ``most``, the products left out."""
    rng = np.random.default_rng(seed)
    known = n_rows(geometries(name))
    few = np.arange(min(known, 40 if most < 12 else 0))  # where lists begin with small geometries, as with toric bases
    features = features_of(name, take(geometries(name), np.append(few, rng.choice(known, 1_500, replace=False))))
    fits = (least <= features["n_fields"]) & (features["n_fields"] <= most)
    if "is_product" in features:
        fits &= ~features["is_product"]
    rows = np.flatnonzero(fits)
    return take(features, rng.choice(rows, min(count, len(rows)), replace=False))


def rows_of(table):
    """The rows of a table, each a mapping from names to numbers and arrays."""
    return [
        {
            name: column.values[column.offsets[row] : column.offsets[row + 1]]
            if isinstance(column, Ragged)
            else column[row]
            for name, column in table.items()
        }
        for row in range(n_rows(table))
    ]


def dense_kappa(row):
    """The triple intersection numbers of a row of features, (n, n, n) float64."""
    kappa = np.zeros((row["n_fields"],) * 3)
    triples = np.reshape(row["triple_intersection_indices"], (-1, 3))
    for (i, j, k), number in zip(triples.tolist(), row["triple_intersection_numbers"].tolist(), strict=True):
        for index in ((i, j, k), (i, k, j), (j, i, k), (j, k, i), (k, i, j), (k, j, i)):
            kappa[index] = number
    return kappa


def euler_number(row):
    """Euler number of the labelled threefold: the mirror's has the other sign."""
    return int(row["euler_characteristic"]) * (-1 if row.get("is_mirror", False) else 1)


def label(name, features, draws, seed=11, **parameters):
    """The label table of features."""
    read = {column: features[column] for column in MODEL.reads(FAMILIES[name])}
    return labels.label(PARAMETERS | parameters, seed, FAMILIES[name], read, draws)

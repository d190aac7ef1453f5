"""Hodge and intersection numbers of complete intersections, from their configuration matrices."""

import numpy as np
import polars as pl

from vacuagym.benchmark.tasks.base import GEOMETRY, Elements, Numbers, Target, Task, of_lists
from vacuagym.schema import Column

_MATRIX = ("n_factors", "n_equations", "configuration")


_FACTORS, _EQUATIONS = 12, 15  # of the largest configuration matrix


def matrices(rows: pl.DataFrame) -> np.ndarray:
    """The configuration matrices, float64 (rows, 12, 15); zero below and to the right."""
    out = np.zeros((len(rows), _FACTORS, _EQUATIONS))
    for number, (m, k, matrix) in enumerate(rows.select(_MATRIX).iter_rows()):
        out[number, :m, :k] = np.reshape(matrix, (m, k))
    return out


def _triples(n: int) -> np.ndarray:
    """All i <= j <= k < n in lexicographic order, int64 (triples, 3)."""
    triples = np.stack([index.ravel() for index in np.indices((n, n, n))], axis=1)
    return triples[(triples[:, 0] <= triples[:, 1]) & (triples[:, 1] <= triples[:, 2])]


def _triple_counts(rows: pl.DataFrame) -> np.ndarray:
    return np.array([n * (n + 1) * (n + 2) // 6 for n in rows["n_factors"]], dtype=np.int64)


def _triple_numbers(rows: pl.DataFrame) -> np.ndarray:
    """Of each triple of factors: their dimensions, the overlaps of their degrees, which are equal, and the size of the matrix."""
    found = []
    for degrees, (m, k) in zip(matrices(rows), rows.select("n_factors", "n_equations").iter_rows(), strict=True):
        i, j, l = _triples(m).T  # noqa: E741
        a, b, c = degrees[i], degrees[j], degrees[l]
        overlaps = [(a * b).sum(1), (b * c).sum(1), (a * c).sum(1), (a * b * c).sum(1)]
        sizes = [degrees[index].sum(1) for index in (i, j, l)]
        found.append(np.stack([*sizes, *overlaps, i == j, j == l, np.full(len(i), m), np.full(len(i), k)], axis=1))
    return np.concatenate(found).astype(np.float64)


def all_intersections(n: int, indices: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The triple intersection numbers κ_ijk of all i <= j <= k < n in lexicographic order, zeros too.

    Parameters
    ----------
    n : int
    indices : int array (3 * m,)
        i <= j <= k of the numbers that are not zero.
    numbers : int array (m,)

    Returns
    -------
    int32 array (n (n + 1) (n + 2) / 6,)
    """
    i, j, k = indices.reshape(-1, 3).T.astype(np.int64)
    dense = np.zeros((n, n, n), dtype=np.int32)
    dense[i, j, k] = numbers
    return dense[tuple(_triples(n).T)]


def permute_matrices(rows: pl.DataFrame, number: int) -> pl.DataFrame:
    """The same complete intersections, with the rows and the columns of every configuration matrix permuted at random.

    The permutation of a geometry depends on its ``geometry_id`` and on the number alone.
    """
    matrices = []
    for id_, m, k, matrix in rows.select("geometry_id", *_MATRIX).iter_rows():
        rng = np.random.default_rng([number, id_])
        matrices.append(np.reshape(matrix, (m, k))[rng.permutation(m)][:, rng.permutation(k)].ravel())
    return rows.with_columns(pl.Series("configuration", matrices).cast(rows["configuration"].dtype))


def _numbers(rows: pl.DataFrame) -> np.ndarray:
    sizes = rows.select("n_factors", "n_equations").to_numpy().astype(np.float64)
    return np.concatenate([sizes, matrices(rows).reshape(len(rows), -1)], axis=1)


_NUMBERS = Numbers(2 + _FACTORS * _EQUATIONS, _numbers)

TASKS = (
    Task(
        name="cicy3_hodge",
        text="Predict `h11` and `h21` of a complete intersection from its configuration matrix alone: `configuration`, row by "
        "row, of `n_factors` rows and `n_equations` columns. Any other feature leaks the answer.",
        row=GEOMETRY,
        families=("cicy3",),
        inputs=_MATRIX,
        numbers=_NUMBERS,
        permute=permute_matrices,
        targets=(Target(kind="integers", columns={"h11": pl.col("h11"), "h21": pl.col("h21")}),),
    ),
    Task(
        name="cicy3_intersections",
        text="Predict `intersections`, the triple intersection numbers of the hyperplane classes of the factors, from the "
        "configuration matrix alone: κ_ijk for all i <= j <= k in lexicographic order, zeros too.",
        row=GEOMETRY,
        families=("cicy3",),
        inputs=_MATRIX,
        numbers=_NUMBERS,
        targets=(
            Target(
                kind="lists",
                columns={
                    "intersections": of_lists(
                        all_intersections,
                        "n_fields",
                        "triple_intersection_indices",
                        "triple_intersection_numbers",
                        dtype=pl.Int32,
                    )
                },
                elements=Elements(_triple_numbers, _triple_counts),
            ),
        ),
        adds=(
            Column(
                "intersections",
                "list<int32>",
                "1",
                "κ_ijk for all 0 <= i <= j <= k < n_fields in lexicographic order, zeros too.",
            ),
        ),
    ),
)

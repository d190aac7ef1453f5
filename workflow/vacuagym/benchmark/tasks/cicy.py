"""Hodge and intersection numbers of complete intersections, from their configuration matrices."""

import numpy as np
import polars as pl

from vacuagym.benchmark.tasks.base import GEOMETRY, Target, Task, of_lists
from vacuagym.schema import Column

_MATRIX = ("n_factors", "n_equations", "configuration")


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
    rows, columns, planes = np.indices((n, n, n))
    return dense[(rows <= columns) & (columns <= planes)]


def permute_matrices(rows: pl.DataFrame, number: int) -> pl.DataFrame:
    """The same complete intersections, with the rows and the columns of every configuration matrix permuted at random.

    The permutation of a geometry depends on its ``geometry_id`` and on the number alone.
    """
    matrices = []
    for id_, m, k, matrix in rows.select("geometry_id", *_MATRIX).iter_rows():
        rng = np.random.default_rng([number, id_])
        matrices.append(np.reshape(matrix, (m, k))[rng.permutation(m)][:, rng.permutation(k)].ravel())
    return rows.with_columns(pl.Series("configuration", matrices).cast(rows["configuration"].dtype))


TASKS = (
    Task(
        name="cicy3_hodge",
        text="Predict `h11` and `h21` of a complete intersection from its configuration matrix alone: `configuration`, row by "
        "row, of `n_factors` rows and `n_equations` columns. Any other feature leaks the answer.",
        row=GEOMETRY,
        families=("cicy3",),
        inputs=_MATRIX,
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

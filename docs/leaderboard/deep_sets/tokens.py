"""A row as nested sets: its divisor classes, and for each class the intersection numbers that it is part of."""

import numpy as np


def tokens(
    ray: np.ndarray, indices: np.ndarray, kappa: np.ndarray, c2: np.ndarray, n_classes: int, n_terms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Turn a row into tokens, which do not depend on the order of the divisor classes.

    The classes with the largest t^i are kept, and of each class i the κ_ijk with the largest |κ_ijk| t^j t^k. Both are
    sorted by these sizes.

    Parameters
    ----------
    ray : ndarray, (n,) float
        The t^i, all positive.
    indices : ndarray, (m, 3) int
        i ≤ j ≤ k of every κ_ijk that is not zero.
    kappa : ndarray, (m,) float
        These κ_ijk.
    c2 : ndarray, (n,) float
        The c2·D_i.
    n_classes, n_terms : int
        How many classes are kept, and how many intersection numbers of each.

    Returns
    -------
    classes : ndarray, (n_classes, 4) float32
        log t^i, the sign of c2·D_i, log(1 + |c2·D_i|), and 1. Zeros where there is no class.
    terms : ndarray, (n_classes, n_terms, 7) float32
        The sign of κ_ijk, log |κ_ijk|, the larger and the smaller of log t^j and log t^k, whether j = k, how many of j and
        k are i, and 1. Zeros where there is no intersection number.
    """
    t = np.log(ray)
    kept = np.argsort(-t)[:n_classes]
    classes = np.zeros((n_classes, 4), np.float32)
    classes[: len(kept)] = np.column_stack([t[kept], np.sign(c2[kept]), np.log1p(np.abs(c2[kept])), np.ones(len(kept))])
    place = np.full(len(t), n_classes)
    place[kept] = np.arange(len(kept))

    a, b, c = indices.T
    i, j, k = np.concatenate([a, b, c]), np.concatenate([b, a, a]), np.concatenate([c, c, b])
    seen = np.concatenate([np.zeros(len(a), bool), b == a, c == b])  # κ_iij has the class i once
    which = np.flatnonzero(~seen & (place[i] < n_classes))
    size = np.log(np.abs(kappa))[which % len(a)] + (t[j] + t[k])[which]
    which = which[np.lexsort((-size, place[i[which]]))]
    row = place[i[which]]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    row, rank, which = row[rank < n_terms], rank[rank < n_terms], which[rank < n_terms]
    i, j, k, kappa = i[which], j[which], k[which], kappa[which % len(a)]
    terms = np.zeros((n_classes, n_terms, 7), np.float32)
    terms[row, rank] = np.column_stack(
        [
            np.sign(kappa),
            np.log(np.abs(kappa)),
            np.maximum(t[j], t[k]),
            np.minimum(t[j], t[k]),
            j == k,
            (j == i).astype(int) + (k == i),
            np.ones(len(i)),
        ]
    )
    return classes, terms

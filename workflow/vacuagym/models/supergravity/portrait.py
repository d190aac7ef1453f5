"""What figures show of rows: their place among the classes, their potential, and how far their class is from changing."""

import numpy as np
from scipy.special import lambertw

from vacuagym.models.base import Curve
from vacuagym.models.supergravity import priors, ray, rays, solve
from vacuagym.models.supergravity.columns import VACUUM_TYPES
from vacuagym.models.supergravity.oracle import euler_characteristic, quantities
from vacuagym.numerics.compiled import njit
from vacuagym.schema import CLASSES
from vacuagym.tables.arrays import Columns

AXES = r"size of the α′ correction, $|\xi|\,/\,\mathcal{V}$", "uplift / depth of the AdS vacuum"
CURVE_AXES = r"$a\,\tau$: size of the four-cycles", "V / depth of the AdS vacuum"
MARGIN = "uplift factor to the next class"

_POINTS = 400  # of a curve
_BEFORE, _AFTER = 4.0, 12.0  # of x, beside the AdS vacuum and the last critical point
_END = 300.0  # of x - L, beyond which exp(L - x) is too small for a critical point
_STEP, _STEPS = 0.04, 50  # of log10 of the uplift, up and down
_HALVINGS = 5  # of a step
_CLASS_OF_TYPE = np.array([CLASSES.index(class_) for class_, _ in VACUUM_TYPES.values()])
_MARGINAL = CLASSES.index("marginal")


def places(rows: Columns) -> np.ndarray:
    """Where rows lie in the plane `AXES`.

    Both are taken at the supersymmetric AdS vacuum that the geometry has at the row's flux without uplift and without α'
    correction, where E (1 + 2 x / 3) = 1 and V = -3 (1 - E)^2 |W0|^2 / volume^2.

    Parameters
    ----------
    rows : columns
        Those of the model's oracle, one row per draw.

    Returns
    -------
    float64 array (rows, 2)
        NaN where there is no uplift.
    """
    _, r1, log10_d1, *_ = quantities(rows).T
    x, depth = _ads_vacuum(rows)
    with np.errstate(over="ignore"):
        ratio = 10.0**log10_d1 * x ** (1.5 * (2.0 - np.asarray(rows["uplift_power"]))) / depth
    return np.stack([np.abs(r1) * x**-1.5, np.where(np.asarray(rows["uplift"]) > 0.0, ratio, np.nan)], axis=1)


def curves(rows: Columns) -> list[Curve]:
    """The potential of each row along its ray, all axions at 0, with its critical points.

    Parameters
    ----------
    rows : columns
        As of `places`.

    Returns
    -------
    list of Curve
    """
    found = quantities(rows)
    d1 = np.where(np.asarray(rows["uplift"]) > 0.0, 10.0 ** found[:, 2], 0.0)
    powers = np.asarray(rows["uplift_power"], dtype=np.float64)
    columns = (_log_ratio(rows), found[:, 1], d1, powers, *_ads_vacuum(rows))
    return [
        _curve(ray.Problem(*map(float, problem), 1.0), x, depth) for *problem, x, depth in zip(*columns, strict=True)
    ]


def margins(rows: Columns) -> np.ndarray:
    """By what factor the uplift of each row has to grow, or to shrink, until the class of the row is another one.

    The row is solved again with other uplifts, in steps of 10^0.04 in both directions; a change and its reversal within one
    step go unnoticed, and what is `marginal` counts as no change.

    Parameters
    ----------
    rows : columns
        As of `places`.

    Returns
    -------
    float64 array (rows,)
        At least 1, to 0.3 %; infinity where no factor up to 100 changes the class; NaN without uplift.
    """
    solved = priors.new_rows(len(rows["uplift"]))
    solved["log_ratio"] = _log_ratio(rows)
    solved["rank"], solved["string_coupling"] = rows["condensate_rank"], rows["string_coupling"]
    solved["uplift"] = np.asarray(rows["uplift"]) * np.exp(2.0 * solved["log_ratio"])
    solved["uplift_power"] = rows["uplift_power"]
    lists = [
        (rows[name].values.astype(type_), rows[name].offsets.astype(np.int64))
        for name, type_ in (
            ("triple_intersection_indices", np.int64),
            ("triple_intersection_numbers", np.int64),
            ("ray", np.float64),
        )
    ]
    out = np.full(len(solved), np.nan)
    _log10_margins(*lists, euler_characteristic(rows), "is_mirror" in rows, solved, out)
    return 10.0**out


def _log_ratio(rows):
    return -np.log(10.0) * np.asarray(rows["log10_flux"], dtype=np.float64)


def _ads_vacuum(rows):
    """x of the supersymmetric vacuum without α' correction, and its depth in units of |W0|^2 / volume^2."""
    log_ratio = _log_ratio(rows)
    x = -lambertw(-1.5 * np.exp(-log_ratio - 1.5), -1).real - 1.5  # the larger solution of 1 + 2 x / 3 = exp(x - L)
    return x, 3.0 * (1.0 - np.exp(log_ratio - x)) ** 2


def _curve(problem, x_ads, depth):
    work, roots = np.empty(ray.N_WORK), np.empty((ray.MAX_ROOTS, 4))
    low = max(solve.X_LOW, abs(problem.r1) ** (2.0 / 3.0) * (1.0 + 1e-12))
    count, *_ = ray.find_zeros(ray.SLOPE, problem, low, problem.log_ratio + _END, work, roots)
    at = roots[:count, 0]

    def value(x):
        return [ray.masses_at(problem, float(some), work).potential * (x_ads / some) ** 3 / depth for some in x]

    near = at[at < 2.0 * x_ads]
    x = np.linspace(max(low, x_ads - _BEFORE), max([x_ads, *near]) + _AFTER, _POINTS)
    return Curve(x, np.array(value(x)), np.stack([at, value(at)], axis=1) if count else np.empty((0, 2)))


@njit(cache=True)
def _class_at(row, uplift, chi, geometry, work):
    """The class of a row with another uplift, a position in `vacuagym.schema.CLASSES`."""
    row.uplift = uplift
    row.vacuum_type = solve.FAILED
    solve.solve_row(row, chi, geometry, work)
    return _CLASS_OF_TYPE[row.vacuum_type]


@njit(cache=True)
def _log10_margins(indices, numbers, directions, chi, toric, rows, out):
    """Fill in log10 of `margins`; lists as of `Ragged`, rows as of `priors.ROW`."""
    work = np.empty(ray.N_WORK)
    for k in range(len(rows)):
        row, uplift = rows[k], rows[k].uplift
        if not uplift > 0.0:
            continue
        t = directions[0][directions[1][k] : directions[1][k + 1]].copy()
        space = rays.workspace(len(t))
        some = indices[0][indices[1][k] : indices[1][k + 1]], numbers[0][numbers[1][k] : numbers[1][k + 1]]
        rays.intersect(some[0], some[1], t, space)
        geometry = rays.ray_geometry(t, 1.0, toric, space)
        row.unit = row.rank / (6.283185307179586 * geometry.least_tau)
        own = _class_at(row, uplift, chi[k], geometry, work)
        out[k] = np.inf
        for step in range(1, _STEPS + 1):
            for sign in (-1.0, 1.0):
                found = _class_at(row, uplift * 10.0 ** (sign * _STEP * step), chi[k], geometry, work)
                if found == own or found == _MARGINAL:
                    continue
                near, far = _STEP * (step - 1), _STEP * step
                for _ in range(_HALVINGS):
                    middle = 0.5 * (near + far)
                    found = _class_at(row, uplift * 10.0 ** (sign * middle), chi[k], geometry, work)
                    if found == own or found == _MARGINAL:
                        near = middle
                    else:
                        far = middle
                out[k] = min(out[k], far)
            if out[k] < np.inf:
                break

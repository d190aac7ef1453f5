"""The potential of all moduli and axions, its exact first and second derivatives, and its masses.

In units of |W0|^2, with w = 1 + sum E_p, u = sum a_p tau_p E_p, X_i = sum a_p Q_pi E_p and rho = 3 xi / (4 V0 - xi), V0 the
volume and Y = V0 + xi / 2,

    V = Y^-2 (rho |w|^2 + 4 (1 + rho) (Re(u wbar) + |u|^2) - 4 Y Xbar kappa X) + D / V0^p,

which is e^K (K^ij D_iW D_jWbar - 3 |W|^2) with the inverse metric written out (hep-th/0204254). The coordinates are t^i and
phi^i with theta_i = kappa_ij phi^j, kappa_ij that of the point at hand; in them the kinetic matrix is the same for both:
-kappa_ij / 4Y + tau_i tau_j / 2Y^2.
"""

from collections import namedtuple

import numpy as np

from vacuagym.models.kklt.balls import at, nought, power_of, put, real_product, shape_of
from vacuagym.models.kklt.points import exponentials, geometry_at
from vacuagym.numerics.compiled import njit

# What `derivatives` fills, for n classes and r terms: gradient (2n,) and hessian (2n, 2n) of t and phi; numbers (4,): V without
# uplift, uplift term, volume, |w|^2; metric (n, n), matrix = kappa_ij (n, n) and tau (n,) at the point. The rest is scratch:
# x (r,) = a_p tau_p and slope (r, n), its derivative; flow (n,) = X, turned (n,) = kappa_ij X_j, bent (n, n) = kappa_ijk X_k;
# dw, du, dm, dv, dsize, dmixed, cross (2n,), dflow and pulled (2n, n), derivatives of w, u, m, volume, |w|^2, ... and X
Jet = namedtuple(
    "Jet",
    "gradient hessian numbers metric matrix tau x slope flow turned bent dw du dm dv dsize dmixed cross dflow pulled",
)


@njit(cache=True)
def new_jet(n, r):
    """Room for a `Jet` of numbers."""
    return Jet(
        np.empty(2 * n),
        np.empty((2 * n, 2 * n)),
        np.empty(4),
        np.empty((n, n)),
        np.empty((n, n)),
        np.empty(n),
        np.empty(r),
        np.empty((r, n)),
        np.empty(n, np.complex128),
        np.empty(n, np.complex128),
        np.empty((n, n), np.complex128),
        np.empty(2 * n, np.complex128),
        np.empty(2 * n, np.complex128),
        np.empty(2 * n),
        np.empty(2 * n),
        np.empty(2 * n),
        np.empty(2 * n),
        np.empty(2 * n),
        np.empty((2 * n, n), np.complex128),
        np.empty((2 * n, n), np.complex128),
    )


@njit(cache=True)
def derivatives(kappa, theory, uplift, power, t, theta, jet):
    """V / |W0|^2 with its derivatives at a point.

    Parameters
    ----------
    kappa : float64 (n, n, n)
        Triple intersection numbers.
    theory : points.Theory
        The couplings.
    uplift, power : float
        D / |W0|^2 and p.
    t, theta : float64 (n,), (n,)
        The point.
    jet : Jet
        Output.
    """
    r, n = theory.classes.shape
    y = geometry_at(kappa, t, jet.matrix, jet.tau) + 0.5 * theory.xi
    terms, charges = np.empty(r, np.complex128), np.empty((r, n))
    exponentials(theory, jet.tau, theta, terms)
    for p in range(r):
        for i in range(n):
            charges[p, i] = theory.rates[p] * theory.classes[p, i]
    fill_jet(kappa, charges, theory.xi, terms, uplift, power, t, jet)
    for i in range(n):
        for j in range(n):
            jet.metric[i, j] = -0.25 * jet.matrix[i, j] / y + 0.5 * jet.tau[i] * jet.tau[j] / (y * y)


@njit(cache=True)
def hold_axion(jet):
    """Add half the square of the first phi to V, which does not depend on it: no term of W has the first class."""
    n = shape_of(jet.tau)[0]
    put(jet.hessian, (n, n), nought(jet.tau) + 1.0)


@njit(cache=True)
def fill_geometry(kappa, charges, t, jet):
    """Fill matrix, tau, x and slope of a jet, as of `fill_jet`; returns the volume."""
    r, n = shape_of(charges)
    volume = nought(jet.tau)
    for i in range(n):
        total = nought(jet.tau)
        for j in range(n):
            entry = nought(jet.tau)
            for k in range(n):
                entry += at(kappa, (i, j, k)) * at(t, k)
            put(jet.matrix, (i, j), entry)
            total += entry * at(t, j)
        put(jet.tau, i, 0.5 * total)
        volume += total * at(t, i)
    for p in range(r):
        total = nought(jet.tau)
        for i in range(n):
            entry = nought(jet.tau)
            for j in range(n):
                entry += at(charges, (p, j)) * at(jet.matrix, (i, j))
            put(jet.slope, (p, i), entry)
            total += at(charges, (p, i)) * at(jet.tau, i)
        put(jet.x, p, total)
    return volume / 6.0


@njit(cache=True)
def fill_jet(kappa, charges, xi, terms, uplift, power, t, jet):
    """V and its derivatives from the exponentials, in numbers or in balls.

    Parameters
    ----------
    kappa, charges, terms, t : (n, n, n), (r, n), (r,), (n,)
        Triple intersection numbers, a_p Q_pi, E_p and the point: arrays, complex for terms, or `Balls`.
    xi, uplift, power : float
        As of `derivatives`.
    jet : Jet
        Output; all but the metric; of the same kind.
    """
    r, n = shape_of(charges)
    v = fill_geometry(kappa, charges, t, jet)
    y, z = v + 0.5 * xi, 4.0 * v - xi
    w, u, m = 1.0 + nought(jet.flow), nought(jet.flow), nought(jet.tau)
    for p in range(r):
        w += at(terms, p)
        u += at(jet.x, p) * at(terms, p)
    for i in range(n):
        total = nought(jet.flow)
        for p in range(r):
            total += at(charges, (p, i)) * at(terms, p)
        put(jet.flow, i, total)
    for i in range(n):
        total = nought(jet.flow)
        for j in range(n):
            total += at(jet.matrix, (i, j)) * at(jet.flow, j)
            entry = nought(jet.flow)
            for k in range(n):
                entry += at(kappa, (i, j, k)) * at(jet.flow, k)
            put(jet.bent, (i, j), entry)
        put(jet.turned, i, total)
        m += real_product(total, at(jet.flow, i))

    # first derivatives of w, u, X and m; what multiplies the derivatives of X once more
    for j in range(n):
        of_u = nought(jet.flow)
        for p in range(r):
            of_u += at(jet.x, p) * (at(jet.slope, (p, j)) * at(terms, p))
        turned = at(jet.turned, j)
        put(jet.dw, j, -1.0 * turned)
        put(jet.dw, n + j, -1j * turned)
        put(jet.du, j, turned - of_u)
        put(jet.du, n + j, -1j * of_u)
        put(jet.dv, j, at(jet.tau, j))
        put(jet.dv, n + j, nought(jet.tau))
        for i in range(n):
            total = nought(jet.flow)
            for p in range(r):
                total += at(charges, (p, i)) * (at(jet.slope, (p, j)) * at(terms, p))
            put(jet.dflow, (j, i), -1.0 * total)
            put(jet.dflow, (n + j, i), -1j * total)
    for a in range(2 * n):
        of_m = nought(jet.tau)
        for i in range(n):
            total = nought(jet.flow)
            for j in range(n):
                total += at(jet.matrix, (i, j)) * at(jet.dflow, (a, j))
            of_m += 2.0 * real_product(at(jet.dflow, (a, i)), at(jet.turned, i))
            if a < n:
                total += at(jet.bent, (i, a))
                of_m += real_product(at(jet.flow, i), at(jet.bent, (i, a)))
            put(jet.pulled, (a, i), total)
        put(jet.dm, a, of_m)

    # V as a function of volume, |w|^2, Re(u wbar) + |u|^2 and m
    size, mixed = real_product(w, w), real_product(u, w) + real_product(u, u)
    inverse_v, inverse_y, inverse_z = 1.0 / v, 1.0 / y, 1.0 / z
    c0, c1 = 3.0 * xi * (inverse_z * inverse_y * inverse_y), 16.0 * (inverse_y * inverse_z)
    c0_v, c1_v = c0 * (-4.0 * inverse_z - 2.0 * inverse_y), c1 * (-1.0 * inverse_y - 4.0 * inverse_z)
    c0_vv = c0 * (32.0 * inverse_z * inverse_z + 16.0 * inverse_y * inverse_z + 6.0 * inverse_y * inverse_y)
    c1_vv = c1 * (2.0 * inverse_y * inverse_y + 8.0 * inverse_y * inverse_z + 32.0 * inverse_z * inverse_z)
    fall = 4.0 * inverse_y * inverse_y
    lifted = uplift * power_of(v, -power)
    by_v = c0_v * size + c1_v * mixed + fall * m - power * lifted * inverse_v
    by_vv = c0_vv * size + c1_vv * mixed - 2.0 * fall * inverse_y * m
    by_vv += power * (power + 1.0) * lifted * inverse_v * inverse_v
    put(jet.numbers, 0, c0 * size + c1 * mixed - 4.0 * inverse_y * m)
    put(jet.numbers, 1, lifted)
    put(jet.numbers, 2, v)
    put(jet.numbers, 3, size)
    for a in range(2 * n):
        dw, du, dm = at(jet.dw, a), at(jet.du, a), at(jet.dm, a)
        dsize = 2.0 * real_product(dw, w)
        dmixed = real_product(du, w) + real_product(u, dw) + 2.0 * real_product(du, u)
        put(jet.cross, a, c0_v * dsize + c1_v * dmixed + fall * dm)
        put(jet.gradient, a, by_v * at(jet.dv, a) + c0 * dsize + c1 * dmixed - 4.0 * inverse_y * dm)

    # second derivatives: products of first ones, then what is linear in second derivatives
    hessian = jet.hessian
    for a in range(2 * n):
        for b in range(a + 1):
            entry = by_vv * at(jet.dv, a) * at(jet.dv, b)
            entry += at(jet.dv, a) * at(jet.cross, b) + at(jet.dv, b) * at(jet.cross, a)
            entry += 2.0 * c0 * real_product(at(jet.dw, a), at(jet.dw, b))
            pair = real_product(at(jet.du, a), at(jet.dw, b)) + real_product(at(jet.dw, a), at(jet.du, b))
            entry += c1 * (pair + 2.0 * real_product(at(jet.du, a), at(jet.du, b)))
            pull = nought(jet.tau)
            for i in range(n):
                pull += real_product(at(jet.dflow, (a, i)), at(jet.pulled, (b, i)))
                if a < n:
                    pull += real_product(at(jet.dflow, (b, i)), at(jet.bent, (i, a)))
            if a < n:
                entry += by_v * at(jet.matrix, (a, b))
            put(hessian, (a, b), entry - 8.0 * inverse_y * pull)
    of_u = w + 2.0 * u
    for p in range(r):
        term, along = at(terms, p), nought(jet.flow)  # E_p'' appears as Re(E_p'' conj(along))
        for i in range(n):
            along += at(charges, (p, i)) * at(jet.turned, i)
        along = 2.0 * c0 * w + c1 * u + c1 * at(jet.x, p) * of_u - 8.0 * inverse_y * along
        second, straight = real_product(term, along), c1 * real_product(term, of_u)
        skew = real_product(1j * term, along) - c1 * real_product(1j * term, of_u)
        for a in range(n):
            for b in range(n):
                pair = at(jet.slope, (p, a)) * at(jet.slope, (p, b))
                put(hessian, (n + b, a), at(hessian, (n + b, a)) + skew * pair)
                if b <= a:
                    bend = nought(jet.tau)
                    for i in range(n):
                        bend += at(charges, (p, i)) * at(kappa, (i, a, b))
                    change = second * (pair - bend) + straight * (bend - 2.0 * pair)
                    put(hessian, (a, b), at(hessian, (a, b)) + change)
                    put(hessian, (n + a, n + b), at(hessian, (n + a, n + b)) - second * pair)
    for a in range(2 * n):
        for b in range(a):
            put(hessian, (b, a), at(hessian, (a, b)))

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

from vacuagym.models.kklt.points import exponentials, geometry_at
from vacuagym.numerics.compiled import njit
from vacuagym.numerics.elementary import exp, log

# What `derivatives` fills, for n classes: gradient (2n,), hessian (2n, 2n), metric (n, n), of t and phi; kappa_ij (n, n) and
# tau (n,) at the point; numbers (4,): V without uplift, uplift term, volume, |w|^2
Jet = namedtuple("Jet", "gradient hessian metric matrix tau numbers")


@njit(cache=True)
def new_jet(n):
    """Room for a `Jet`."""
    return Jet(
        np.empty(2 * n), np.empty((2 * n, 2 * n)), np.empty((n, n)), np.empty((n, n)), np.empty(n), np.empty(4)
    )


@njit(cache=True)
def _real(a, b):
    """Re(a bbar)."""
    return a.real * b.real + a.imag * b.imag


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
    v = geometry_at(kappa, t, jet.matrix, jet.tau)
    terms = np.empty(len(theory.rates), np.complex128)
    exponentials(theory, jet.tau, theta, terms)
    fill_jet(kappa, theory.classes, theory.rates, theory.xi, terms, uplift, power, t, v, v + 0.5 * theory.xi, -1.0, jet)
    y = v + 0.5 * theory.xi
    for i in range(len(t)):
        for j in range(len(t)):
            jet.metric[i, j] = -0.25 * jet.matrix[i, j] / y + 0.5 * jet.tau[i] * jet.tau[j] / (y * y)


@njit(cache=True)
def fill_jet(kappa, classes, rates, xi, terms, uplift, power, t, v, y, minus, jet):
    """V and its derivatives from the exponentials; or, without any minus sign, the sums of the sizes of their terms.

    Parameters
    ----------
    kappa, classes, rates, xi, terms, uplift, power, t
        As of `derivatives`, terms the E_p; for sizes, their absolute values.
    v, y : float
        Volume and Y; for sizes too.
    minus : float
        -1; 1 for sizes.
    jet : Jet
        Output; all but the metric.
    """
    r, n = classes.shape
    matrix, tau, turn = jet.matrix, jet.tau, -1j if minus < 0.0 else 1.0 + 0.0j
    z = 4.0 * y - 3.0 * xi if minus < 0.0 else 4.0 * v - abs(xi)
    geometry_at(kappa, t, matrix, tau)
    x = np.empty(r)  # a_p tau_p
    slope = np.empty((r, n))  # its derivative by t, and that of a_p theta_p by phi
    flow = np.zeros(n, np.complex128)  # X
    w, u = 1.0 + 0.0j, 0.0j
    for p in range(r):
        x[p] = 0.0
        for i in range(n):
            slope[p, i] = 0.0
            for j in range(n):
                slope[p, i] += rates[p] * classes[p, j] * matrix[i, j]
            x[p] += rates[p] * classes[p, i] * tau[i]
            flow[i] += rates[p] * classes[p, i] * terms[p]
        w += terms[p]
        u += x[p] * terms[p]
    turned, bent = np.zeros(n, np.complex128), np.zeros((n, n), np.complex128)  # kappa_ij X_j, kappa_ijk X_k
    m = 0.0
    for i in range(n):
        for j in range(n):
            turned[i] += matrix[i, j] * flow[j]
            for k in range(n):
                bent[i, j] += kappa[i, j, k] * flow[k]
        m += _real(turned[i], flow[i])

    # first derivatives of w, u, X and m; what multiplies the derivatives of X once more
    dw, du, dm = np.empty(2 * n, np.complex128), np.zeros(2 * n, np.complex128), np.zeros(2 * n)
    dflow, pulled = np.zeros((2 * n, n), np.complex128), np.zeros((2 * n, n), np.complex128)
    for j in range(n):
        dw[j], dw[n + j], du[j] = minus * turned[j], turn * turned[j], turned[j]
        for p in range(r):
            change = slope[p, j] * terms[p]
            du[j] += minus * x[p] * change
            du[n + j] += turn * x[p] * change
            for i in range(n):
                dflow[j, i] += minus * rates[p] * classes[p, i] * change
                dflow[n + j, i] += turn * rates[p] * classes[p, i] * change
    for a in range(2 * n):
        for i in range(n):
            for j in range(n):
                pulled[a, i] += matrix[i, j] * dflow[a, j]
            dm[a] += 2.0 * _real(dflow[a, i], turned[i])
            if a < n:
                pulled[a, i] += bent[i, a]
                dm[a] += _real(flow[i], bent[i, a])

    # V as a function of volume, |w|^2, Re(u wbar) + |u|^2 and m
    size, mixed = _real(w, w), _real(u, w) + _real(u, u)
    c0, c1 = 3.0 * xi / (z * y * y), 16.0 / (y * z)
    c0_v, c1_v = minus * c0 * (4.0 / z + 2.0 / y), minus * c1 * (1.0 / y + 4.0 / z)
    c0_vv = c0 * (32.0 / (z * z) + 16.0 / (y * z) + 6.0 / (y * y))
    c1_vv = c1 * (2.0 / (y * y) + 8.0 / (y * z) + 32.0 / (z * z))
    lifted = uplift * exp(-power * log(v))
    by_v = c0_v * size + c1_v * mixed + 4.0 * m / (y * y) + minus * power * lifted / v
    by_vv = c0_vv * size + c1_vv * mixed + minus * 8.0 * m / (y * y * y) + power * (power + 1.0) * lifted / (v * v)
    jet.numbers[0] = c0 * size + c1 * mixed + minus * 4.0 * m / y
    jet.numbers[1], jet.numbers[2], jet.numbers[3] = lifted, v, size
    dsize, dmixed, dv, cross = np.empty(2 * n), np.empty(2 * n), np.zeros(2 * n), np.empty(2 * n)
    dv[:n] = tau
    for a in range(2 * n):
        dsize[a] = 2.0 * _real(dw[a], w)
        dmixed[a] = _real(du[a], w) + _real(u, dw[a]) + 2.0 * _real(du[a], u)
        cross[a] = c0_v * dsize[a] + c1_v * dmixed[a] + 4.0 / (y * y) * dm[a]
        jet.gradient[a] = by_v * dv[a] + c0 * dsize[a] + c1 * dmixed[a] + minus * 4.0 / y * dm[a]

    # second derivatives: products of first ones, then what is linear in second derivatives
    hessian = jet.hessian
    for a in range(2 * n):
        for b in range(a + 1):
            entry = by_vv * dv[a] * dv[b] + dv[a] * cross[b] + dv[b] * cross[a] + 2.0 * c0 * _real(dw[a], dw[b])
            entry += c1 * (_real(du[a], dw[b]) + _real(dw[a], du[b]) + 2.0 * _real(du[a], du[b]))
            pull = 0.0
            for i in range(n):
                pull += _real(dflow[a, i], pulled[b, i])
                if a < n:
                    pull += _real(dflow[b, i], bent[i, a])
            hessian[a, b] = entry + minus * 8.0 / y * pull
    of_u = w + 2.0 * u
    for p in range(r):
        along = 0.0j  # E_p'' appears as Re(E_p'' conj(along))
        for i in range(n):
            along += rates[p] * classes[p, i] * turned[i]
        along = 2.0 * c0 * w + c1 * u + c1 * x[p] * of_u + minus * 8.0 / y * along
        second, straight = _real(terms[p], along), c1 * _real(terms[p], of_u)
        skew = minus * (_real(turn * terms[p], along) + minus * c1 * _real(turn * terms[p], of_u))
        for a in range(n):
            for b in range(n):
                pair = slope[p, a] * slope[p, b]
                hessian[n + b, a] += skew * pair
                if b <= a:
                    bend = 0.0
                    for i in range(n):
                        bend += rates[p] * classes[p, i] * kappa[i, a, b]
                    hessian[a, b] += second * (pair + minus * bend) + straight * (bend + minus * 2.0 * pair)
                    hessian[n + a, n + b] += minus * second * pair
    for a in range(n):
        for b in range(a + 1):
            hessian[a, b] += by_v * matrix[a, b]
    for a in range(2 * n):
        for b in range(a):
            hessian[b, a] = hessian[a, b]

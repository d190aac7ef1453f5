"""Favourable toric threefolds with few moduli, and the potential of a row, rebuilt from the published columns, to any precision."""

import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import mpmath
import numpy as np

from vacuagym.geometry import FAMILIES
from vacuagym.models.kklt import MODEL, labels, phases, points
from vacuagym.models.supergravity.priors import alpha_prime
from vacuagym.tables.arrays import take

sys.path.insert(0, str(Path(__file__).parents[1] / "supergravity"))
from threefolds import dense_kappa, euler_number, features_of, geometries, rows_of  # noqa: E402, F401

PARAMETERS = {name: parameter.default for name, parameter in MODEL.parameters.items()}
LARGE_VOLUME = {"log10_flux": (-8.0, -1.0), "no_uplift_fraction": 1.0}  # where large-volume vacua are frequent


@cache
def some_features(seed):
    """Features of 4,000 weight systems."""
    chosen = np.random.default_rng(seed).choice(len(geometries("ks")["kind"]), 4000, replace=False)
    return features_of("ks", take(geometries("ks"), chosen))


@cache
def favourable(count=60, least=2, most=6, seed=0):
    """Features of different favourable weight systems with n_fields from ``least`` to ``most``."""
    features = some_features(seed)
    fits = (least <= features["n_fields"]) & (features["n_fields"] <= most) & ~features["is_truncated"]
    _, first = np.unique(features["duplicate_group"][fits], return_index=True)
    return take(features, np.flatnonzero(fits)[np.sort(first)[:count]])


def label(features, draws, seed=11, **parameters):
    """The label table of features."""
    read = {column: features[column] for column in MODEL.reads(FAMILIES["ks"])}
    return labels.label(PARAMETERS | parameters, seed, FAMILIES["ks"], read, draws)


def space_of(row):
    """The `Space` of a row of features, and a class inside its Kähler cone."""
    rays = np.asarray(row["rays"], np.int64).reshape(-1, 4)
    return phases.space_of(rays, row["heights"].astype(np.int64), row["basis"].astype(np.int64), phases.new_room())


def theory_of(features, row, classes):
    """The `points.Theory` of a row of labels, from what is published."""
    rigid = np.flatnonzero(row["condensates"])
    log_flux = np.log(10.0) * float(row["log10_flux"])
    return points.Theory(
        classes[rigid],
        classes,
        2 * np.pi / row["condensates"][rigid].astype(float),
        np.log(10.0) * row["log10_amplitudes"][rigid].astype(float) - log_flux,
        row["amplitude_angles"][rigid].astype(float),
        alpha_prime(float(euler_number(features)), float(row["string_coupling"])),
    )


class Exact(NamedTuple):
    """A theory in mpmath numbers: the potential is written as e^K (K^ij D_iW D_jWbar - 3 |W|^2), with an inverse matrix."""

    kappa: np.ndarray
    theory: points.Theory
    uplift: float
    power: float

    def parts(self, t, theta):
        """tau_i, volume, the E_p, and D_iW / W0 at t and theta; lists of mpmath numbers."""
        n, mp = len(t), mpmath
        tau = [mp.mpf(0)] * n
        for i, j, k in zip(*np.nonzero(self.kappa), strict=True):
            tau[i] += int(self.kappa[i, j, k]) * t[j] * t[k] / 2
        volume = mp.fsum(tau[i] * t[i] for i in range(n)) / 3
        terms = []
        for p in range(len(self.theory.rates)):
            of_t = mp.fsum(int(self.theory.classes[p, i]) * (tau[i] + 1j * theta[i]) for i in range(n))
            exponent = mp.mpf(self.theory.logs[p]) + 1j * mp.mpf(self.theory.angles[p])
            terms.append(mp.exp(exponent - mp.mpf(self.theory.rates[p]) * of_t))
        w, y = 1 + mp.fsum(terms), volume + mp.mpf(self.theory.xi) / 2
        d_w = [
            -mp.fsum(
                mp.mpf(self.theory.rates[p]) * int(self.theory.classes[p, i]) * terms[p] for p in range(len(terms))
            )
            - t[i] * w / (2 * y)
            for i in range(n)
        ]
        return tau, volume, y, w, d_w

    def value(self, t, theta):
        """V / |W0|^2."""
        n, mp = len(t), mpmath
        _, volume, y, w, d_w = self.parts(t, theta)
        inverse = mp.inverse(
            mp.matrix(n, n)
            + mp.matrix(
                [[mp.fsum(int(self.kappa[i, j, k]) * t[k] for k in range(n)) for j in range(n)] for i in range(n)]
            )
        )
        metric = mp.matrix(n, n)
        for i in range(n):
            for j in range(n):
                metric[i, j] = -inverse[i, j] / (4 * y) + t[i] * t[j] / (8 * y * y)
        up = mp.inverse(metric)
        norm = mp.fsum(up[i, j] * d_w[i] * mp.conj(d_w[j]) for i in range(n) for j in range(n))
        lifted = mp.mpf(self.uplift) / volume ** mp.mpf(self.power) if self.uplift else 0
        return (mp.re(norm) - 3 * abs(w) ** 2) / y**2 + lifted

    def gradient(self, point, step):
        """Gradient (2n,) in t and theta, by central differences; a list of mpmath numbers."""
        n, found = len(point) // 2, []
        for a in range(2 * n):
            up, down = ([x + s * step * (a == b) for b, x in enumerate(point)] for s in (1, -1))
            found.append((self.value(up[:n], up[n:]) - self.value(down[:n], down[n:])) / (2 * step))
        return found

    def derivatives(self, t, theta, step):
        """Gradient (2n,) and Hessian (2n, 2n) in t and theta, by central differences; mpmath matrices."""
        n = len(t)
        known = {}

        def value(*shifts):
            if shifts not in known:
                moved = [x + step * s for x, s in zip([*t, *theta], shifts, strict=True)]
                known[shifts] = self.value(moved[:n], moved[n:])
            return known[shifts]

        def unit(*pairs):
            shifts = [0] * (2 * n)
            for place, size in pairs:
                shifts[place] += size
            return tuple(shifts)

        gradient, hessian = mpmath.matrix(2 * n, 1), mpmath.matrix(2 * n, 2 * n)
        for a in range(2 * n):
            gradient[a] = (value(*unit((a, 1))) - value(*unit((a, -1)))) / (2 * step)
            for b in range(a + 1):
                corners = (value(*unit((a, s), (b, r))) * s * r for s in (1, -1) for r in (1, -1))
                hessian[a, b] = hessian[b, a] = mpmath.fsum(corners) / (4 * step**2)
        return gradient, hessian

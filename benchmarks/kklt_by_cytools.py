"""Labels of the model kklt with CYTools, numpy and scipy, in an environment of their own: JSON lines in and out.

    .venv-cytools/bin/python benchmarks/kklt_by_cytools.py < geometries.jsonl

A line in holds ``rays``, ``heights`` and ``basis`` of a threefold and its ``draws``, see `Theory`; a line out the ``seconds`` of
CPU time and, for each draw, its vacuum type and volume. The steps are those of the package, without proofs, and in fans of the
polytope's own rays only.
"""

import json
import sys
import time
import warnings
from itertools import combinations

import numpy as np
from cytools.vector_config import VectorConfiguration
from scipy.linalg import block_diag, eigh
from scipy.optimize import root

np.seterr(all="ignore")
warnings.simplefilter("ignore")


class Lost(Exception):
    """The path left the fans that are known, or did not converge."""


class Phase:
    """Triple intersection numbers and curves of a class; renewed where a curve shrinks."""

    def __init__(self, rays, basis):
        self.basis = np.array(basis)
        self.vectors = VectorConfiguration(rays, labels=range(1, len(rays) + 1), gale_basis=self.basis + 1)
        self.classes = self.vectors.gale()

    def enter(self, heights):
        try:
            fan = self.vectors.triangulate(heights=heights)
        except (ValueError, AssertionError) as error:
            raise Lost from error
        if not (fan.is_fine() and fan.is_triangulation()):
            raise Lost
        self.kappa = fan.intersection_numbers(pushed_down=True, in_basis=True, as_np_array=True)
        self.curves = fan.mori_rays()[:, 1:]
        if np.abs(self.kappa - np.rint(self.kappa)).max() > 1e-6:
            raise Lost

    def stay(self, t):
        if (self.curves[:, self.basis] @ t).min() <= 0:
            heights = np.zeros(len(self.classes))
            heights[self.basis] = t
            self.enter(heights)

    def geometry(self, t):
        """kappa_ij, tau_i and the volume at points t (..., n)."""
        matrix = np.tensordot(t, self.kappa, 1)
        tau = (matrix @ t[..., None])[..., 0] / 2
        return matrix, tau, (tau * t).sum(-1) / 3

    def smallest_potent(self, t):
        negative, positive = (self.curves < 0).sum(axis=1), (self.curves > 0).sum(axis=1)
        potent = (negative == 0) | ((negative == 1) & (positive > 2))
        return (self.curves[potent][:, self.basis] @ t).min()


class Theory:
    """Couplings of a draw: rigid divisors, rates a_p, logs ln|A_p / W0|, angles arg A_p, xi, log_flux ln|W0|, uplift, power."""

    def __init__(self, phase, rigid, **couplings):
        self.__dict__.update({name: np.array(value) for name, value in couplings.items()})
        self.classes = phase.classes[rigid]
        self.charges = self.rates[:, None] * self.classes

    def terms(self, tau, theta):
        """Real and imaginary parts of E_p, (..., r)."""
        size, angle = np.exp(self.logs - tau @ self.charges.T), self.angles - theta @ self.charges.T
        return size * np.cos(angle), size * np.sin(angle)

    def potential(self, phase, points, uplift):
        """V / |W0|^2 at points (..., 2n), an analytic function of t and theta."""
        t, theta = np.split(points, 2, axis=-1)
        matrix, tau, v = phase.geometry(t)
        y, z, x = v + self.xi / 2, 4 * v - self.xi, tau @ self.charges.T
        size = mixed = m = 0
        for one, terms in zip((1, 0), self.terms(tau, theta), strict=True):
            w, u, flow = one + terms.sum(-1), (x * terms).sum(-1), terms @ self.charges
            size, mixed = size + w**2, mixed + u * (w + u)
            m = m + (flow * (matrix @ flow[..., None])[..., 0]).sum(-1)
        return 3 * self.xi * size / (z * y**2) + 16 * mixed / (y * z) - 4 * m / y + uplift * v**-self.power

    def gradient(self, phase, point, uplift):
        return self.potential(phase, point + 1e-30j * np.eye(len(point)), uplift).imag / 1e-30

    def masses(self, phase, point):
        """All M^2 / |W0|^2, with the Hessian by differences."""
        matrix, tau, v = phase.geometry(np.split(point, 2)[0])
        y, inverse = v + self.xi / 2, np.linalg.inv(matrix)
        metric = -matrix / (4 * y) + np.outer(tau, tau) / (2 * y**2)
        steps = 1e-6 * np.diag(np.maximum(np.abs(point), 1e-3))
        ends = [[self.gradient(phase, point + s * step, self.uplift) for step in steps] for s in (1, -1)]
        hessian = (np.array(ends[0]) - ends[1]) / (2 * np.diag(steps)[:, None])
        return eigh((hessian + hessian.T) / 4, block_diag(metric, inverse @ metric @ inverse), eigvals_only=True)


def vertices(theory):
    """Bases among the rigid divisors with the tau at which they are tight; None if there is no basis."""
    r, n = theory.classes.shape
    subsets = np.array(list(combinations(range(r), n)), int).reshape(-1, n)
    subsets = subsets[np.abs(np.linalg.det(theory.classes[subsets])) > 0.5]
    if not len(subsets):
        return None
    bounds = (theory.logs + np.log(-2 * n * theory.log_flux / 3)) / theory.rates
    tau = np.linalg.solve(theory.classes[subsets], bounds[subsets][..., None])[..., 0]
    inside = (tau @ theory.classes.T >= bounds - 1e-9 * np.abs(bounds).max()).all(axis=1)
    return list(zip(subsets[inside], tau[inside], strict=True))


def follow(phase, t, equations, length):
    """Move t to the end of a line by Newton's method; equations(t, to) are what is left, and minus its Jacobian."""
    done = 0.0
    while done < 1:
        to, trial = min(1.0, done + length), t
        try:
            for _ in range(8):
                step, size = np.linalg.solve(*equations(trial, to)), np.abs(trial).max()
                trial = trial + step
                if not np.abs(step).max() < 0.5 * size:
                    raise Lost
                phase.stay(trial)
                if np.abs(step).max() < 1e-9 * size:
                    break
            else:
                raise Lost
            t, done, length = trial, to, min(2 * length, 1.0)
        except (Lost, np.linalg.LinAlgError) as error:
            length /= 2
            phase.stay(t)
            if length < 1 / 256:
                raise Lost from error
    return t


def supersymmetric(phase, theory, subset, target, t):
    """The supersymmetric point (2n,) of a vertex, from a class t in the phase."""
    start = phase.geometry(t)[1]
    scale = target @ t / (start @ t)
    if not scale > 0:
        raise Lost

    def cycles(t, to):
        matrix, tau, _ = phase.geometry(t)
        return matrix, (1 - to) * scale * start + to * target - tau

    vertex = follow(phase, np.sqrt(scale) * t, cycles, 0.25)
    rates, charges, inverse = theory.rates[subset], theory.charges[subset], np.linalg.inv(theory.classes[subset])
    first, signs = charges @ phase.geometry(vertex)[1], np.sign(vertex @ inverse)

    def alone(t, to):  # the terms of the basis
        matrix, tau, v = phase.geometry(t)
        y, weights = v + theory.xi / 2, t @ inverse
        if not (y > 0 and (weights * signs > 0).all()):
            raise Lost
        goal = theory.logs[subset] + np.log(2 * y * rates / np.abs(weights))
        jacobian = charges @ matrix + to * (inverse.T / weights[:, None] - tau / y)
        return jacobian, (1 - to) * first + to * goal - charges @ tau

    try:
        t = follow(phase, vertex, alone, 0.5)
    except Lost:
        phase.stay(vertex)
        t = vertex
    others = np.setdiff1d(np.arange(len(theory.rates)), subset)

    def exact(point):
        t, theta = np.split(point, 2)
        _, tau, v = phase.geometry(t)
        real, imaginary = theory.terms(tau, theta)
        terms = real + 1j * imaginary
        rest = t @ inverse * (1 + terms.sum()) / (2 * v + theory.xi)
        rest = rest + (theory.rates * terms)[others] @ theory.classes[others] @ inverse
        ratio = np.log(-rates * terms[subset] / rest)
        return np.concatenate([ratio.real, ratio.imag])

    return solve(phase, exact, np.append(t, inverse @ ((theory.angles[subset] - np.pi * (t @ inverse > 0)) / rates)))


def solve(phase, equations, point):
    """A zero (2n,) of equations that change with the phase."""
    for _ in range(5):
        curves, found = phase.curves, root(equations, point, tol=1e-11)
        if not found.success:
            raise Lost
        point = found.x
        phase.stay(np.split(point, 2)[0])
        if phase.curves is curves:
            return point
    raise Lost


def raise_uplift(phase, theory, point):
    """The critical point (2n,) with the drawn uplift, from that without; None where its branch ends."""
    done, length, slope = 0.0, 0.25, 0.0
    while done < 1:
        to, t = min(1.0, done + length), np.split(point, 2)[0]
        try:
            equations = lambda x: theory.gradient(phase, x, to * theory.uplift)  # noqa: B023, E731
            found = solve(phase, equations, point + (to - done) * slope)
            change = theory.charges @ (phase.geometry(np.split(found, 2)[0])[1] - phase.geometry(t)[1])
            if not np.abs(change).max() < 1:
                raise Lost
            slope, point, done, length = (found - point) / (to - done), found, to, 2 * length
        except Lost:
            phase.stay(t)
            length /= 2
            if length < 1e-3:
                return None
    return point


def label(phase, heights, theory):
    """Vacuum type and volume of a draw."""
    candidates, found, lost = vertices(theory), [], False
    if candidates is None:
        return "unstabilised", None
    for subset, tau in candidates:
        if (phase.classes @ tau).min() > 0:
            try:
                phase.enter(heights)
                point = supersymmetric(phase, theory, subset, tau, phase.classes.T @ heights)
                found.append((phase.smallest_potent(np.split(point, 2)[0]), len(found), point))
            except Lost:
                lost = True
    if not found:
        return "undecided" if lost else "no_point", None
    point = max(found)[2]
    phase.stay(np.split(point, 2)[0])
    if theory.uplift > 0:
        point = raise_uplift(phase, theory, point)
    if point is None:
        return "destroyed", None
    kind = "ds_minimum" if theory.potential(phase, point, theory.uplift) > 0 else "ads_nonsusy"
    lowest, volume = theory.masses(phase, point)[0], float(phase.geometry(np.split(point, 2)[0])[2])
    return "ads_susy" if theory.uplift == 0 else kind if lowest > 0 else "undecided", volume


for line in sys.stdin:
    began, row = time.process_time(), json.loads(line)
    phase = Phase(row["rays"], row["basis"])
    found = [label(phase, np.array(row["heights"]), Theory(phase, **draw)) for draw in row["draws"]]
    print(json.dumps({"found": found, "seconds": time.process_time() - began}), flush=True)

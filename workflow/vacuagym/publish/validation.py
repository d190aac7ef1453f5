"""Checks of the labels of a run before anybody trains on them: thresholds that decide on the counts."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.stats import chi2_contingency, entropy

from vacuagym.errors import InputError
from vacuagym.schema import NOT_APPLICABLE, WITH_POINT
from vacuagym.tables.shards import write_text

MIN_EXPECTED = 5.0  # smallest expected count of a bin or class in the chi-squared test (Cochran 1954)


def validate_labels(counts: Path, thresholds: Mapping[str, float], out: Path) -> None:
    """Check the counts of a run's labels, and write counts and checks as JSON.

    Parameters
    ----------
    counts : Path
        What `vacuagym.publish.label_counts.count_labels` has written.
    thresholds : mapping of str to float
        The configuration's key ``validation``.
    out : Path
        The JSON file.

    Raises
    ------
    InputError
        A check failed; names each with its dataset, value and threshold.
    """
    counted = json.loads(counts.read_text(encoding="utf-8"))
    datasets = counted["datasets"]
    for entry in datasets.values():
        matrices = {name: np.array(list(table["rows"].values())).T for name, table in entry["by_feature"].items()}
        entry["association"] = {name: association(matrix) for name, matrix in matrices.items()}
        matrices = {name: np.array(list(rows.values())).T for name, rows in entry.pop("by_input").items()}
        entry["explained_by"] = {name: explained_share(matrix) for name, matrix in matrices.items()}
        del entry["hodge"]  # of the figures alone
    checks = [check for dataset, entry in datasets.items() for check in checks_of(dataset, entry, thresholds)]
    checks += [
        _check("duplicate groups across parts", split, number, "=", 0) for split, number in counted["crossing"].items()
    ]
    for check in checks:
        print(describe(check))
    failed = [describe(check) for check in checks if check["passed"] is False]
    if failed:
        raise InputError("validation", f"{len(failed)} checks failed: {'; '.join(failed)}")
    result = {"thresholds": dict(thresholds), "checks": checks, "datasets": datasets}
    write_text(out, [json.dumps(result, indent=1), "\n"])


def _check(name, where, value, relation, threshold, judged=True) -> dict:
    passed = {"=": value == threshold, "<=": value <= threshold, ">=": value >= threshold}[relation]
    return {
        "check": name,
        "dataset": where,
        "value": float(value),
        "condition": f"{relation} {threshold:g}",
        "passed": bool(passed) if judged else None,
    }


def describe(check: Mapping) -> str:
    """A check as one line."""
    verdict = {True: "passed", False: "FAILED", None: "not judged, too few geometries"}[check["passed"]]
    return f"{check['check']}, {check['dataset']}: {check['value']:.6g}, must be {check['condition']}: {verdict}"


def checks_of(dataset: str, counts: Mapping, thresholds: Mapping[str, float]) -> list[dict]:
    """The checks of one dataset; those of shares are judged from ``min_geometries`` geometries on.

    Parameters
    ----------
    dataset : str
        Its name.
    counts : mapping
        Of `count_dataset`.
    thresholds : mapping of str to float
        The configuration's key ``validation``.

    Returns
    -------
    list of dict
        check, dataset, value, condition (as text), passed (None: not judged).
    """
    classes = {name: number for name, number in counts["stability"].items() if name != NOT_APPLICABLE}
    rows = max(sum(classes.values()), 1)
    shares = [number / rows for number in classes.values()]
    enough = counts["geometries"] >= thresholds["min_geometries"]
    with_point = sum(classes[name] for name in WITH_POINT)
    p_values = [entry["p_value"] for entry in counts["association"].values()]
    certified = counts["certified_points"] / max(with_point, 1)
    p_value, explained = min(1.0, len(p_values) * min(p_values)), max(counts["explained_by"].values(), default=0.0)
    judged = [
        ("share of failed rows", classes["failed"] / rows, "<=", "max_failed_share", enough),
        ("share of the largest class", max(shares), "<=", "max_class_share", enough),
        ("classes with at least 1 % of the rows", sum(s >= 0.01 for s in shares), ">=", "min_classes", enough),
        (
            "certified share of rows with a critical point",
            certified,
            ">=",
            "min_certified_share",
            enough and with_point,
        ),
        ("share of the label's entropy in one input column", explained, "<=", "max_explained_share", enough),
        ("p-value of no association with the geometry", p_value, "<=", "max_association_p_value", enough),
    ]
    if counts["max_certified_grad_norm"] is not None:
        norm = counts["max_certified_grad_norm"]
        judged.append(("largest gradient norm of a certified row", norm, "<=", "max_grad_norm", True))
    return [
        _check("geometries twice", dataset, counts["repeated_geometries"], "=", 0),
        _check("label rows out of place", dataset, counts["misplaced_rows"], "=", 0),
        *(_check(name, dataset, value, how, thresholds[key], enough) for name, value, how, key, enough in judged),
    ]


def explained_share(matrix: np.ndarray) -> float:
    """Share of the label's entropy that a value takes away: 1 for a copy of the label, 0 for chance.

    Parameters
    ----------
    matrix : ndarray of int, shape (values, classes)
        Numbers of rows.

    Returns
    -------
    float
        Theil's uncertainty coefficient, I(class; value) / H(class).
    """
    of_label = float(entropy(matrix.sum(axis=0), base=2))
    return _information(matrix) / of_label if of_label > 0 else 0.0


def _information(matrix: np.ndarray) -> float:
    """Mutual information of row and column of a matrix of counts, in bits."""
    of_row, of_column, of_both = (entropy(counts, base=2) for counts in (matrix.sum(1), matrix.sum(0), matrix.ravel()))
    return float(of_row + of_column - of_both)


def association(matrix: np.ndarray) -> dict[str, float]:
    """How much a feature says about the class.

    Couplings are drawn independently of the geometry. So if classes did not depend on the geometry, all rows would be
    independent, draws of one geometry included, which is the hypothesis of the chi-squared test.

    Parameters
    ----------
    matrix : ndarray of int, shape (bins, classes)
        Numbers of rows. Classes and bins with expected counts below MIN_EXPECTED are left out of the test.

    Returns
    -------
    dict of str to float
        cramers_v, corrected for bias (Bergsma 2013, J. Korean Stat. Soc. 42, 323); mutual_information in bits, of all
        rows; p_value of Pearson's chi-squared test of independence.
    """
    information = _information(matrix)
    table = matrix[matrix.sum(axis=1) > 0]
    if len(table):
        table = table[:, table.sum(axis=1).min() * table.sum(axis=0) / table.sum() >= MIN_EXPECTED]
        table = table[table.sum(axis=1) > 0]  # a bin may have had no other classes
    if min(table.shape) < 2:
        return {"cramers_v": 0.0, "mutual_information": information, "p_value": 1.0}
    test = chi2_contingency(table, correction=False)
    n, (r, k) = table.sum(), table.shape
    phi = max(0.0, test.statistic / n - test.dof / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return {
        "cramers_v": float(np.sqrt(phi / smaller)),
        "mutual_information": information,
        "p_value": float(test.pvalue),
    }

"""Predictions as people have them, files, frames or arrays, beside the truth of a task: checked row by row."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from vacuagym.benchmark.folders import Folder
from vacuagym.benchmark.tasks.base import Target, Task
from vacuagym.errors import InputError
from vacuagym.schema import CLASSES

SUM_TOLERANCE = 1e-3  # of the probabilities of a row: some files store few digits
TIE_TOLERANCE = 1e-6  # of probabilities that are equal but for their digits
TRUTH = "truth "  # before the name of a target, the column that holds its true value


class Loaded(Protocol):
    """What is asked of a `vacuagym.benchmark.loading.LoadedTask`."""

    task: Task
    split: str
    datasets: tuple[str, ...]
    folder: Folder
    keys: list[str]
    targets: list[str]

    def truth(self, dataset: str, part: str) -> pl.DataFrame:
        """Keys, duplicate group and targets of the rows that take part, ordered by the keys."""
        ...


def with_truth(source, loaded: Loaded, part: str) -> dict[str, pl.DataFrame]:
    """Put predictions beside the truth.

    Parameters
    ----------
    source
        A parquet or CSV file, a frame of polars or pandas, a mapping from columns to arrays, or an array.
    loaded : Loaded
    part : str

    Returns
    -------
    dict of str to DataFrame
        For each dataset with rows in the part that take part, in the order of the keys: keys, duplicate_group, predicted
        targets under their names, probabilities if there are any, and the true values under `TRUTH` and their names.

    Raises
    ------
    InputError
        Says which row or column is wrong, and what is expected.
    """
    where = source if isinstance(source, (str, Path)) else "predictions"
    truth = {dataset: loaded.truth(dataset, part) for dataset in loaded.datasets}
    truth = {dataset: rows for dataset, rows in truth.items() if len(rows)}
    if not truth:
        raise InputError(
            f"split {loaded.split}",
            f"has no row of {loaded.task.name} to score in its part {part}; take another part, dataset or split, or a larger "
            "n_limit",
        )
    found = _columns(where, _frame(where, source, loaded), loaded)
    if "geometry_id" in found.columns:
        found = _with_keys(where, found, list(truth), loaded)
    else:
        found = _in_order(where, found, truth, loaded)
    found = _checked(where, found, loaded)
    matched = {}
    for dataset, rows in truth.items():
        mine = found.filter(dataset=dataset)
        rows = rows.rename({name: TRUTH + name for name in loaded.targets})
        matched[dataset] = _matched(where, dataset, part, loaded, rows, mine)
    return matched


def probability_columns(target: Target) -> list[str]:
    """The columns of probabilities that a prediction of a target may have."""
    [name, *_] = target.columns
    return {"classes": [f"p_{label}" for label in CLASSES], "binary": [f"p_{name}"]}.get(target.kind, [])


# --- to a frame -------------------------------------------------------------------------------------------------------


def _frame(where, source, loaded: Loaded) -> pl.DataFrame:
    if isinstance(source, (str, Path)):
        return _read(Path(source))
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if isinstance(source, pl.DataFrame):
        return source
    is_pandas = type(source).__module__.partition(".")[0] == "pandas"
    if is_pandas and type(source).__name__ == "DataFrame":
        return pl.from_pandas(source, nan_to_null=False)
    columns = dict(source) if isinstance(source, Mapping) else _of_array(source, loaded)
    try:
        return pl.DataFrame(columns)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise InputError(where, f"are no columns of equal length ({error})") from error


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".csv":
            return pl.read_csv(path, infer_schema_length=None)
        return pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            path, f"cannot be read as {'CSV' if path.suffix == '.csv' else 'parquet'} ({error})"
        ) from error


def _of_array(source, loaded: Loaded) -> dict:
    """The columns that an array stands for."""
    [target, *others] = loaded.task.targets
    names = list(target.columns)
    if others:
        raise InputError("predictions", f"are an array; expected a mapping or a frame with {', '.join(loaded.targets)}")
    if target.kind == "lists":
        return {names[0]: [list(row) for row in source]}
    values = np.asarray(source)
    probabilities = probability_columns(target)
    if target.kind == "binary" and values.ndim == 1 and values.dtype != bool:
        return {probabilities[0]: values}
    if target.kind == "classes" and values.ndim == 2:
        names = probabilities
    if values.ndim == 1 and len(names) == 1:
        return {names[0]: values}
    if values.ndim != 2 or values.shape[1] != len(names):
        expected = "rows" if len(names) == 1 else f"rows, {len(names)}"
        hint = "; or pass a mapping with a column p_<class> of each class that the model knows" if probabilities else ""
        raise InputError(
            "predictions", f"have the shape {values.shape}, expected ({expected}): {', '.join(names)}{hint}"
        )
    return dict(zip(names, values.T, strict=True))


# --- columns ----------------------------------------------------------------------------------------------------------


def _columns(where, found: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    """The columns that matter, keys and answers; refuse what lacks one."""
    answers = []
    for target in loaded.task.targets:
        known = probability_columns(target)
        given = [name for name in found.columns if name.startswith("p_")] if known else []
        if unknown := sorted(set(given) - set(known)):
            raise InputError(where, f"has the column {unknown[0]}; known are {', '.join(known)}")
        names = [name for name in target.columns if name in found.columns]
        if len(names) < len(target.columns) and not given:
            expected = [*loaded.keys, *loaded.targets]
            missing = [name for name in target.columns if name not in names]
            or_else = f", or probabilities {', '.join(known)}" if known else ""
            has = f"; it has {', '.join(found.columns)}" if found.columns else ""
            raise InputError(
                where, f"misses {', '.join(missing)}; expected the columns {', '.join(expected)}{or_else}{has}"
            )
        answers += [*names, *given]
    keys = [name for name in loaded.keys if name in found.columns]
    if keys and (missing := [name for name in loaded.keys if name not in keys]):
        if missing != ["dataset"] or len(loaded.datasets) > 1:
            raise InputError(
                where, f"misses the key {', '.join(missing)} of its rows; expected {', '.join(loaded.keys)}"
            )
        return found.select(pl.lit(loaded.datasets[0]).alias("dataset"), *keys, *answers)
    return found.select(*keys, *answers)


def _with_keys(where, found: pl.DataFrame, datasets: Sequence[str], loaded: Loaded) -> pl.DataFrame:
    """Keys of the right types: integral floats, as a merge leaves them, are integers."""
    if found.is_empty():
        raise InputError(where, "has the right columns and no row; expected one for each row to predict")
    for name in loaded.keys:
        column = found[name]
        if name == "dataset":
            if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
                raise InputError(where, f"has {column.dtype} in dataset, expected text")
            found = found.with_columns(pl.col(name).cast(pl.String))
            bad, expected = ~pl.col(name).is_in(datasets) | pl.col(name).is_null(), f"one of {', '.join(datasets)}"
            hint = "; name the dataset that is meant, or load all of them" if len(loaded.datasets) == 1 else ""
        elif column.dtype.is_integer() or column.dtype.is_float():
            bad, expected, hint = pl.col(name).cast(pl.Int64, strict=False) != pl.col(name), "an integer", ""
            bad = bad | pl.col(name).cast(pl.Int64, strict=False).is_null()
        else:
            raise InputError(where, f"has {column.dtype} in {name}, expected integers")
        _refuse(
            where,
            found,
            bad,
            lambda row, name=name, e=expected, h=hint: f"has {row[name]!r} in {name}, expected {e}{h}",
        )
        if name != "dataset":
            found = found.with_columns(pl.col(name).cast(pl.Int64))
    return found


def _in_order(where, found: pl.DataFrame, truth: Mapping[str, pl.DataFrame], loaded: Loaded) -> pl.DataFrame:
    """Give predictions without keys those of the rows to predict, in their order."""
    keys = pl.concat(rows.select(loaded.keys) for rows in truth.values()).with_columns(
        pl.col(loaded.keys[1:]).cast(pl.Int64)
    )
    if len(found) != len(keys):
        raise InputError(
            where, f"hold {len(found)} rows without {', '.join(loaded.keys)}, but {len(keys)} rows are to be predicted"
        )
    return pl.concat([keys, found], how="horizontal")


# --- values -----------------------------------------------------------------------------------------------------------


def _checked(where, found: pl.DataFrame, loaded: Loaded) -> pl.DataFrame:
    for target in loaded.task.targets:
        found = _CHECKS[target.kind](where, found, target)
    return found


def _classes(where, found: pl.DataFrame, target: Target) -> pl.DataFrame:
    [name] = target.columns
    known = [column for column in probability_columns(target) if column in found.columns]
    if known:
        found = _probabilities(where, found, known)
        total = pl.sum_horizontal(known)
        _refuse(
            where,
            found,
            (total - 1).abs() > SUM_TOLERANCE,
            lambda row: f"has probabilities that sum to {sum(row[p] for p in known):.6g}, not to 1",
        )
        absent = [pl.lit(0.0).alias(p) for p in probability_columns(target) if p not in known]
        found = found.with_columns(absent)
        if name not in found.columns:
            best = pl.concat_list(probability_columns(target)).list.arg_max()
            found = found.with_columns(best.replace_strict(dict(enumerate(CLASSES))).alias(name))
    if found[name].dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise InputError(where, f"has {found[name].dtype} in {name}, expected text: one of {', '.join(CLASSES)}")
    found = found.with_columns(pl.col(name).cast(pl.String))
    _refuse(
        where,
        found,
        ~pl.col(name).is_in(CLASSES) | pl.col(name).is_null(),
        lambda row: f"has {row[name]!r} in {name}, expected one of {', '.join(CLASSES)}",
    )
    if known:
        own = pl.coalesce(pl.when(pl.col(name) == label).then(f"p_{label}") for label in CLASSES)
        _refuse(
            where,
            found,
            own < pl.max_horizontal(known) - TIE_TOLERANCE,
            lambda row: (
                f"predicts {row[name]}, but another class has a larger probability; leave out {name}, or mend one of them"
            ),
        )
    return found


def _binary(where, found: pl.DataFrame, target: Target) -> pl.DataFrame:
    [name], [p] = target.columns, probability_columns(target)
    if p in found.columns:
        return _probabilities(where, found, [p])
    if found[name].dtype != pl.Boolean:
        raise InputError(where, f"has {found[name].dtype} in {name}, expected true and false, or probabilities in {p}")
    _refuse(where, found, pl.col(name).is_null(), lambda row: f"has nothing in {name}, expected true or false")
    return found.with_columns(pl.col(name).cast(pl.Float64).alias(p))


def _integers(where, found: pl.DataFrame, target: Target) -> pl.DataFrame:
    for name in target.columns:
        if not found[name].dtype.is_numeric():
            raise InputError(where, f"has {found[name].dtype} in {name}, expected integers")
        found = found.with_columns(pl.col(name).cast(pl.Float64))
        _refuse(
            where,
            found,
            pl.col(name).is_null() | ~pl.col(name).is_finite() | (pl.col(name).round() != pl.col(name)),
            lambda row, name=name: f"has {row[name]!r} in {name}, expected an integer; round what is predicted",
        )
    return found


def _number(where, found: pl.DataFrame, target: Target) -> pl.DataFrame:
    [name] = target.columns
    if not found[name].dtype.is_numeric():
        raise InputError(where, f"has {found[name].dtype} in {name}, expected numbers")
    found = found.with_columns(pl.col(name).cast(pl.Float64))
    bad = pl.col(name).is_null() | ~pl.col(name).is_finite()
    _refuse(where, found, bad, lambda row: f"has {row[name]!r} in {name}, expected a finite number")
    return found


def _lists(where, found: pl.DataFrame, target: Target) -> pl.DataFrame:
    [name] = target.columns
    type_ = found[name].dtype
    if not (isinstance(type_, (pl.List, pl.Array)) and type_.inner.is_integer()):
        hint = "; CSV holds no lists, write parquet" if type_ == pl.String else ""
        raise InputError(where, f"has {type_} in {name}, expected lists of integers{hint}")
    found = found.with_columns(pl.col(name).cast(pl.List(pl.Int64)))
    _refuse(where, found, pl.col(name).is_null(), lambda row: f"has nothing in {name}, expected a list of integers")
    return found


_CHECKS = {"classes": _classes, "binary": _binary, "integers": _integers, "number": _number, "lists": _lists}


def _probabilities(where, found: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    for name in names:
        if not found[name].dtype.is_numeric():
            raise InputError(where, f"has {found[name].dtype} in {name}, expected numbers")
    found = found.with_columns(pl.col(names).cast(pl.Float64))
    good = pl.all_horizontal(pl.col(names).is_between(0, 1) & pl.col(names).is_not_null() & pl.col(names).is_not_nan())
    _refuse(where, found, ~good, lambda row: f"has probabilities {[row[name] for name in names]}, not all in 0 to 1")
    return found


def _refuse(where, found: pl.DataFrame, bad: pl.Expr, reason) -> None:
    """Say what is wrong with the first bad row, if there is one."""
    rows = found.with_row_index("row").filter(bad.fill_null(True)).head(1)
    for row in rows.iter_rows(named=True):
        raise InputError(f"{where}, row {row['row']}", reason(row))


# --- rows -------------------------------------------------------------------------------------------------------------


def _matched(where, dataset: str, part: str, loaded: Loaded, truth: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Truth and prediction side by side; refuse what is not one prediction for each row.

    Rows of the part that do not take part may be predicted too, and are left out.
    """
    keys, of = loaded.keys[1:], f"{dataset} in the part {part} of {loaded.split}"
    truth = truth.with_columns(pl.col(keys).cast(pl.Int64))
    for rows, reason in _wrong(keys, of, truth, found, loaded, dataset, part):
        if len(rows):
            first = rows.sort(keys).select(keys).row(0, named=True)
            text = ", ".join(f"{name} {value}" for name, value in first.items())
            raise InputError(where, f"{reason.format(len(rows))}, as {text}")
    return truth.join(found.drop("dataset"), on=keys, maintain_order="left")


def _wrong(keys, of, truth, found, loaded, dataset, part) -> Iterator[tuple[pl.DataFrame, str]]:
    yield found.filter(found.select(keys).is_duplicated()).unique(keys), f"predicts {{}} rows of {of} more than once"
    alien = found.join(truth, on=keys, how="anti")
    if len(alien):
        inside = loaded.folder.rows(dataset, loaded.task.row, loaded.split, [], part).select(
            pl.col(keys).cast(pl.Int64)
        )
        yield alien.join(inside.collect(), on=keys, how="anti"), f"predicts {{}} rows that are not in {of}"
    hint = "; to score one dataset alone, name it" if found.is_empty() and len(loaded.datasets) > 1 else ""
    yield truth.join(found, on=keys, how="anti"), f"misses {{}} of the {len(truth)} rows of {of}{hint}"

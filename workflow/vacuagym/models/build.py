"""The step from features to labels, shards in, shards out; and the compiling of what jobs need, once."""

from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.family import Family
from vacuagym.job import progress
from vacuagym.models import MODELS, labeller
from vacuagym.models.base import stability_shares
from vacuagym.numerics.compiled import UNFINISHED, end_above, is_compiled, mark_compiled
from vacuagym.schema import DATASET, GEOMETRY_ID, STABILITY_COLUMNS
from vacuagym.tables.arrays import n_rows
from vacuagym.tables.shards import AGAIN, BATCH_ROWS, check_input, check_rows, new_shard, read_rows

_GROUP_ROWS = 5 * BATCH_ROWS  # of a row group
_COMPILER_MB = 350  # after which a new process goes on compiling; the largest function may come on top


def label_vacua(features: Path, labels: Path, stability: Path, recipe: dict) -> None:
    """Label every geometry of a shard of features: one row per draw in ``labels``, one per geometry in ``stability``.

    Parameters
    ----------
    features : Path
        The shard to read.
    labels, stability : Path
        The shards to write.
    recipe : dict
        Recipe of ``labels``; that of ``stability`` differs in the table's name.

    Raises
    ------
    InputError
        The shard of features is damaged or belongs to another run.
    """
    family, model = FAMILIES[recipe["family"]], labeller(recipe["model"], recipe["seed"])
    reads = model.model.reads(family)
    found = check_input(features, recipe, reads)
    if found["rows"] != recipe["rows"]:
        raise InputError(features, f"holds the rows {found['rows']}, the run expects {recipe['rows']}; {AGAIN}")
    rows = recipe["rows"][1] - recipe["rows"][0]
    of_stability = recipe | {"table": f"stability/{recipe['dataset']}"}
    advance, written = progress(rows, "geometries"), 0
    with (
        new_shard(labels, model.model.columns, recipe, _GROUP_ROWS) as write_labels,
        new_shard(stability, STABILITY_COLUMNS, of_stability, _GROUP_ROWS) as write_stability,
    ):
        for batch in read_rows(features, reads, batch_rows=-(-BATCH_ROWS // model.draws)):
            table = model.label(family, batch)
            table |= {DATASET.name: np.full(n_rows(table), recipe["dataset"])}
            write_labels(table)
            write_stability(stability_shares(table, model.draws))
            written += n_rows(table)
            advance(n_rows(batch))
        check_rows(features, rows * model.draws, written)


def compile_code(name: str, generates: bool) -> None:
    """Compile a family or a label model by using it once; what is compiled is kept for other processes.

    Each step has processes of its own, since compiling leaves much memory behind.

    Parameters
    ----------
    name : str
        Of a family or of a label model.
    generates : bool
        Whether the run generates the complete list of the family.
    """
    mark = name
    if name in FAMILIES:
        steps = [FAMILIES[name].functions.generate] if generates and not is_compiled(name) else []
        mark = name if generates else f"{name}-own"
        steps.append(partial(_use_family, FAMILIES[name]))
    else:
        steps = [partial(_use_model, name, family) for family in FAMILIES.values()]
        steps.append(partial(_use_rest, name))
    for step in steps:
        while (status := _in_a_process(step)) == UNFINISHED:
            pass
        if status:
            raise RuntimeError(f"compiling {name} failed with status {status}, for the reason above")
    mark_compiled(mark)


def _in_a_process(step) -> int:
    """Call a function in a new process; returns its exit status."""
    process = get_context("fork").Process(target=_with_little_memory, args=(step,))
    process.start()
    process.join()
    return process.exitcode


def _with_little_memory(step) -> None:
    end_above(_COMPILER_MB)
    step()


def _use_family(family: Family) -> None:
    family.functions.features(family.example)
    if family.entries:
        family.functions.defects(family.example)


def _use_model(name: str, family: Family) -> None:
    model = labeller({"name": name, "draws": 1, "starts": 1}, 0)
    try:
        reads = model.model.reads(family)
    except InputError as error:  # a family that the model does not apply to
        print(error)
        return
    features = family.functions.features(family.example)
    table = {GEOMETRY_ID.name: np.arange(n_rows(features))} | features
    model.label(family, {column: table[column] for column in reads})


def _use_rest(name: str) -> None:
    """What the examples of families do not reach, of models that have such."""
    getattr(import_module(MODELS[name].module), "use_all", lambda: None)()

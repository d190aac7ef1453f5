"""In: the configuration. Out: what the rules ask about it. Datasets, recipes, threads, memory; and one run per folder."""

import logging
import sys

# the package beside this folder, in whatever environment the workflow runs
WORKFLOW = (
    Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve().parent
)
sys.path.insert(0, str(WORKFLOW))

from vacuagym import run, slurm
from vacuagym.config import CONFIG, read_config
from vacuagym.errors import InputError
from vacuagym.fingerprints import source_hash
from vacuagym.geometry import FAMILIES, is_own
from vacuagym.geometry.lists import list_files
from vacuagym.geometry.sources import files_of
from vacuagym.benchmark.splits import PROTOCOLS, SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.recipes import (
    count_of,
    datasets_of,
    geometries_for,
    notes_of,
    paths_of,
    scores_of,
    tables_of,
)

# The name under which another workflow imports this one; then `config` is what that workflow gives.
MODULE = workflow.modifier.namespace
if not MODULE:
    run.write_utf8(sys.stdout, sys.stderr)
    for handler in workflow.logger_manager.logfile_handlers:
        if isinstance(handler, logging.FileHandler):
            run.write_utf8(handler.stream)

# Files are read again, since Snakemake overlooks keys that stand twice or have no value.
GIVEN = workflow.config_settings
FILES = [path for path in GIVEN.configfiles if path.suffix != ".json"]
CONFIGS = [Path("config/config.yaml"), config, *FILES, GIVEN.config]
EMPTY = {
    key: ""
    for key, value in GIVEN.config.items()
    if value is None and key in config and config[key] is None
}
try:
    complete = read_config(CONFIG, *([config] if MODULE else CONFIGS), EMPTY)
except InputError as error:
    part = f"; give the module its part alone, as config: config[{MODULE!r}]"
    raise WorkflowError(f"{error}{part if MODULE else ''}") from None
config.update(complete)

DATASETS = datasets_of(config)
try:
    COUNTS = {dataset: count_of(config, dataset) for dataset in DATASETS}
    TABLES = tables_of(config)
except InputError as error:
    raise WorkflowError(str(error)) from None
SCORES = scores_of(config, TABLES)

# The lock is held until the process ends. Looking at the workflow, or importing it, takes none and mends nothing.
STARTS_RUN = workflow.is_main_process and not MODULE and run.is_real_run(sys.argv[1:])
try:
    LOCK, NOTES = run.begin() if STARTS_RUN else (None, [])
except InputError as error:
    raise WorkflowError(str(error)) from None
for note in [*NOTES, *notes_of(config)] if STARTS_RUN else ():
    print(note, file=sys.stderr)


# Memory of the rules to run, unless --set-resources sets it; `mem_mb_of` fills it.
NEEDED_MB = {}


def check_memory_limit():
    """Refuse a limit to which Snakemake would lower what a job may use, so that the job ends."""
    limit = getattr(workflow.global_resources.get("mem_mb"), "value", None)
    if limit is not None:
        for job in workflow.dag.needrun_jobs():
            job.resources  # computed when they are first asked for
        for rule, needed in NEEDED_MB.items():
            if limit < needed:
                raise WorkflowError(
                    f"--resources mem_mb={limit} is less than the {needed} MB of {rule}"
                )


onstart:
    if STARTS_RUN and not LOCK:
        raise WorkflowError(run.busy())
    if STARTS_RUN:
        check_memory_limit()
    if workflow.executor_plugin.name == "slurm":
        settings = workflow.executor_settings
        if reason := slurm.why_no_status(
            settings.status_command, settings.init_seconds_before_status_checks
        ):
            raise WorkflowError(reason)


onerror:
    for reason in slurm.refusals(log):
        print(reason, file=sys.stderr)


# Where the folders of the run are, if another workflow imports this one with a prefix.
FOLDERS = {
    folder: str(workflow.modifier.modify_path(f"{folder}/")).rstrip("/")
    for folder in ("results", "resources")
}


LAUNCHER_MB = 300  # what Slurm counts of the Snakemake processes that start a job within its allocation


wildcard_constraints:
    dataset="|".join(DATASETS),
    code="|".join([*FAMILIES, config["model"]["name"]]),
    shard=r"\d{5}",
    split="|".join(SPLITS),
    task="|".join(TASKS),
    protocol="|".join(PROTOCOLS),


def recipe(path):
    """Everything the rows of a table depend on, see `vacuagym.recipes`; ``path`` with the rule's wildcards."""
    tables = TABLES | SCORES
    return lambda wildcards: tables[path.format(**wildcards)]


def source_files(dataset):
    """Files that a dataset is read from, to which no prefix belongs; none if it is generated."""
    source, family = config["datasets"][dataset]["source"], DATASETS[dataset]
    if is_own(dataset, family):
        return [local(str(path)) for path in files_of(Path(source))]
    if source == "generate":
        return []
    return [
        local(str(path))
        for path in list_files(Path(source), FAMILIES[family].list_names)
    ]


def source_dates(dataset):
    """When the files of a dataset of one's own were changed; a published list is the same whatever its date."""
    if not is_own(dataset, DATASETS[dataset]):
        return []
    return [Path(path).stat().st_mtime_ns for path in source_files(dataset)]


def threads_of(rule):
    """Threads a rule may use."""
    return config["resources"][rule]["threads"]


def mem_mb_of(rule):
    """Memory a rule may use, in MB; a job that ran out of it gets as much again at each further attempt."""

    def mem_mb(wildcards, attempt):
        launcher = 0 if workflow.local_exec else LAUNCHER_MB
        needed = config["resources"][rule]["mem_mb"] * attempt + launcher
        if attempt == 1:
            NEEDED_MB[rule] = needed
        return needed

    return mem_mb


def figure(name, category, label):
    """A figure of the report, with its caption."""
    return report(
        f"results/figures/{name}.png",
        caption=f"../report/{name}.rst",
        category=category,
        labels={"figure": label},
    )

"""In: the configuration. Out: what the rules ask about it. Datasets, tables, threads, memory; and one run a folder."""

import sys
from shutil import rmtree

# the package beside this folder, in whatever environment the workflow runs
RULES = workflow.current_basedir.get_path_or_uri(secret_free=True)
sys.path.insert(0, str(Path(RULES).resolve().parent))

from vacuagym.config import checked
from vacuagym.errors import InputError
from vacuagym.geometry import COUNTS
from vacuagym.plan import datasets_of, paths_of, scores_of, tables_of
from vacuagym.process import date_back, hold_run_lock, run_holding
from vacuagym.provenance import source_hash
from vacuagym.splits import SPLITS

try:
    config.update(checked(config))
except InputError as error:
    raise WorkflowError(str(error)) from None


DATASETS = datasets_of(config)
TABLES = tables_of(config)
SCORES = scores_of(config, TABLES)

# Held by the run until its process ends, and dropped by the system even if that is killed. So whatever Snakemake's own
# lock says, there is no other run if this one can be had. A dry run may look on.
RUN_LOCK = Path(".snakemake/run.lock")
HELD = hold_run_lock(RUN_LOCK) if workflow.is_main_process else None
BUSY = (
    f"another snakemake is at work in this folder: {run_holding(RUN_LOCK)}; "
    "wait until it ends, or use another folder (--directory)"
)
if HELD and any(Path(".snakemake/locks").glob("*")):
    print(
        "unlocked: the run that held the lock was killed, this one goes on where it was",
        file=sys.stderr,
    )
    rmtree(".snakemake/locks")
elif workflow.is_main_process and not HELD:
    print(BUSY, file=sys.stderr)
if HELD and (count := date_back([*TABLES, "results/data_dictionary.csv"])):
    print(
        f"{count} files were dated in the future and are given the present time",
        file=sys.stderr,
    )


onstart:
    if workflow.is_main_process and not HELD:
        raise WorkflowError(BUSY)


LAUNCHER_MB = 300  # what Slurm counts of the Snakemake processes that start a job within its allocation


wildcard_constraints:
    dataset="|".join(COUNTS),
    part=r"\d{5}",
    split="|".join(SPLITS),


def made_by(path):
    """Everything the rows of a table depend on, see `vacuagym.plan`; ``path`` with the rule's wildcards.

    A function of the wildcards alone: Snakemake does not notice changes of a parameter that is a function of the output.
    """
    tables = TABLES | SCORES
    return lambda wildcards: tables[path.format(**wildcards)]


def published_list(wildcards):
    """Files of the published list a dataset is read from; none if it is generated."""
    source = config["datasets"][wildcards.dataset]["source"]
    if source == "generate":
        return []
    path = Path(source)
    return sorted(map(str, path.glob("*.ip*"))) if path.is_dir() else [source]


def threads_of(rule):
    """Threads a rule may use."""
    return config["resources"][rule]["threads"]


def mem_mb_of(rule):
    """Memory a rule may use, in MB; a job that ran out of it gets as much again at each further attempt."""

    def mem_mb(wildcards, attempt):
        launcher = 0 if workflow.local_exec else LAUNCHER_MB
        return config["resources"][rule]["mem_mb"] * attempt + launcher

    return mem_mb

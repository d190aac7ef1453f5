"""Where Slurm ends a run without a word, the word: why the end of jobs would not be seen, why jobs were refused."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_REFUSAL = re.compile(
    r"SLURM sbatch failed\. The error message was '(.*?)'\.\n"
    r"|Job submission failed with exception: (.*?)(?=For further error details|\Z)",
    re.DOTALL,
)  # as Slurm's executor of Snakemake logs it


def why_no_status(status_command: str, seconds: int) -> str | None:
    """Why the executor would never learn that a job has ended, and what to do; None if it will.

    Parameters
    ----------
    status_command : str
        What it asks, ``sacct`` or ``squeue``.
    seconds : int
        How long it waits before it asks. It takes ``sacct`` after all where the cluster forgets jobs within three times
        that.
    """
    from snakemake_executor_plugin_slurm.job_status_query import get_min_job_age

    if not shutil.which("sacct"):
        return None
    asked = subprocess.run(["sacct", "--noheader"], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8")
    if asked.returncode == 0:
        return None
    age = get_min_job_age() or 0
    if status_command == "sacct":
        todo = "add --slurm-status-command squeue --slurm-no-account"
    elif age < 3 * seconds:
        todo = (
            f"and squeue forgets jobs after {age} s; add --slurm-init-seconds-before-status-checks {max(age // 3, 1)}"
        )
    else:
        return None
    return f"sacct does not say which jobs have ended ({' '.join(asked.stderr.split())}); {todo}, see docs/cluster.md"


def refusals(logs: Sequence[str | Path]) -> list[str]:
    """Every reason, once, for which Slurm or its executor took a job not on, by the logs of Snakemake."""
    texts = (Path(log).read_text(encoding="utf-8", errors="replace") for log in logs)
    reasons = (" ".join("".join(found).split()) for text in texts for found in _REFUSAL.findall(text))
    return [
        f"Slurm refused jobs: {reason}; see docs/cluster.md, What to set for a site"
        for reason in dict.fromkeys(reasons)
    ]

"""Hash every file of the manifest again, and remove what is damaged."""

from pathlib import Path

from _job import job

with job(snakemake):
    from vacuagym import manifest
    from vacuagym.errors import InputError

    results = Path("results")
    files = len(manifest.load(results)["shards"])
    damaged = [f"{path} {reason}" for path, reason in manifest.remove_damaged(results)]
    print(*damaged[:100], sep="\n")
    if damaged:
        raise InputError(results, f"had {len(damaged)} damaged files, which are removed; run again to make them")
    print(f"{files} tables are as the manifest says")

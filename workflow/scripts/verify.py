"""Hash every file of the manifest again, and remove what is damaged."""

from _job import job

with job(snakemake) as ([manifest_file], _):
    from vacuagym.errors import InputError
    from vacuagym.publish import manifest

    results = manifest_file.parent
    damaged = list(manifest.remove_damaged(results))
    for path, reason in damaged[:100]:
        print(path, reason)
    if damaged:
        raise InputError(results, f"had {len(damaged)} damaged files, which are removed; run again to make them")
    described = manifest.load(results)
    print(f"{len(described['shards'] + described['files'])} files are as the manifest says")

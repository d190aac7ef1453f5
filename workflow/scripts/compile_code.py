"""Compile the code of a family or of the label model, so that no other job has to."""

from _job import job

with job(snakemake) as (_, [done]):
    from vacuagym.models.build import compile_code

    code, datasets = snakemake.wildcards.code, snakemake.config["datasets"]
    compile_code(code, generates=bool(datasets.get(code)) and datasets[code]["source"] == "generate")
    done.touch()

"""Put tables of scores into one CSV, with the edition that they belong to."""

import json

from _job import job, named

with job(snakemake) as (_, [out]):
    from vacuagym.tables.frames import collect_tables

    files = named(snakemake.input)
    stamp = json.loads(files["edition"].read_text(encoding="utf-8"))
    collect_tables(files["scores"], out, edition=stamp["edition"])

"""Write the release: data, dataset card, datasheet, Croissant description."""

from _job import job, named

with job(snakemake) as (_, [out]):
    from vacuagym.publish.release import build_release

    build_release(named(snakemake.input), out)

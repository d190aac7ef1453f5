"""Hash the values of a run, and name the edition they are."""

from _job import job, named

with job(snakemake) as (_, [content, edition]):
    from vacuagym.publish.editions import hash_content

    hash_content(named(snakemake.input), content, edition)

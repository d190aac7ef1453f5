"""In: geometries. Out: exact features, a shard at a time."""


rule build_features:
    input:
        # not newer ones: a grown limit writes all shards of geometries again, and what they hold is in the recipe
        geometries=lambda wildcards: ancient(
            geometries_for(
                TABLES,
                "results/features/{dataset}/part-{shard}.parquet".format(**wildcards),
            )
        ),
        compiled=lambda wildcards: f"resources/compiled/{DATASETS[wildcards.dataset]}.txt",
    output:
        "results/features/{dataset}/part-{shard}.parquet",
    log:
        "logs/build_features/{dataset}-{shard}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_features")
    resources:
        mem_mb=mem_mb_of("build_features"),
    params:
        recipe=recipe("results/features/{dataset}/part-{shard}.parquet"),
        source_rows=lambda wildcards: COUNTS[wildcards.dataset],
        source_dates=lambda wildcards: source_dates(wildcards.dataset),
    message:
        "features of {wildcards.dataset}, shard {wildcards.shard}"
    script:
        "../scripts/build_features.py"

"""In: geometries. Out: exact features, a shard at a time."""


rule build_features:
    input:
        geometries=geometries_of_shard,
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
    message:
        "features of {wildcards.dataset}, shard {wildcards.shard}"
    script:
        "../scripts/build_features.py"

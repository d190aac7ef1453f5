"""In: geometries. Out: exact features, a shard at a time."""


rule build_features:
    input:
        "resources/geometries/{dataset}.parquet",
    output:
        "results/features/{dataset}/part-{part}.parquet",
    log:
        "logs/build_features/{dataset}-{part}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_features")
    resources:
        mem_mb=mem_mb_of("build_features"),
    params:
        made_by=made_by("results/features/{dataset}/part-{part}.parquet"),
    message:
        "features of {wildcards.dataset}, shard {wildcards.part}"
    script:
        "../scripts/build_features.py"

"""In: features. Out: train, validation and test parts of the geometries, in and out of distribution."""


rule build_split:
    input:
        shards_of("features"),
    output:
        "results/splits/{split}.parquet",
    log:
        "logs/build_split/{split}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_split")
    resources:
        mem_mb=mem_mb_of("build_split"),
    params:
        code=source_hash("splits", "tables"),
    message:
        "split {wildcards.split}"
    script:
        "../scripts/build_split.py"

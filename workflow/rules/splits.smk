"""In: features, labels. Out: parts of the geometries for training, validation and test; the classes of each part."""


rule build_split:
    input:
        paths_of(TABLES, "features"),
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
        made_by=made_by("results/splits/{split}.parquet"),
    message:
        "split {wildcards.split}"
    script:
        "../scripts/build_split.py"


rule describe_splits:
    input:
        labels=paths_of(TABLES, "labels"),
        splits=paths_of(TABLES, "splits"),
    output:
        "results/split_classes.csv",
    log:
        "logs/describe_splits/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("describe_splits")
    resources:
        mem_mb=mem_mb_of("describe_splits"),
    params:
        code=source_hash("evaluation", "splits", "tables"),
    message:
        "classes of every part of every split"
    script:
        "../scripts/describe_splits.py"

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
        recipe=recipe("results/splits/{split}.parquet"),
    message:
        "split {wildcards.split}"
    script:
        "../scripts/build_split.py"


rule build_protocol:
    input:
        lambda wildcards: paths_of(
            TABLES, f"features/{PROTOCOLS[wildcards.protocol].family}"
        ),
    output:
        "results/protocols/{protocol}.parquet",
    log:
        "logs/build_protocol/{protocol}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_protocol")
    resources:
        mem_mb=mem_mb_of("build_protocol"),
    params:
        recipe=recipe("results/protocols/{protocol}.parquet"),
    message:
        "published protocol {wildcards.protocol}"
    script:
        "../scripts/build_split.py"


rule count_split_classes:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
        splits=paths_of(TABLES, "splits"),
    output:
        "results/split_classes.csv",
    log:
        "logs/count_split_classes/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("count_split_classes")
    resources:
        mem_mb=mem_mb_of("count_split_classes"),
    params:
        min_geometries=config["validation"]["min_geometries"],
        code=source_hash("benchmark/class_counts", "benchmark/scored", "tables"),
    message:
        "classes of every part of every split"
    script:
        "../scripts/count_split_classes.py"

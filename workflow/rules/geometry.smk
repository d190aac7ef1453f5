"""In: nothing, or a published list. Out: every geometry of a dataset, in run order."""


rule build_geometries:
    input:
        published_list,
    output:
        "resources/geometries/{dataset}.parquet",
    log:
        "logs/build_geometries/{dataset}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_geometries")
    resources:
        mem_mb=mem_mb_of("build_geometries"),
    params:
        made_by=made_by("resources/geometries/{dataset}.parquet"),
    message:
        "geometries of {wildcards.dataset}"
    script:
        "../scripts/build_geometries.py"

"""In: features. Out: simulated vacuum-stability labels, a row a draw, and their shares, a row a geometry."""


rule label_vacua:
    input:
        "results/features/{dataset}/part-{part}.parquet",
    output:
        labels="results/labels/{dataset}/part-{part}.parquet",
        stability="results/stability/{dataset}/part-{part}.parquet",
    log:
        "logs/label_vacua/{dataset}-{part}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("label_vacua")
    resources:
        mem_mb=mem_mb_of("label_vacua"),
    params:
        made_by=made_by("results/labels/{dataset}/part-{part}.parquet"),
    message:
        "labels of {wildcards.dataset}, shard {wildcards.part}"
    script:
        "../scripts/label_vacua.py"

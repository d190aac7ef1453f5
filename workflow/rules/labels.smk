"""In: features. Out: simulated vacuum-stability labels, one row per draw, and their shares, one row per geometry."""


rule label_vacua:
    input:
        features="results/features/{dataset}/part-{shard}.parquet",
        compiled=f"resources/compiled/{config['model']['name']}.txt",
    output:
        labels="results/labels/{dataset}/part-{shard}.parquet",
        stability="results/stability/{dataset}/part-{shard}.parquet",
    log:
        "logs/label_vacua/{dataset}-{shard}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("label_vacua")
    resources:
        mem_mb=mem_mb_of("label_vacua"),
    params:
        recipe=recipe("results/labels/{dataset}/part-{shard}.parquet"),
        source_rows=lambda wildcards: COUNTS[wildcards.dataset],
    message:
        "labels of {wildcards.dataset}, shard {wildcards.shard}"
    script:
        "../scripts/label_vacua.py"

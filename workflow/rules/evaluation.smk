"""In: features, labels, splits. Out: scores of the baselines, and learning curves of active learning."""


rule score_baselines:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
        splits=["results/splits/{split}.parquet"],
    output:
        "results/baselines/{task}/{split}/{dataset}.parquet",
    log:
        "logs/score_baselines/{task}-{split}-{dataset}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("score_baselines")
    resources:
        mem_mb=mem_mb_of("score_baselines"),
    params:
        recipe=recipe("results/baselines/{task}/{split}/{dataset}.parquet"),
    message:
        "baselines of {wildcards.task} on {wildcards.dataset}, split {wildcards.split}"
    script:
        "../scripts/score_baselines.py"


rule collect_baselines:
    input:
        paths_of(SCORES, "baselines"),
    output:
        report(
            "results/baselines.csv",
            caption="../report/baselines_table.rst",
            category="Scores",
            labels={"figure": "table of the baselines"},
        ),
    log:
        "logs/collect_baselines/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("collect_baselines")
    resources:
        mem_mb=mem_mb_of("collect_baselines"),
    message:
        "scores of the baselines"
    script:
        "../scripts/collect_tables.py"


rule scan_active_learning:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
        splits=["results/splits/iid.parquet"],
    output:
        "results/active_learning/{dataset}.parquet",
    log:
        "logs/scan_active_learning/{dataset}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("scan_active_learning")
    resources:
        mem_mb=mem_mb_of("scan_active_learning"),
    params:
        recipe=recipe("results/active_learning/{dataset}.parquet"),
    message:
        "active learning on {wildcards.dataset}"
    script:
        "../scripts/scan_active_learning.py"


rule collect_active_learning:
    input:
        paths_of(SCORES, "active_learning"),
    output:
        "results/active_learning.csv",
    log:
        "logs/collect_active_learning/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("collect_active_learning")
    resources:
        mem_mb=mem_mb_of("collect_active_learning"),
    message:
        "learning curves of active learning"
    script:
        "../scripts/collect_tables.py"

"""In: features, labels, splits. Out: counts of the labels, and checks that they must pass."""


rule count_labels:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
        splits=paths_of(TABLES, "splits"),
        dictionary="results/data_dictionary.csv",
    output:
        "results/label_counts.json",
    log:
        "logs/count_labels/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("count_labels")
    resources:
        mem_mb=mem_mb_of("count_labels"),
    params:
        code=source_hash("publish/label_counts", "publish/dictionary", "tables"),
    message:
        "counts of the labels"
    script:
        "../scripts/count_labels.py"


rule validate_labels:
    input:
        "results/label_counts.json",
    output:
        "results/validation.json",
    log:
        "logs/validate_labels/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("validate_labels")
    resources:
        mem_mb=mem_mb_of("validate_labels"),
    params:
        thresholds=config["validation"],
        code=source_hash("publish/validation"),
    message:
        "validation of the labels"
    script:
        "../scripts/validate_labels.py"

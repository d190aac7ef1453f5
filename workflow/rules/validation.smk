"""In: features, labels, splits. Out: checks that the labels must pass, and counts of them."""


rule validate_labels:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
        splits=paths_of(TABLES, "splits"),
        dictionary="results/data_dictionary.csv",
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
        code=source_hash("validation", "tables"),
    message:
        "validation of the labels"
    script:
        "../scripts/validate_labels.py"

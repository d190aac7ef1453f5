"""In: every table of the run. Out: what each column means, and the manifest that makes the run complete."""


rule build_data_dictionary:
    output:
        "results/data_dictionary.csv",
    log:
        "logs/build_data_dictionary/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_data_dictionary")
    resources:
        mem_mb=mem_mb_of("build_data_dictionary"),
    params:
        datasets=DATASETS,
        model=config["model"],
        code=source_hash("geometry", "engine", "models", "splits"),
    message:
        "data dictionary"
    script:
        "../scripts/build_data_dictionary.py"


rule build_manifest:
    input:
        shards_of("features"),
        shards_of("labels"),
        shards_of("stability"),
        expand("results/splits/{split}.parquet", split=splits_of(DATASETS)),
    output:
        "results/manifest.json",
    log:
        "logs/build_manifest/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_manifest")
    resources:
        mem_mb=mem_mb_of("build_manifest"),
    message:
        "manifest"
    script:
        "../scripts/build_manifest.py"

"""In: every table of the run. Out: what each column means, the manifest, its check, and the release."""


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
        code=source_hash(
            "geometry", "models", "benchmark", "publish/dictionary", "schema"
        ),
    message:
        "data dictionary"
    script:
        "../scripts/build_data_dictionary.py"


rule hash_content:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
        splits=paths_of(TABLES, "splits"),
    output:
        content="results/content.csv",
        edition="results/edition.json",
    log:
        "logs/hash_content/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("hash_content")
    resources:
        mem_mb=mem_mb_of("hash_content"),
    params:
        code=source_hash("publish/editions", "publish/records", "benchmark/values"),
    message:
        "hashes of the values, by which an edition is known"
    script:
        "../scripts/hash_content.py"


rule build_manifest:
    input:
        paths_of(TABLES, "features"),
        paths_of(TABLES, "labels"),
        paths_of(TABLES, "stability"),
        paths_of(TABLES, "splits"),
        paths_of(TABLES, "protocols"),
        dictionary="results/data_dictionary.csv",
        content="results/content.csv",
        edition="results/edition.json",
    output:
        "results/manifest.json",
    log:
        "logs/build_manifest/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_manifest")
    resources:
        mem_mb=mem_mb_of("build_manifest"),
    params:
        folders=FOLDERS,
        code=source_hash("publish/manifest", "recipes"),
    message:
        "manifest"
    script:
        "../scripts/build_manifest.py"


rule verify:
    input:
        "results/manifest.json",
    log:
        "logs/verify/all.log",
    retries: 0
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("verify")
    resources:
        mem_mb=mem_mb_of("verify"),
    message:
        "every file hashed again"
    script:
        "../scripts/verify.py"


rule build_release:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
        splits=paths_of(TABLES, "splits"),
        protocols=paths_of(TABLES, "protocols"),
        dictionary="results/data_dictionary.csv",
        edition="results/edition.json",
        manifest="results/manifest.json",
        validation="results/validation.json",
    output:
        directory("results/release"),
    log:
        "logs/build_release/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("build_release")
    resources:
        mem_mb=mem_mb_of("build_release"),
    params:
        code=source_hash(
            "publish/release",
            "publish/cards",
            "publish/checksums",
            "publish/templates",
            "publish/pages",
            "publish/joins",
            "benchmark",
            "tables",
        ),
    message:
        "release"
    script:
        "../scripts/build_release.py"

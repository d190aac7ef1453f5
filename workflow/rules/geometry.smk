"""In: nothing, or a published list. Out: compiled code, and every geometry of a dataset in run order, in shards."""


# Done once in a folder, whatever changes later: jobs compile for themselves what they do not find compiled.
rule compile_code:
    output:
        "resources/compiled/{code}.txt",
    log:
        "logs/compile_code/{code}.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("compile_code")
    resources:
        mem_mb=mem_mb_of("compile_code"),
    message:
        "compiling {wildcards.code}"
    script:
        "../scripts/compile_code.py"


# One rule per dataset, since each has its own number of shards.
for dataset in DATASETS:

    rule:
        name:
            f"build_geometries_{dataset}"
        input:
            source_files(dataset),
            compiled=f"resources/compiled/{DATASETS[dataset]}.txt",
        output:
            paths_of(TABLES, f"geometries/{dataset}"),
        log:
            f"logs/build_geometries/{dataset}.log",
        retries: 0 if source_files(dataset) else None  # a bad list is no better the second time
        conda:
            "../../envs/vacuagym.yaml"
        threads: threads_of("build_geometries")
        resources:
            mem_mb=mem_mb_of("build_geometries"),
        params:
            dataset=dataset,
            recipe=TABLES[paths_of(TABLES, f"geometries/{dataset}")[-1]],
        message:
            f"geometries of {dataset}"
        script:
            "../scripts/build_geometries.py"

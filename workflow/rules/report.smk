"""In: what a run made, what it cost, and its logs. Out: the figures of the report."""


rule plot_figures:
    input:
        "results/label_counts.json",
    output:
        hodge=figure("hodge", "Geometries", "Hodge numbers"),
        class_balance=figure("class_balance", "Labels", "class balance"),
        vacuum_types=figure("vacuum_types", "Labels", "finer classes"),
        class_by_geometry=figure("class_by_geometry", "Labels", "class by geometry"),
        eigenvalues=figure("eigenvalues", "Labels", "eigenvalues"),
        cuts=figure("cuts", "Labels", "thresholds"),
    log:
        "logs/plot_figures/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("plot_figures")
    resources:
        mem_mb=mem_mb_of("plot_figures"),
    params:
        code=source_hash("publish/figures"),
    message:
        "figures of geometries and labels"
    script:
        "../scripts/plot_figures.py"


rule plot_costs:
    input:
        "results/manifest.json",
        "results/split_classes.csv",
        rules.plot_figures.output,
    output:
        memory=figure("memory", "Run", "memory used and declared"),
        rates=figure("rates", "Run", "rows a second"),
    log:
        "logs/plot_costs/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("plot_costs")
    resources:
        mem_mb=mem_mb_of("plot_costs"),
    params:
        code=source_hash("publish/figures", "publish/score_figures"),
    message:
        "figures of memory and rates"
    script:
        "../scripts/plot_costs.py"


rule plot_scores:
    input:
        baselines="results/baselines.csv",
        active_learning="results/active_learning.csv",
    output:
        baselines=figure("baselines", "Scores", "baselines"),
        learning_curves=figure("learning_curves", "Scores", "active learning"),
        found=figure("found", "Scores", "search under a budget"),
    log:
        "logs/plot_scores/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("plot_scores")
    resources:
        mem_mb=mem_mb_of("plot_scores"),
    params:
        families=DATASETS,
        code=source_hash("publish/figures", "publish/score_figures"),
    message:
        "figures of scores"
    script:
        "../scripts/plot_scores.py"

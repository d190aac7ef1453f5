"""In: what a run made, what it cost, and its logs. Out: the figures of the report."""


rule plot_figures:
    input:
        "results/label_counts.json",
    output:
        hodge=figure("hodge.png", "Geometries", "Hodge numbers and classes"),
        class_balance=figure("class_balance.svg", "Labels", "class balance"),
        class_by_geometry=figure("class_by_geometry.png", "Labels", "class by geometry"),
        numbers="results/figures/numbers.csv",
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


rule plot_portraits:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
    output:
        phases=figure("phases.png", "Labels", "where the classes lie"),
        potentials=figure("potentials.png", "Labels", "a potential of each class"),
    log:
        "logs/plot_portraits/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("plot_portraits")
    resources:
        mem_mb=mem_mb_of("plot_portraits"),
    params:
        model=config["model"]["name"],
        code=source_hash("publish/figures", "publish/portraits"),
    message:
        "figures of the label model"
    script:
        "../scripts/plot_portraits.py"


# Not every label model has portraits.
PORTRAITS = (
    rules.plot_portraits.output if MODELS[config["model"]["name"]].portrait else []
)


rule plot_costs:
    input:
        "results/manifest.json",
        "results/split_classes.csv",
        rules.plot_figures.output,
        PORTRAITS,
    output:
        costs=figure("costs.png", "Run", "memory and speed"),
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
        "figure of memory and rates"
    script:
        "../scripts/plot_costs.py"


rule plot_scores:
    input:
        baselines="results/baselines.csv",
        active_learning="results/active_learning.csv",
    output:
        learning_curves=figure("learning_curves.png", "Scores", "learning curves"),
        baselines=figure("baselines.png", "Scores", "baselines by split"),
        search=figure("search.png", "Scores", "search under a budget"),
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


rule plot_errors:
    input:
        features=paths_of(TABLES, "features"),
        labels=paths_of(TABLES, "labels"),
        splits=["results/splits/iid.parquet"],
    output:
        figure("errors.png", "Scores", "errors of a baseline"),
    log:
        "logs/plot_errors/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("plot_errors")
    resources:
        mem_mb=mem_mb_of("plot_errors"),
    params:
        model=config["model"]["name"],
        code=source_hash(
            "benchmark",
            "publish/figures",
            "publish/portraits",
            "publish/error_figures",
        ),
    message:
        "figure of a baseline's errors"
    script:
        "../scripts/plot_errors.py"

"""In: what a run made, what it cost, and its logs. Out: the figures of the report."""


rule draw_figures:
    input:
        features=paths_of(TABLES, "features"),
        validation="results/validation.json",
    output:
        hodge=report(
            "results/figures/hodge.png",
            caption="../report/hodge.rst",
            category="Geometries",
            labels={"figure": "Hodge numbers"},
        ),
        class_balance=report(
            "results/figures/class_balance.png",
            caption="../report/class_balance.rst",
            category="Labels",
            labels={"figure": "class balance"},
        ),
        vacuum_types=report(
            "results/figures/vacuum_types.png",
            caption="../report/vacuum_types.rst",
            category="Labels",
            labels={"figure": "finer classes"},
        ),
        class_by_geometry=report(
            "results/figures/class_by_geometry.png",
            caption="../report/class_by_geometry.rst",
            category="Labels",
            labels={"figure": "class by geometry"},
        ),
        eigenvalues=report(
            "results/figures/eigenvalues.png",
            caption="../report/eigenvalues.rst",
            category="Labels",
            labels={"figure": "eigenvalues"},
        ),
        cuts=report(
            "results/figures/cuts.png",
            caption="../report/cuts.rst",
            category="Labels",
            labels={"figure": "thresholds"},
        ),
    log:
        "logs/draw_figures/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("draw_figures")
    resources:
        mem_mb=mem_mb_of("draw_figures"),
    params:
        code=source_hash("figures"),
    message:
        "figures of geometries and labels"
    script:
        "../scripts/draw_figures.py"


rule draw_costs:
    input:
        "results/manifest.json",
        "results/split_classes.csv",
        rules.draw_figures.output,
    output:
        memory=report(
            "results/figures/memory.png",
            caption="../report/memory.rst",
            category="Run",
            labels={"figure": "memory used and declared"},
        ),
        rates=report(
            "results/figures/rates.png",
            caption="../report/rates.rst",
            category="Run",
            labels={"figure": "rows a second"},
        ),
    log:
        "logs/draw_costs/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("draw_costs")
    resources:
        mem_mb=mem_mb_of("draw_costs"),
    params:
        code=source_hash("figures"),
    message:
        "figures of memory and rates"
    script:
        "../scripts/draw_costs.py"


rule draw_scores:
    input:
        baselines="results/baselines.csv",
        active_learning="results/active_learning.csv",
    output:
        baselines=report(
            "results/figures/baselines.png",
            caption="../report/baselines.rst",
            category="Scores",
            labels={"figure": "baselines"},
        ),
        learning_curves=report(
            "results/figures/learning_curves.png",
            caption="../report/learning_curves.rst",
            category="Scores",
            labels={"figure": "active learning"},
        ),
    log:
        "logs/draw_scores/all.log",
    conda:
        "../../envs/vacuagym.yaml"
    threads: threads_of("draw_scores")
    resources:
        mem_mb=mem_mb_of("draw_scores"),
    params:
        code=source_hash("figures"),
    message:
        "figures of scores"
    script:
        "../scripts/draw_scores.py"

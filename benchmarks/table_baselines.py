"""The scores of the baselines as tables in Markdown: those of docs/baselines.md.

    .venv/bin/python benchmarks/table_baselines.py [--results results] [--logs logs]

Of every task its first metric, mean and standard deviation over the seeds, at the largest number of training rows; the
interval is that of the first seed of gradient boosting. The tables follow from results/baselines.csv, the seconds, which
no two runs share, from the logs of the jobs.
"""

import argparse
import re
from collections import Counter
from pathlib import Path

import polars as pl

_FIT = re.compile(r"(\w+), ([\d,]+) rows, seed \d+: .* ([\d.]+) s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="results of a run")
    parser.add_argument("--logs", type=Path, default=Path("logs"), help="its logs")
    options = parser.parse_args()
    scores = pl.read_csv(options.results / "baselines.csv", infer_schema_length=None)
    for [task], rows in scores.group_by("task", maintain_order=True):
        print(f"### `{task}`: {rows['metric'][0]}\n")
        for line in tables_of(rows.filter(metric=rows["metric"][0])):
            print(line)
    print("### Learning curves\n")
    for line in curves_of(scores.filter(task=scores["task"][0], split="iid", metric=scores["metric"][0])):
        print(line)
    print("\n### Size and time\n")
    for line in costs_of(scores, options.logs / "score_baselines"):
        print(line)


def tables_of(rows):
    """One table per split of several datasets, one for all splits of a single dataset; one line per model."""
    columns = rows.select("split", "dataset").unique(maintain_order=True).rows()
    datasets = Counter(split for split, _ in columns)
    several = [split for split, count in datasets.items() if count > 1]
    for split in several:
        yield from table_of(rows, f"`{split}`", {dataset: (of, dataset) for of, dataset in columns if of == split})
    if alone := {f"`{split}`": (split, dataset) for split, dataset in columns if split not in several}:
        yield from table_of(rows, "", alone)


def table_of(rows, corner, columns):
    """One line per model, its interval and the training rows below; a column per split and dataset, by heading."""
    found = [rows.filter(split=split, dataset=dataset) for split, dataset in columns.values()]
    last = [some.filter(pl.col("n_train") == pl.col("n_train").max()) for some in found]
    boosted = [some.filter(model="gradient_boosting", seed=0) for some in last]
    models = pl.concat(last)["model"].unique(maintain_order=True)
    lines = [(corner, *columns), ["---"] * (1 + len(columns))]
    lines += [(f"`{model}`", *(in_words(some.filter(model=model)["value"]) for some in last)) for model in models]
    lines += [("interval", *(f"{some['low'].item():.3f} to {some['high'].item():.3f}" for some in boosted))]
    lines += [("training rows", *(f"{some['n_train'][0]:,}" for some in last))]
    yield from (f"| {' | '.join(line)} |" for line in lines)
    yield ""


def curves_of(rows):
    """One line per dataset and model, one column per number of training rows."""
    sizes = rows["n_train"].unique().sort().to_list()
    yield "| dataset | model | " + " | ".join(f"{size:,} rows" for size in sizes) + " |"
    yield "|---|---|" + "---|" * len(sizes)
    for (dataset, model), some in rows.group_by("dataset", "model", maintain_order=True):
        found = [in_words(some.filter(n_train=size)["value"]) for size in sizes]
        yield f"| {dataset} | `{model}` | {' | '.join(found)} |"


def costs_of(scores, logs):
    """Parameters and seconds of a fit with its predictions, by task and model, at the largest number of training rows."""
    taken = []
    for path in sorted(logs.glob("*.log")):
        task = path.name.partition("-")[0]
        fits = [match.groups() for match in map(_FIT.match, path.read_text(encoding="utf-8").splitlines()) if match]
        taken += [(task, model, int(rows.replace(",", "")), float(seconds)) for model, rows, seconds in fits]
    seconds = pl.DataFrame(taken, schema=["task", "model", "n_train", "seconds"], orient="row")
    seconds = seconds.filter(pl.col("n_train") == pl.col("n_train").max().over("task"))
    seconds = {key: some["seconds"].mean() for key, some in seconds.group_by("task", "model")}
    models = scores["model"].unique(maintain_order=True).to_list()
    yield "| task | " + " | ".join(f"`{name}`" for name in models) + " |"
    yield "|---|" + "---|" * len(models)
    for [task], some in scores.group_by("task", maintain_order=True):
        sizes = dict(some.group_by("model").agg(pl.max("n_parameters")).rows())
        cells = [f"{sizes[m]:,}, {seconds[task, m]:.1f} s" if m in sizes else "" for m in models]
        yield f"| `{task}` | {' | '.join(cells)} |"


def in_words(values):
    """Mean and standard deviation."""
    return f"{values.mean():.3f} ± {values.std():.3f}" if len(values) > 1 else "".join(f"{v:.3f}" for v in values)


if __name__ == "__main__":
    main()

"""The figures: what is drawn is the data, and the bytes depend on nothing else."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba

from vacuagym.errors import InputError
from vacuagym.publish import figures, score_figures
from vacuagym.schema import CLASSES

ROWS = {"ks": (30, 50, 5, 0, 15, 0, 0, 0), "fth6d": (10, 20, 30, 25, 15, 0, 0, 0)}
SHOWN = [k for k, counts in enumerate(zip(*ROWS.values(), strict=True)) if any(counts)]
FAMILIES_OF = {dataset: dataset for dataset in ROWS}


def by_class(counts):
    """Counts of each class, in two bins: all in the first, and a third of them again in the second."""
    return {name: [count, count // 3] for name, count in zip(CLASSES, counts, strict=True)}


# h11, h21, class of most rows; rare pairs first
HODGE = {"ks": [(5, 2, "saddle"), (2, 2, "stable"), (1, 3, "runaway")], "fth6d": [(4, 9, "metastable")]}
COUNTS = {
    "datasets": {
        dataset: {
            "family": dataset,
            "geometries": 50,
            "rows": 1000,
            "hodge": {
                "h11": [h11 for h11, _, _ in HODGE[dataset]],
                "h21": [h21 for _, h21, _ in HODGE[dataset]],
                "geometries": [1] * len(HODGE[dataset]),
                "rows": {name: [2 if name == most else 1 for *_, most in HODGE[dataset]] for name in CLASSES},
            },
            "stability": {name: 10 * count for name, count in zip(CLASSES, counts, strict=True)},
            "by_feature": {
                name: {"bins": [[1, 3], [4, 4]], "rows": by_class(counts)} for name in ("h11", "euler_characteristic")
            },
        }
        for dataset, counts in ROWS.items()
    },
}
MEMORY = (
    "rule\twildcards\tmem_mb\tpeak_mb\trows\tseconds\n"
    "label_vacua\tshard=0\t600\t250.5\t20000\t8.00\nbuild_split\tsplit=iid\t300\t90.0\t0\t3.10\n"
    "label_vacua\tshard=1\t600\t300.0\t500\t0.00\n"
)
BASELINES = "task,split,dataset,model,seed,metric,value,low,high,n_train\n" + "".join(
    f"{task},{split},{dataset},{model},{seed},{metric},{value},{low},{high},{n_train}\n"
    for task, split, dataset, model, seed, metric, value, low, high, n_train in (
        ("stability", "iid", "ks", "majority", 0, "macro_f1", 0.25, 0.2, 0.3, 100),
        ("stability", "iid", "ks", "majority", 0, "brier", 0.9, 0.8, 1.0, 100),
        ("stability", "iid", "ks", "majority", 1, "macro_f1", 0.35, "NaN", "NaN", 100),
        ("stability", "iid", "ks", "mlp", 0, "macro_f1", 0.5, 0.45, 0.55, 100),
        ("stability", "iid", "ks", "mlp", 0, "macro_f1", 0.3, 0.25, 0.35, 10),
        ("barrier", "iid", "ks", "mlp", 0, "r2", 0.1, 0.0, 0.2, 100),
        ("stability", "iid", "fth6d", "mlp", 0, "macro_f1", 0.7, "NaN", "NaN", 100),
        ("stability", "ood_dataset_ks", "ks", "mlp", 0, "macro_f1", 0.4, 0.35, 0.45, 100),
    )
)
LEARNING = (
    "dataset,strategy,seed,asked,found,macro_f1\nks,random,0,100,5,0.3\nks,random,1,100,7,0.5\n"
    "ks,random,0,200,15,0.6\nks,greedy,0,100,9,0.35\n"
)


@pytest.fixture
def tables(tmp_path) -> dict[str, Path]:
    """What the three rules of figures read."""
    texts = {"counts": json.dumps(COUNTS), "memory": MEMORY, "baselines": BASELINES, "learning": LEARNING}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


def heights(axis):
    """Heights of the bars of each class, by its label."""
    return {bars.get_label(): [bar.get_height() for bar in bars] for bars in axis.containers}


def points(axis):
    """Label, x and y of every marker."""
    return {
        (line.get_label(), *map(float, point))
        for line in axis.lines
        if line.get_marker() != "None"
        for point in line.get_xydata().round(6)
    }


def test_bars_of_class_balance_are_as_wide_as_the_shares():
    (axis,) = figures.class_balance(COUNTS).axes
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in axis.containers}
    assert widths == {CLASSES[k]: pytest.approx([counts[k] / 100 for counts in ROWS.values()]) for k in SHOWN}
    assert {text.get_text() for text in axis.texts} == {"30%", "50%", "15%", "10%", "20%", "25%", ""}


def test_stacked_bars_are_as_high_as_the_shares():
    axes = figures.class_by_geometry(COUNTS).axes
    for axis, counts in zip(axes, [*ROWS.values()] * 2, strict=True):
        second = [count // 3 for count in counts]
        assert heights(axis) == {
            CLASSES[k]: pytest.approx([counts[k] / sum(counts), second[k] / sum(second)]) for k in SHOWN
        }
        tops = np.sum(list(heights(axis).values()), axis=0)
        assert [bar.get_y() + bar.get_height() for bar in axis.containers[-1]] == pytest.approx(tops)
        assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "4", "4"]


def test_hodge_pairs_are_drawn_where_they_are_in_the_colour_of_most_of_their_rows():
    figure = figures.hodge(COUNTS)
    for dataset, axis in zip(ROWS, figure.axes, strict=True):
        (drawn,) = axis.collections
        pairs = [((x // 2 + y) // 2, (y - x // 2) // 2) for x, y in drawn.get_offsets().tolist()]
        expected = {(h11, h21): to_rgba(figures.CLASS_COLOURS[name]) for h11, h21, name in HODGE[dataset]}
        assert dict(zip(pairs, map(tuple, drawn.get_facecolors()), strict=True)) == expected
    assert figure.axes[1].get_title() == "Toric bases (fth6d)"
    assert {text.get_text() for text in figure.legends[0].texts} == {"stable", "metastable", "saddle", "runaway"}


def test_the_numbers_of_a_run_are_its_counts():
    lines = list(csv.reader(figures.numbers(COUNTS).splitlines()))
    names, ks, *_ = zip(*lines, strict=True)
    assert lines[0] == ["", *ROWS]
    assert names == ("", "geometries", "rows", *(CLASSES[k] for k in SHOWN))
    assert ks == ("ks", "50", "1,000", "30.0%", "50.0%", "5.0%", "0.0%", "15.0%")


def test_an_unknown_family_is_named():
    with pytest.raises(InputError, match="nowhere"):
        figures.hodge({"datasets": {"ks": COUNTS["datasets"]["ks"] | {"family": "nowhere"}}})


def test_costs_are_drawn_at_what_the_jobs_recorded(tables):
    axis, rates = score_figures.costs(score_figures.read_jobs(tables["memory"])).axes
    measured = {("measured", 90.0, 0.0), ("measured", 250.5, 1.0), ("measured", 300.0, 1.0)}
    assert points(axis) == measured | {("declared", 300.0, 0.0), ("declared", 600.0, 1.0)}
    assert [text.get_text() for text in axis.get_yticklabels()] == ["build_split", "label_vacua"]
    assert {point[1:] for point in points(rates)} == {(2500.0, 1.0), (50000.0, 1.0)}
    tables["memory"].write_text("rule\twildcards\tmem_mb\tpeak_mb\nlabel_vacua\tshard=0\t600\t250.5\n")
    with pytest.raises(InputError, match="memory.*rows, seconds"):
        score_figures.read_jobs(tables["memory"])


def test_baselines_are_drawn_at_the_mean_of_the_seeds_with_their_intervals_for_the_most_training_rows(tables):
    scores = score_figures.read_baselines(tables["baselines"])
    left, right = score_figures.baseline_scores(scores, FAMILIES_OF).axes
    assert (left.get_title(), right.get_title()) == ("Weight systems (ks)", "Toric bases (fth6d)")
    away = "trained on the other families"
    assert points(left) == {("iid", 0.3, -0.175), ("iid", 0.5, 0.825), (away, 0.4, 1.175)}
    assert points(right) == {("iid", 0.7, 0.825)}
    drawn = [segment.round(6).tolist() for lines in left.collections for segment in lines.get_segments()]
    assert [[0.2, -0.175], [0.35, -0.175]] in drawn  # the other seed is above the interval of the first
    assert [[0.45, 0.825], [0.55, 0.825]] in drawn and [[0.35, 1.175], [0.45, 1.175]] in drawn
    assert [text.get_text() for text in left.get_yticklabels()] == ["majority", "mlp"]


def test_learning_curves_are_the_scores_of_iid_by_training_rows(tables):
    scores = score_figures.read_baselines(tables["baselines"])
    left, right = score_figures.learning_curves(scores, FAMILIES_OF).axes
    assert points(left) == {("majority", 100, 0.3), ("mlp", 10, 0.3), ("mlp", 100, 0.5)}
    assert points(right) == {("mlp", 100, 0.7)}
    drawn = [segment.tolist() for lines in left.collections for segment in lines.get_segments()]
    assert [[10, 0.25], [10, 0.35]] in drawn and [[100, 0.2], [100, 0.35]] in drawn
    assert [text.get_text() for text in left.get_xticklabels()] == ["10", "100"]


def test_searches_are_drawn_at_the_mean_of_the_seeds_with_their_range(tables):
    keys = ("dataset", "strategy", "asked")
    read = {name: score_figures.read_scores(tables["learning"], name, *keys) for name in ("macro_f1", "found")}
    scores, found = score_figures.search_curves(read, FAMILIES_OF).axes
    assert points(found) == {("random", 100, 6.0), ("random", 200, 15.0), ("greedy", 100, 9.0)}
    assert (scores.get_ylabel(), found.get_ylabel()) == ("macro-averaged F1", "goals found")
    assert points(scores) == {("random", 100, 0.4), ("random", 200, 0.6), ("greedy", 100, 0.35)}
    bands = [collection.get_paths()[0].vertices for collection in scores.collections]
    assert any({(100, 0.3), (100, 0.5), (200, 0.6)} <= set(map(tuple, band.tolist())) for band in bands)


def test_the_same_data_give_the_same_bytes(tables, tmp_path):
    def plot(folder):
        names = ("hodge", "class_by_geometry", "costs", "baselines", "learning_curves", "search")
        out = {name: tmp_path / folder / f"{name}.png" for name in names}
        out["class_balance"] = tmp_path / folder / "class_balance.svg"
        out["numbers"] = tmp_path / folder / "numbers.csv"
        figures.plot_figures(tables["counts"], out)
        score_figures.plot_costs(tables["memory"], out)
        score_figures.plot_scores(tables["baselines"], tables["learning"], FAMILIES_OF, out)
        return {name: path.read_bytes() for name, path in out.items()}

    first = plot("first")
    assert plot("second") == first
    assert len(set(first.values())) == len(first)


def test_an_import_leaves_the_settings_of_matplotlib_alone():
    code = (
        "import matplotlib; before = dict(matplotlib.rcParams); import vacuagym.publish.figures as figures; "
        "figures.class_balance({'datasets': {}}); assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def seen(colours):
    """Colours as seen, and in the simulation of dichromats of Viénot, Brettel and Mollon (1999)."""
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    linear = np.array([to_rgb(colour) for colour in colours]) ** 2.2
    for simulation in (np.eye(3), protan, deutan):
        yield np.clip(linear @ (np.linalg.inv(to_lms) @ simulation @ to_lms).T, 0, 1) ** (1 / 2.2)


@pytest.mark.parametrize("colours", [figures.CLASS_COLOURS.values(), figures.SERIES], ids=["classes", "series"])
def test_colours_of_a_set_differ_for_colour_blind_eyes(colours):
    for values in seen(colours):
        distance = np.linalg.norm(values[:, None] - values[None], axis=2)
        assert distance[np.triu_indices(len(values), 1)].min() > 0.1


def test_no_series_has_the_colour_of_a_class():
    classes, series = (next(seen(colours)) for colours in (figures.CLASS_COLOURS.values(), figures.SERIES))
    assert np.linalg.norm(classes[:, None] - series[None], axis=2).min() > 0.2

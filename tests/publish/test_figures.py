"""The figures: what is drawn is the data, and the bytes depend on nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba

from vacuagym.errors import InputError
from vacuagym.publish import figures, score_figures
from vacuagym.publish.label_counts import LOG_EDGES
from vacuagym.schema import CLASSES

ROWS = {"ks": (30, 50, 5, 0, 15, 0, 0, 0), "fth6d": (10, 20, 30, 25, 15, 0, 0, 0)}
SHOWN = [k for k, counts in enumerate(zip(*ROWS.values(), strict=True)) if any(counts)]
FAMILIES_OF = {dataset: dataset for dataset in ROWS}
TYPES = {"ks": {"ads_susy": 60, "ds_minimum": 40}, "fth6d": {"ads_susy": 75, "runaway": 25}}
BINS = len(LOG_EDGES) + 1


def by_class(counts):
    """Counts of each class, in two bins: all in the first, and a third of them again in the second."""
    return {name: [count, count // 3] for name, count in zip(CLASSES, counts, strict=True)}


def histogram(dataset, name):
    rng = np.random.default_rng([len(dataset), len(name)])
    return {sign: rng.integers(1, 100, BINS).tolist() for sign in ("negative", "positive")}


HODGE = {"ks": [[5, 2, 3], [2, 2, 7], [1, 3, 40]], "fth6d": [[4], [9], [6]]}  # h11, h21, number; rare pairs first
COUNTS = {
    "log_edges": LOG_EDGES.tolist(),
    "datasets": {
        dataset: {
            "family": dataset,
            "rows": 100,
            "hodge": HODGE[dataset],
            "stability": dict(zip(CLASSES, counts, strict=True)),
            "classes": {"vacuum_type": TYPES[dataset]},
            "by_feature": {
                name: {"bins": [[1, 3], [4, 4]], "rows": by_class(counts)} for name in ("h11", "euler_characteristic")
            },
            "histograms": {name: histogram(dataset, name) for name in ("min_eigenvalue", "max_eigenvalue")},
            "cuts": {"xi_ratio": {"keeps": "below", "thresholds": [0.1, 3.0], "rows": by_class(counts)}},
        }
        for dataset, counts in ROWS.items()
    },
}
MEMORY = (
    "rule\twildcards\tmem_mb\tpeak_mb\trows\tseconds\n"
    "label_vacua\tshard=0\t600\t250.5\t20000\t8.00\nbuild_split\tsplit=iid\t300\t90.0\t0\t3.10\n"
    "label_vacua\tshard=1\t600\t300.0\t500\t0.00\n"
)
BASELINES = "task,split,dataset,model,seed,metric,value\n" + "".join(
    f"{task},{split},{dataset},{model},{seed},{metric},{value}\n"
    for task, split, dataset, model, seed, metric, value in (
        ("stability", "iid", "ks", "majority", 0, "macro_f1", 0.25),
        ("stability", "iid", "ks", "majority", 0, "brier", 0.9),
        ("stability", "iid", "ks", "majority", 1, "macro_f1", 0.35),
        ("stability", "iid", "ks", "mlp", 0, "macro_f1", 0.5),
        ("barrier", "iid", "ks", "mlp", 0, "r2", 0.1),
        ("stability", "iid", "fth6d", "mlp", 0, "macro_f1", 0.7),
        ("stability", "ood_dataset_ks", "ks", "mlp", 0, "macro_f1", 0.4),
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
    assert {text.get_text() for text in axis.texts} == {"30%", "50%", "5%", "15%", "10%", "20%", "25%", ""}


def test_bars_of_vacuum_types_are_as_wide_as_the_shares_and_have_no_colour_of_a_class():
    (axis,) = figures.vacuum_types(COUNTS).axes
    names = [text.get_text() for text in axis.get_yticklabels()]
    for bars in axis.containers:
        widths = dict(zip(names, [bar.get_width() for bar in bars], strict=True))
        types = TYPES[bars.get_label()]
        assert widths == {name: types.get(name, 0) / 100 for name in ("ads_susy", "ds_minimum", "runaway")}
        assert bars[0].get_facecolor() not in {to_rgba(colour) for colour in figures.CLASS_COLOURS.values()}
    assert len({bars[0].get_facecolor() for bars in axis.containers}) == len(ROWS)


@pytest.mark.parametrize("figure", [figures.class_by_geometry, figures.cuts], ids=lambda figure: figure.__name__)
def test_stacked_bars_are_as_high_as_the_shares(figure):
    axes = figure(COUNTS).axes
    for axis, counts in zip(axes, np.repeat(list(ROWS.values()), len(axes) // len(ROWS), axis=0), strict=True):
        second = [count // 3 for count in counts]
        whole = sum(second) if figure is figures.class_by_geometry else 100
        expected = {CLASSES[k]: pytest.approx([counts[k] / 100, second[k] / whole]) for k in SHOWN}
        assert heights(axis) == expected
        tops = np.sum(list(heights(axis).values()), axis=0)
        assert [bar.get_y() + bar.get_height() for bar in axis.containers[-1]] == pytest.approx(tops)


def test_histograms_of_eigenvalues_leave_out_what_is_beyond_the_bins():
    axes = iter(figures.eigenvalues(COUNTS).axes)
    for dataset in ROWS:
        for name in ("min_eigenvalue", "max_eigenvalue"):
            drawn = {patch.get_label(): patch.get_data() for patch in next(axes).patches}
            for sign, counts in histogram(dataset, name).items():
                assert drawn[sign].values.tolist() == counts[1:-1]
                assert drawn[sign].edges.tolist() == LOG_EDGES.tolist()


def test_a_model_without_vacuum_types_cuts_or_eigenvalues_has_empty_figures(tmp_path):
    datasets = {
        name: entry | {"classes": {}, "cuts": {}, "histograms": {}} for name, entry in COUNTS["datasets"].items()
    }
    for figure in (figures.vacuum_types, figures.cuts, figures.eigenvalues):
        drawn = figure(COUNTS | {"datasets": datasets})
        figures.save(drawn, tmp_path / "empty.png")
        assert not any(axis.containers or axis.patches for axis in drawn.axes)


def test_hodge_pairs_are_drawn_where_they_are_with_their_numbers():
    figure = figures.hodge(COUNTS)
    for dataset, axis in zip(ROWS, figure.axes, strict=False):
        (drawn,) = axis.collections
        pairs = [((x // 2 + y) // 2, (y - x // 2) // 2) for x, y in drawn.get_offsets().tolist()]
        expected = dict(zip(zip(*HODGE[dataset][:2], strict=True), HODGE[dataset][2], strict=True))
        assert dict(zip(pairs, drawn.get_array().tolist(), strict=True)) == expected
    assert figure.axes[1].get_title() == "Toric bases (fth6d)"


def test_an_unknown_family_is_named():
    with pytest.raises(InputError, match="nowhere"):
        figures.hodge({"datasets": {"ks": COUNTS["datasets"]["ks"] | {"family": "nowhere"}}})


def test_costs_are_drawn_at_what_the_jobs_recorded(tables):
    jobs = score_figures.read_jobs(tables["memory"])
    (axis,) = score_figures.peak_memory(jobs).axes
    measured = {("measured", 90.0, 0.0), ("measured", 250.5, 1.0), ("measured", 300.0, 1.0)}
    assert points(axis) == measured | {("declared", 300.0, 0.0), ("declared", 600.0, 1.0)}
    assert [text.get_text() for text in axis.get_yticklabels()] == ["build_split", "label_vacua"]
    (axis,) = score_figures.rates(jobs).axes
    assert {point[1:] for point in points(axis)} == {(2500.0, 0.0), (50000.0, 0.0)}
    assert [text.get_text() for text in axis.get_yticklabels()] == ["label_vacua"]
    tables["memory"].write_text("rule\twildcards\tmem_mb\tpeak_mb\nlabel_vacua\tshard=0\t600\t250.5\n")
    with pytest.raises(InputError, match="memory.*rows, seconds"):
        score_figures.read_jobs(tables["memory"])


def test_baselines_are_drawn_at_the_mean_of_the_seeds_with_their_range(tables):
    scores = score_figures.read_baselines(tables["baselines"])
    left, right = score_figures.baseline_scores(scores, FAMILIES_OF).axes
    assert (left.get_title(), right.get_title()) == ("Weight systems (ks)", "Toric bases (fth6d)")
    away = "trained on the other families"
    assert points(left) == {("iid", 0.3, -0.15), ("iid", 0.5, 0.85), (away, 0.4, 1.15)}
    assert points(right) == {("iid", 0.7, 0.85)}
    ranges = left.collections[0].get_segments()
    assert ranges[0].tolist() == [[0.25, -0.15], [0.35, -0.15]]
    assert [text.get_text() for text in left.get_yticklabels()] == ["majority", "mlp"]


def test_learning_curves_are_drawn_at_the_mean_of_the_seeds_with_their_range(tables):
    keys = ("dataset", "strategy", "asked")
    found = score_figures.search_curves(
        score_figures.read_scores(tables["learning"], "found", *keys), "found", FAMILIES_OF
    )
    assert points(found.axes[0]) == {("random", 100, 6.0), ("random", 200, 15.0), ("greedy", 100, 9.0)}
    curves = score_figures.search_curves(
        score_figures.read_scores(tables["learning"], "macro_f1", *keys), "macro_f1", FAMILIES_OF
    )
    (axis,) = curves.axes
    assert (axis.get_ylabel(), found.axes[0].get_ylabel()) == ("macro-averaged F1", "goals found")
    assert points(axis) == {("random", 100, 0.4), ("random", 200, 0.6), ("greedy", 100, 0.35)}
    bands = [collection.get_paths()[0].vertices for collection in axis.collections]
    assert any({(100, 0.3), (100, 0.5), (200, 0.6)} <= set(map(tuple, band.tolist())) for band in bands)


def test_the_same_data_give_the_same_bytes(tables, tmp_path):
    def plot(folder):
        names = ("hodge", "class_balance", "class_by_geometry", "eigenvalues", "vacuum_types", "cuts")
        names += ("memory", "rates", "baselines", "learning_curves", "found")
        out = {name: tmp_path / folder / f"{name}.png" for name in names}
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


def test_class_colours_differ_for_colour_blind_eyes():
    """Any two differ clearly in the simulation of dichromats of Viénot, Brettel and Mollon (1999)."""
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    colours = np.array([to_rgb(figures.CLASS_COLOURS[name]) for name in CLASSES]) ** 2.2
    for simulation in (np.eye(3), protan, deutan):
        seen = colours @ (np.linalg.inv(to_lms) @ simulation @ to_lms).T
        seen = np.clip(seen, 0, 1) ** (1 / 2.2)
        distance = np.linalg.norm(seen[:, None] - seen[None], axis=2)
        assert distance[np.triu_indices(len(CLASSES), 1)].min() > 0.1

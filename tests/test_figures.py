"""The figures: what they read is read right, what they show is the data, their bytes depend on nothing else."""

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb

from vacuagym import figures
from vacuagym.tables.columns import Column
from vacuagym.tables.shards import new_shard
from vacuagym.validation import CLASSES

ROWS = {"ks": (30, 50, 5, 0, 15, 0, 0), "fth6d": (10, 20, 30, 25, 15, 0, 0)}
VALIDATION = {
    "datasets": {
        dataset: {
            "rows": 100,
            "stability": dict(zip(CLASSES, counts, strict=True)),
            "classes": {"vacuum_type": {"ads_susy": 60, "ds_minimum": 40}} if dataset == "ks" else {},
            "by_feature": {
                name: {"bins": [[1, 3], [4, 4]], "rows": {c: [n, 0] for c, n in zip(CLASSES, counts, strict=True)}}
                for name in ("h11", "euler_characteristic")
            },
            "cuts": {},
        }
        for dataset, counts in ROWS.items()
    }
}


def test_bars_are_as_wide_as_the_shares():
    figure = figures.class_balance(VALIDATION)
    bars = {}
    for patch in figure.axes[0].patches:
        bars.setdefault(round(patch.get_y() + patch.get_height() / 2), []).append(patch.get_width())
    shown = [k for k in range(len(CLASSES)) if any(counts[k] for counts in ROWS.values())]
    for row, counts in enumerate(ROWS.values()):
        assert bars[row] == pytest.approx([counts[k] / 100 for k in shown])


def test_a_model_without_finer_classes_or_cuts_has_empty_figures(tmp_path):
    for figure in (figures.fine_classes(VALIDATION, "no_such_column"), figures.cuts(VALIDATION)):
        figures.save(figure, tmp_path / "empty.png")


def test_class_colours_differ_for_colour_blind_eyes():
    """In the simulation of dichromats of Vienot, Brettel and Mollon (1999), classes that are neighbours differ clearly."""
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    colours = np.array([to_rgb(figures.CLASS_COLOURS[name]) for name in CLASSES]) ** 2.2
    for simulation in (np.eye(3), protan, deutan):
        seen = colours @ (np.linalg.inv(to_lms) @ simulation @ to_lms).T
        seen = np.clip(seen, 0, 1) ** (1 / 2.2)
        distance = np.linalg.norm(seen[:, None] - seen[None], axis=2)
        assert distance[np.triu_indices(len(CLASSES), 1)].min() > 0.1


def test_hodge_pairs_are_counted_over_shards(tmp_path):
    rng = np.random.default_rng(0)
    columns = [Column(name, "int32", "1", "") for name in ("h11", "h21")]
    parts = [{name: rng.integers(1, 9, 500).astype(np.int32) for name in ("h11", "h21")} for _ in range(3)]
    paths = [tmp_path / f"{k}.parquet" for k in range(3)]
    for path, part in zip(paths, parts, strict=True):
        with new_shard(path, columns, {}) as write:
            write(part)
    expected = pl.concat(map(pl.DataFrame, parts)).group_by("h11", "h21").len()
    assert figures.hodge_counts(paths) == {(a, b): n for a, b, n in expected.rows()}
    figure = figures.hodge({"ks": figures.hodge_counts(paths)})
    points = figure.axes[0].collections[0].get_offsets()
    assert {((x // 2 + y) // 2, (y - x // 2) // 2) for x, y in points.tolist()} == {
        (a, b) for a, b, _ in expected.rows()
    }


def test_costs_are_read_from_the_logs(tmp_path):
    (tmp_path / "label_vacua").mkdir()
    (tmp_path / "memory.tsv").write_text(
        "rule\twildcards\tmem_mb\tpeak_mb\nlabel_vacua\tpart=0\t600\t250.5\nlabel_vacua\tpart=1\t600\t300\n"
    )
    (tmp_path / "label_vacua" / "ks-00000.log").write_text(
        "rows 0 to 20,000 of the run order\n10,000 of 20,000 geometries, 5,000 a second, 2 s left\n"
        "20,000 of 20,000 geometries, 5,000 a second, 0 s left\n8.0 s, peak memory 250 MB of 600 MB\n"
    )
    (tmp_path / "label_vacua" / "ks-00001.log").write_text("error: it was ended\n")
    assert figures.read_memory(tmp_path / "memory.tsv") == {"label_vacua": [(600, 250.5), (600, 300)]}
    assert figures.read_rates(tmp_path) == {"label_vacua": [2500]}
    figures.draw_costs(tmp_path, {"memory": tmp_path / "m.png", "rates": tmp_path / "r.png"})
    before = (tmp_path / "m.png").read_bytes()
    figures.draw_costs(tmp_path, {"memory": tmp_path / "m.png", "rates": tmp_path / "r.png"})
    assert (tmp_path / "m.png").read_bytes() == before


def test_scores_are_drawn_at_their_means(tmp_path):
    (tmp_path / "b.csv").write_text(
        "split,dataset,model,seed,macro_f1\niid,ks,majority,0,0.25\niid,ks,majority,1,0.35\niid,ks,mlp,0,0.5\n"
        "ood_dataset_ks,ks,mlp,0,0.4\n"
    )
    (tmp_path / "a.csv").write_text(
        "dataset,strategy,seed,asked,macro_f1\nks,random,0,100,0.3\nks,random,1,100,0.5\nks,random,0,200,0.6\n"
    )
    axis = figures.baselines(figures.read_scores(tmp_path / "b.csv")).axes[0]
    shown = {(line.get_label(), round(line.get_xdata()[0], 6)) for line in axis.lines if line.get_marker() != "None"}
    assert shown == {("iid", 0.3), ("iid", 0.5), ("trained on the other families", 0.4)}
    axis = figures.learning_curves(figures.read_scores(tmp_path / "a.csv")).axes[0]
    assert axis.lines[0].get_xydata().tolist() == [[100, 0.4], [200, 0.6]]

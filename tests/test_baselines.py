"""What learners see, the baselines' scores, and active learning, on real geometries and labels."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from threadpoolctl import threadpool_limits

from vacuagym import active_learning, baselines, evaluation, geometry, models, splits, steps
from vacuagym.baselines import SEES, cycle_areas, cycle_pairs, inputs_of, read_inputs, score_baselines
from vacuagym.errors import InputError
from vacuagym.geometry import toric_bases
from vacuagym.plan import paths_of, scores_of, tables_of
from vacuagym.tables.columns import ragged, take
from vacuagym.tables.shards import new_shard, read_metadata, read_rows

MODEL = {"name": "supergravity", "draws": 2, "starts": 1}
SEED = 5
CONFIG = {"datasets": {"cicy3": {"source": "generate"}}, "n_limit": 240, "shard_rows": 130}
SETTINGS = {"pool_rows": 250, "test_rows": 100, "first_rows": 40, "batch_rows": 30, "rounds": 3, "seeds": 2}
CONFIG |= {"model": MODEL, "seed": SEED, "splits": {}}
CONFIG |= {"baselines": {"train_rows": 300, "seeds": 2}, "active_learning": SETTINGS}
BASES = (  # self-intersections of the curves of toric bases: P2, F_3, blow-ups of F_1 and of F_0
    (1, 1, 1),
    (0, 3, 0, -3),
    (0, 0, -1, -1, -1),
    (-1, -1, -1, -1, -1, -1),
    (0, -1, -1, -2, 0),
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def two_models(monkeypatch):
    monkeypatch.setattr(baselines, "SEES", {name: SEES[name] for name in ("majority", "gradient_boosting")})


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Features and labels of 240 geometries of cicy3, in shards of 130, and the iid split."""
    folder = tmp_path_factory.mktemp("cicy3")
    tables = tables_of(CONFIG)
    geometries, split = "resources/geometries/cicy3.parquet", "results/splits/iid.parquet"
    steps.build_geometries(folder / geometries, tables[geometries])
    paths, inputs = [], {}
    for features in paths_of(tables, "features"):
        labels, stability = (features.replace("features", name) for name in ("labels", "stability"))
        steps.build_features(folder / geometries, tables[geometries], folder / features, tables[features])
        steps.label_vacua(folder / features, tables[features], folder / labels, folder / stability, tables[labels])
        paths.append((folder / features, folder / labels))
        inputs[folder / features] = tables[features]
    steps.build_split(inputs, folder / split, tables[split])
    return {"cicy3": paths}, folder / split


def labeller():
    return models.labeller(MODEL["name"])


# --- inputs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", models.NAMES)
@pytest.mark.parametrize("datasets", [("ks",), ("cicy3",), ("fth6d",), ("ks", "cicy3", "fth6d")])
def test_no_outcome_and_no_key_is_an_input(name, datasets):
    model = models.labeller(name)
    inputs = inputs_of(datasets, model)
    roles = {column.name: models.role(column.name, model.couplings) for column in model.columns}
    assert {roles[column.name] for column in inputs.couplings} == {"coupling"}
    assert {"stability", "potential_value", "critical_point", "n_pos", "certified"} <= {
        column for column, role in roles.items() if role == "outcome"
    }
    names = {column.name for column in inputs.features}
    assert {"h11", "h21", "euler_characteristic", "n_moduli"} <= names
    assert not names & {"duplicate_group", "geometry_id", "dataset"}
    for dataset in datasets:
        assert names <= {column.name for column in geometry.family(dataset).FEATURES}


def test_inputs_do_not_depend_on_outcomes(shards, tmp_path):
    """Every outcome column of the label table is overwritten; the inputs stay."""
    (features, labels), model = shards[0]["cicy3"][0], labeller()
    outcomes = {c.name for c in model.columns if models.role(c.name, model.couplings) == "outcome"}
    with new_shard(tmp_path / "labels.parquet", model.columns, {}) as write:
        for batch in read_rows(labels, [column.name for column in model.columns], batch_rows=10_000):
            shuffled = take(batch, np.roll(np.arange(len(batch["sample"])), 7))
            write({name: (shuffled if name in outcomes else batch)[name] for name in batch})
    inputs = inputs_of(["cicy3"], model)
    found = [
        np.concatenate([x for x, _ in read_inputs(inputs, [(features, path)], lambda rows: rows["sample"] >= 0)])
        for path in (labels, tmp_path / "labels.parquet")
    ]
    assert found[0].shape == (260, len(inputs.sees)) and np.isfinite(found[0]).all()
    assert np.array_equal(*found)


def test_numbers_of_a_row(shards):
    """Flat columns as they are; minimum, mean and maximum of lists; against another reader of the tables."""
    (features, labels), model = shards[0]["cicy3"][0], labeller()
    inputs = inputs_of(["cicy3"], model)
    x = np.concatenate([x for x, _ in read_inputs(inputs, [(features, labels)], lambda rows: rows["sample"] == 1)])
    joined = pl.read_parquet(features).join(
        pl.read_parquet(labels).filter(pl.col("sample") == 1), on="geometry_id", maintain_order="left"
    )
    position = 0
    for column in (*inputs.features, *inputs.couplings):
        values = joined[column.name]
        if column.type.startswith("list"):
            expected = [values.list.min(), values.list.mean(), values.list.max()]
        else:
            expected = [values]
        for one in expected:
            assert x[:, position] == pytest.approx(one.cast(pl.Float64).to_numpy(), rel=1e-12), column.name
            position += 1
    assert position == x.shape[1]
    assert x[:, inputs.sees == "n_moduli"][:, 0].tolist() == joined["n_moduli"].to_list()
    drawn = sum(3 if column.type.startswith("list") else 1 for column in inputs.couplings)
    assert np.count_nonzero(inputs.sees == "couplings") == drawn


@given(st.sampled_from(BASES), st.integers(0, 5), st.booleans())
def test_pairs_on_a_cycle_are_the_same_for_rotations_and_reflections(base, turn, flip):
    moved = np.roll(base, turn)[:: -1 if flip else 1]
    found = cycle_pairs(ragged([base, moved], np.int16))
    assert np.array_equal(found[0], found[1])
    assert found[0].sum() == 2 * len(base)


def test_pairs_tell_orders_of_the_same_curves_apart():
    found = cycle_pairs(ragged([(0, -1, -2, -1, -2, 1), (0, -1, -1, -2, -2, 1)], np.int16))
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("base", BASES)
def test_areas_of_curves_by_the_intersection_form(base):
    rng = np.random.default_rng(len(base))
    form = toric_bases.base_intersection_form(base)
    t, section = np.concatenate([[0.0, 0.0], rng.random(len(base) - 2)]), 0.7
    area = form @ t / section
    areas_off = area + np.diag(form) + 2
    found = np.exp(cycle_areas(ragged([base], np.int16), ragged([[section, *t[2:]]], np.float64)))[0]
    expected = (area.min(), area.mean(), areas_off.min(), t @ form @ t / section**2, area.sum())
    positive = np.array(expected) > 0  # logarithms of the others are cut off
    assert found[positive] == pytest.approx(np.array(expected)[positive])


# --- scores -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scores(shards):
    return score_baselines("iid", "cicy3", *shards, labeller(), train_rows=300, n_seeds=2)


def test_every_baseline_is_scored_with_every_seed(scores):
    assert [(row["model"], row["seed"]) for row in scores] == [
        (name, seed) for name, sees in SEES.items() if sees != "cycle" for seed in range(2)
    ]
    assert all(row.keys() == {column.name for column in baselines.COLUMNS} for row in scores)
    assert len({row["n_test"] for row in scores}) == 1 and all(row["n_train"] <= 300 for row in scores)


def test_the_majority_is_scored_as_scikit_learn_does(shards, scores):
    paths, split = shards
    parts = pl.read_parquet(split)
    labels = pl.concat([pl.read_parquet(path) for _, path in paths["cicy3"]]).join(parts, on=["dataset", "geometry_id"])
    labels = labels.filter("controlled", ~pl.col("stability").is_in(["marginal", "failed"]))
    truth = labels.filter(pl.col("part") == "test")["stability"].to_list()
    train = labels.filter(pl.col("part") == "train")["stability"].to_list()
    assert scores[0]["n_test"] == len(truth)
    most = max(set(train), key=train.count)
    assert scores[0]["macro_f1"] == pytest.approx(f1_score(truth, [most] * len(truth), average="macro"))
    assert scores[0]["balanced_accuracy"] == pytest.approx(1 / len(set(truth)))


def test_more_that_is_seen_scores_better(scores):
    names = {row["model"] for row in scores}
    mean = {name: np.mean([row["macro_f1"] for row in scores if row["model"] == name]) for name in names}
    assert mean["majority"] < mean["couplings_only"] < mean["logistic_regression"]
    assert mean["n_moduli_only"] < mean["couplings_only"] < mean["gradient_boosting"]


@given(st.lists(st.integers(0, 9)), st.integers(1, 7))
def test_blocks_are_the_rows_in_order(sizes, rows):
    stops = np.cumsum(sizes, dtype=int)
    stream = [(np.arange(b - a, b)[:, None], {"n": np.arange(b - a, b)}) for a, b in zip(sizes, stops, strict=True)]
    found = list(baselines.in_blocks(iter(stream), rows))
    assert [len(x) for x, _ in found[:-1]] == [rows] * (len(found) - 1) and all(len(x) <= rows for x, _ in found)
    assert [i for x, table in found for i in table["n"]] == list(range(sum(sizes)))
    assert all(np.array_equal(x[:, 0], table["n"]) for x, table in found)


def test_scores_are_the_same_again_and_for_other_shards(shards, scores, two_models, tmp_path):
    paths, split = shards
    whole = []
    for k, columns in ((0, steps.feature_columns("cicy3")), (1, labeller().columns)):
        whole.append(tmp_path / f"{k}.parquet")
        with new_shard(whole[k], columns, {}) as write:
            for pair in paths["cicy3"]:
                # in row groups of 65 geometries, as no run would write them
                for batch in read_rows(pair[k], [column.name for column in columns], batch_rows=65 * (1, 2)[k]):
                    write(batch)
    again = score_baselines("iid", "cicy3", {"cicy3": [tuple(whole)]}, split, labeller(), 300, 2)
    assert again == [row for row in scores if row["model"] in ("majority", "gradient_boosting")]


def test_a_held_out_dataset_is_scored_by_what_others_teach(shards, two_models, tmp_path):
    """The split holds out cicy3: another family, here the same geometries under another name, is what is trained on."""
    paths, _ = shards
    with new_shard(tmp_path / "split.parquet", splits.COLUMNS, {}) as write:
        for dataset, part in (("cicy3", "test"), ("ks", "train")):
            for features, _ in paths["cicy3"]:
                ids = pl.read_parquet(features)["geometry_id"].to_numpy()
                write({"dataset": np.full(len(ids), dataset), "geometry_id": ids, "part": np.full(len(ids), part)})
    both = {"ks": paths["cicy3"], "cicy3": paths["cicy3"]}
    rows = score_baselines("ood_dataset_cicy3", "cicy3", both, tmp_path / "split.parquet", labeller(), 200, 1)
    by_model = {row["model"]: row for row in rows}
    assert by_model["gradient_boosting"]["n_train"] == 200
    assert by_model["gradient_boosting"]["macro_f1"] > by_model["majority"]["macro_f1"]


def test_too_few_rows_are_an_error(shards, two_models, tmp_path):
    paths, split = shards
    table = pl.read_parquet(split)
    for part, message in (("test", "fewer than two classes"), ("train", "no scored row of cicy3 in its test part")):
        out = tmp_path / f"{part}.parquet"
        with new_shard(out, splits.COLUMNS, {}) as write:
            columns = {name: table[name].to_numpy() for name in ("dataset", "geometry_id")}
            write(columns | {"part": np.full(len(table), part)})
        with pytest.raises(InputError, match=message):
            score_baselines("iid", "cicy3", paths, out, labeller(), 50, 1)


@pytest.fixture
def scored(shards):
    """Paths of the tables that scores are made from, with what made them, and a table of scores with what makes it."""
    paths, split = shards
    tables = tables_of(CONFIG)
    path = "results/baselines/iid/cicy3.parquet"
    made_by = scores_of(CONFIG, tables)[path]
    read = [split, *(path for pair in paths["cicy3"] for path in pair)]
    folder = split.parents[2]
    return {table: tables[table.relative_to(folder).as_posix()] for table in read}, folder / path, made_by


def test_tables_are_written_and_collected(scored, scores, two_models, tmp_path):
    inputs, out, made_by = scored
    steps.score_baselines(inputs, out, made_by)
    assert read_metadata(out)[2] == made_by
    steps.collect_tables({out: made_by}, tmp_path / "baselines.csv")
    table = pl.read_csv(tmp_path / "baselines.csv")
    assert table.to_dicts() == [row for row in scores if row["model"] in ("majority", "gradient_boosting")]


def test_tables_of_another_run_are_not_scored(scored, tmp_path):
    inputs, out, made_by = scored
    for path, recipe in inputs.items():
        other = recipe | {"code": "another"}
        with pytest.raises(InputError, match=f"{path.name}.* does not belong to this run"):
            steps.score_baselines(inputs | {path: other}, tmp_path / "out.parquet", made_by)
    assert not list(tmp_path.iterdir())


# --- active learning --------------------------------------------------------------------------------------------------


def test_labels_made_on_demand_are_those_of_the_run(shards):
    paths, split = shards
    parts, inputs = evaluation.load_parts(split, "cicy3"), inputs_of(["cicy3"], labeller())
    choice = {"cicy3": baselines.in_part(parts, "train")}
    _, pool = baselines.sample_rows(inputs, paths, choice, 250, 0)
    ask = active_learning.oracle("cicy3", paths, pool, labeller(), MODEL, SEED)
    asked = np.random.default_rng(1).permutation(len(pool["sample"]))[:60]
    classes, scored = ask(asked)
    assert np.array_equal(classes, evaluation.class_codes(pool["stability"][asked]))
    assert np.array_equal(scored, evaluation.scored(pool)[asked]) and 0 < np.count_nonzero(scored) < 60


def test_learning_curves(shards):
    paths, split = shards
    curves = active_learning.scan("cicy3", paths, split, labeller(), MODEL, SEED, SETTINGS)
    assert active_learning.scan("cicy3", paths, split, labeller(), MODEL, SEED, SETTINGS) == curves
    assert [(row["seed"], row["strategy"], row["asked"]) for row in curves] == [
        (seed, strategy, 40 + 30 * k)
        for seed in range(2)
        for strategy in ("random", "margin", "entropy")
        for k in range(4)
    ]
    assert all(row["n_train"] <= row["asked"] for row in curves)
    first = {(row["seed"], row["macro_f1"]) for row in curves if row["asked"] == 40}
    assert len(first) == 2  # all strategies of a seed begin alike
    mean = [np.mean([row["log_loss"] for row in curves if row["asked"] == asked]) for asked in (40, 130)]
    assert mean[1] < mean[0]


def test_a_pool_that_is_used_up_ends_the_curve(shards):
    paths, split = shards
    settings = SETTINGS | {"pool_rows": 75, "rounds": 9, "seeds": 1}
    curves = active_learning.scan("cicy3", paths, split, labeller(), MODEL, SEED, settings)
    assert [row["asked"] for row in curves] == 3 * [40, 70, 75]


def test_one_class_among_the_first_is_an_error(shards):
    paths, split = shards
    with pytest.raises(InputError, match="active_learning.first_rows: 1 rows of cicy3 have one class alone"):
        active_learning.scan("cicy3", paths, split, labeller(), MODEL, SEED, SETTINGS | {"first_rows": 1})


def test_urgency():
    p = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.4, 0.3, 0.3]])
    rng = np.random.default_rng(0)
    assert active_learning.margin(p, rng) == pytest.approx([0.0, -1.0, -0.1])
    expected = [np.log(2), 0.0, -0.4 * np.log(0.4) - 0.6 * np.log(0.3)]
    assert active_learning.entropy(p, rng) == pytest.approx(expected)
    assert not np.array_equal(active_learning.random(p, rng), active_learning.random(p, rng))


def test_the_dictionary_says_what_a_learner_may_see():
    for name in models.NAMES:
        roles = {
            entry["column"]: entry["role"]
            for entry in steps.data_dictionary(["ks"], {"name": name})
            if entry["table"] == "labels/ks"
        }
        assert {roles[key] for key in ("dataset", "geometry_id", "sample")} == {"key"}
        assert {roles[key] for key in models.labeller(name).couplings} == {"coupling"}
        assert roles["stability"] == roles["potential_value"] == roles["certified"] == "outcome"
        assert roles["n_moduli"] == "feature"

"""Recipes: what a table depends on is in its recipe, and nothing else."""

from vacuagym.benchmark.splits import PROTOCOLS
from vacuagym.config import read_config
from vacuagym.fingerprints import fingerprint_of
from vacuagym.geometry import FAMILIES
from vacuagym.recipes import paths_of, scores_of, tables_of

CONFIG = read_config({"n_limit": 50, "shard_rows": 20})
TABLES = tables_of(CONFIG)


def recipes(**changes):
    return tables_of(read_config({"n_limit": 50, "shard_rows": 20} | changes))


def changed(name, **changes):
    """Whether a table's recipe is another one with other settings."""
    (path,) = [path for path in TABLES if path.endswith(name)]
    return recipes(**changes).get(path) != TABLES[path]


def test_each_table_depends_on_what_it_is_made_from():
    features, labels, split = "features/ks/part-00001.parquet", "labels/ks/part-00001.parquet", "splits/iid.parquet"
    assert not changed(features, seed=1) and changed(labels, seed=1) and not changed(split, seed=1)
    assert not changed(labels, model={"parameters": {}}) and changed(labels, model={"draws": 4})
    assert not changed(features, n_limit=45) and changed("features/ks/part-00002.parquet", n_limit=45)
    assert changed(split, n_limit=45) and not changed(split, baselines={"seeds": 1})
    assert not changed(split, splits={"ood_euler": {"ks": 5}})
    assert changed("splits/ood_euler.parquet", splits={"ood_euler": {"ks": 5}})
    protocol = "protocols/cicy3_random_30.parquet"
    assert not changed(protocol, seed=1) and not changed(protocol, splits={"ood_euler": {"cicy3": 5}})
    assert not changed(protocol, n_limit={"ks": 45, "cicy3": 50, "fth6d": 50})  # of other datasets
    assert changed(protocol, n_limit=45)


def test_protocols_are_of_the_datasets_of_the_run():
    assert len(paths_of(TABLES, "protocols")) == len(PROTOCOLS) == 4
    assert paths_of(recipes(datasets={"cicy3": None}), "protocols") == []


def test_no_score_depends_on_a_protocol():
    scores = scores_of(CONFIG, TABLES).values()
    assert scores and not [recipe for recipe in scores if "protocols" in recipe["inputs"]]


def test_limits_may_differ_by_dataset():
    tables = recipes(n_limit={"ks": 50, "cicy3": None, "fth6d": 1})
    assert len(paths_of(tables, "features/cicy3")) == -(-FAMILIES["cicy3"].count // 20)
    assert len(paths_of(tables, "features/fth6d")) == 1
    assert [tables[path] for path in paths_of(tables, "labels/ks")] == [
        TABLES[path] for path in paths_of(TABLES, "labels/ks")
    ]


def test_readers_know_the_fingerprints_of_what_they_read():
    for path, recipe in (TABLES | scores_of(CONFIG, TABLES)).items():
        for table, fingerprint in recipe["inputs"].items():
            inputs = [other for other in TABLES.values() if other["table"] == table]
            if table == "splits":
                inputs = [other for other in inputs if other["split"] == recipe["split"]]
            assert inputs and {fingerprint_of(other) for other in inputs} == {fingerprint}, path


def test_a_published_list_and_a_generated_one_give_tables_of_one_recipe(tmp_path):
    (tmp_path / "bases.m").touch()
    read = recipes(datasets={"fth6d": {"source": str(tmp_path / "bases.m")}})
    assert all(read[path] == TABLES[path] for path in TABLES if path.startswith("results/"))
    assert any(read[path] != TABLES[path] for path in paths_of(TABLES, "geometries/fth6d"))

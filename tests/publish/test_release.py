"""The release: every geometry and draw once, in files of its parts, no outcome beside inputs, bytes that depend on nothing
but the rows.
"""

import json
import math
from fnmatch import fnmatch

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from vacuagym.benchmark.loading import load_task
from vacuagym.benchmark.splits import COLUMNS as SPLIT_COLUMNS
from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.errors import InputError
from vacuagym.fingerprints import file_sha256
from vacuagym.geometry.cicy.threefolds import published_numbers
from vacuagym.publish import dictionary, release
from vacuagym.publish.checksums import damaged, read_checksums
from vacuagym.schema import COUPLING, DRAW_KEYS, FEATURE, GEOMETRY_KEYS, KEY, OUTCOME, Column, names_of
from vacuagym.tables.frames import read_run, to_arrow
from vacuagym.tables.shards import arrow_schema, new_shard, read_recipe

SHARED = (
    *GEOMETRY_KEYS,
    Column("duplicate_group", "int64", "1", "A group.", role=KEY),
    Column("h11", "int32", "1", "A Hodge number.", "arXiv:1", FEATURE),
    Column("h21", "int32", "1", "A Hodge number.", "arXiv:1", FEATURE),
)
FEATURES = {
    "ks": (*SHARED, Column("degrees", "list<int32>", "1", "A list.", role=FEATURE)),
    "cicy3": (
        *SHARED,
        Column("is_favourable", "bool", "1", "A flag.", role=FEATURE),
        Column("n_fields", "int32", "1", "A number.", role=FEATURE),
        Column("triple_intersection_indices", "list<int16>", "1", "A list.", role=FEATURE),
        Column("triple_intersection_numbers", "list<int32>", "1", "A list.", role=FEATURE),
    ),
}
LABELS = (
    *DRAW_KEYS,
    Column("h11", "int32", "1", "A Hodge number.", "arXiv:1", FEATURE),
    Column("log10_flux", "float32", "1", "A coupling, drawn.", role=COUPLING),
    Column("ray", "list<float64>", "1", "A direction, drawn.", role=COUPLING),
    Column("stability", "string", "1", "A class."),
    Column("controlled", "bool", "1", "A flag."),
    Column("barrier", "float64", "M_P^4", "NaN where there is none."),
    Column("volume", "float64", "l_s^6", "NaN where there is none."),
    Column("path", "list<float64>", "1", "A list."),
)
IN_FEATURES = {"ks": [], "cicy3": ["intersections"]}  # what is computed
IN_LABELS = {
    "ks": [*names_of(DRAW_KEYS), "duplicate_group", "h11", "h21"],
    "cicy3": [*names_of(DRAW_KEYS), "duplicate_group", "h11", "h21", "is_favourable", "n_fields"],
}
DRAWN = ["log10_flux", "ray", "stability", "log10_barrier", "scored"]
OUTCOMES = [*names_of(DRAW_KEYS), "controlled", "barrier", "volume", "path"]
SIZES, DRAWS = {"ks": 150, "cicy3": 60}, 3
NAMES = ("iid", "ood_dataset_ks", "ood_euler")


def a_run(seed=0):
    """Dataset -> draws with all columns, in the order of the run, and what a release computes from them."""
    rng, run = np.random.default_rng(seed), {}
    for dataset, size in SIZES.items():
        ids, rows = rng.permutation(1000)[:size], size * DRAWS
        kappas = rng.integers(1, 9, size).tolist()
        geometries = pl.DataFrame(
            {
                "dataset": np.full(size, dataset),
                "geometry_id": ids,
                "duplicate_group": ids // 2,
                "h11": (ids % 50).astype(np.int32),
                "h21": (ids % 7).astype(np.int32),
                "degrees": [list(range(id_ % 9)) for id_ in ids.tolist()],
                "is_favourable": ids % 2 == 0,
                "n_fields": (1 + ids % 2).astype(np.int32),
                # one number that is not zero: of the first class alone, or κ_011 of two
                "triple_intersection_indices": [[0, id_ % 2, id_ % 2] for id_ in ids.tolist()],
                "triple_intersection_numbers": [[kappa] for kappa in kappas],
                "intersections": [
                    [0, 0, kappa, 0] if id_ % 2 else [kappa] for kappa, id_ in zip(kappas, ids.tolist(), strict=True)
                ],
                "iid": np.array(["train", "val", "test"])[ids // 2 % 3],
                "ood_dataset_ks": np.array(["ood_val", "test"] if dataset == "ks" else ["train", "val"])[ids // 2 % 2],
                "ood_euler": np.array(["train", "val"])[ids // 2 % 2],
            }
        )
        draws = pl.DataFrame(
            {
                "sample": np.tile(np.arange(DRAWS), size).astype(np.int32),
                "log10_flux": -9 * rng.random(rows).astype(np.float32),
                "ray": [list(np.arange(n) / 7) for n in rng.integers(0, 6, rows)],
                "stability": rng.choice(["stable", "runaway", "failed"], rows),
                "controlled": rng.random(rows) < 0.7,
                "barrier": np.where(rng.random(rows) < 0.5, np.nan, 10.0 ** rng.uniform(-9, 0, rows)),
                "volume": 10.0 ** rng.uniform(2, 5, rows),
                "path": [list(np.arange(n) / 3) for n in rng.integers(0, 4, rows)],
            }
        )
        vacuum = [row["stability"] == "stable" and row["controlled"] for row in draws.to_dicts()]
        # in units of |W0|^2 / volume^2
        height = [
            round(math.log10(barrier) + 2 * math.log10(volume) - 2 * flux, 6)
            for barrier, volume, flux in draws.select("barrier", "volume", "log10_flux").iter_rows()
        ]
        draws = draws.with_columns(
            log10_barrier=pl.Series([h if there else math.nan for h, there in zip(height, vacuum, strict=True)]),
            scored=(pl.col("stability") != "failed") & pl.col("controlled"),
        )
        run[dataset] = pl.concat([geometries[np.repeat(np.arange(size), DRAWS)], draws], how="horizontal")
    return run


def write(path, columns, frame):
    with new_shard(path, columns, {"table": path.parent.name}) as put:
        put(to_arrow(frame, arrow_schema(columns, {"table": path.parent.name})))
    return path


def files_of(folder, run, shard_geometries=1000):
    """Write a run in shards; the files that `build_release` reads."""
    features, labels = [], []
    for dataset, rows in run.items():
        for number, start in enumerate(range(0, len(rows), shard_geometries * DRAWS)):
            shard, name = rows.slice(start, shard_geometries * DRAWS), f"{dataset}/part-{number:05d}.parquet"
            features.append(write(folder / "features" / name, FEATURES[dataset], shard.gather_every(DRAWS)))
            labels.append(write(folder / "labels" / name, LABELS, shard))
    keys, splits = ["dataset", "geometry_id"], {}
    for split in NAMES:
        table = pl.concat(rows.gather_every(DRAWS).select(*keys, part=split) for rows in run.values())
        splits[split] = write(folder / "splits" / f"{split}.parquet", SPLIT_COLUMNS, table)
    half = run["cicy3"].gather_every(2 * DRAWS).select(*keys, part=pl.lit("train"))
    protocol = write(folder / "protocols" / "cicy3_random_30.parquet", SPLIT_COLUMNS, half)
    tables = {f"features/{dataset}": columns for dataset, columns in FEATURES.items()}
    tables |= {f"labels/{dataset}": LABELS for dataset in FEATURES}
    described = [(table, *column) for table, columns in tables.items() for column in columns]
    schema = ["table", "column", *Column._fields[1:]]
    pl.DataFrame(described, schema, orient="row").write_csv(folder / "data_dictionary.csv")
    (folder / "edition.json").write_text('{"edition": "mini", "content": "abc"}')
    (folder / "manifest.json").write_text('{"run": 1}')
    (folder / "validation.json").write_text('{"checks": 2}')
    tables = {"features": features, "labels": labels, "splits": list(splits.values()), "protocols": [protocol]}
    names = {key: f"{key}.json" for key in ("edition", "manifest", "validation")}
    return tables | {key: folder / name for key, name in names.items()} | {"dictionary": folder / "data_dictionary.csv"}


@pytest.fixture
def texts(monkeypatch):
    """What the release hands to the texts, which are tested elsewhere."""
    given = {}

    def note(run, checks, tables, configs, shards, splits):
        given.update(run=run, checks=checks, tables=tables, configs=configs, shards=shards, splits=splits)
        return {"README.md": f"{len(shards)} files"}

    monkeypatch.setattr(release.cards, "texts", note)
    return given


def released(out, table, dataset):
    return [(path, pl.read_parquet(path)) for path in sorted((out / table / dataset).glob("*"))]


def expected(run, dataset):
    """The rows of every table of the release of a dataset, in the order of the run, with their parts."""
    rows = run[dataset]
    features = rows.gather_every(DRAWS).select(*names_of(FEATURES[dataset]), *IN_FEATURES[dataset], *NAMES)
    labels = rows.select(*IN_LABELS[dataset], *DRAWN, *NAMES)
    return {"features": features, "labels": labels, "outcomes": rows.select(*OUTCOMES, *NAMES)}


def test_every_geometry_and_draw_is_released_once_in_the_file_of_its_parts(tmp_path, texts):
    run, out = a_run(), tmp_path / "release"
    out.mkdir()
    (out / "left over").touch()
    release.build_release(files_of(tmp_path, run, 40), out)
    for dataset in run:
        for table, rows in expected(run, dataset).items():
            found = released(out, table, dataset)
            parts = [dict(zip(NAMES, path.stem.split("-")[:-1], strict=True)) for path, _ in found]
            assert len(parts) == len({tuple(p.values()) for p in parts}) == rows.select(NAMES).n_unique()
            for (path, frame), of_file in zip(found, parts, strict=True):
                assert frame.equals(rows.filter(**of_file).drop(NAMES), null_equal=True)  # in the order of the run
                made = {"table": f"release/{table}/{dataset}", "dataset": dataset, "family": dataset, "parts": of_file}
                assert read_recipe(path)[2] == made
    files = ["README.md", "SHA256SUMS", "data_dictionary.csv", "edition.json", "inputs.json", "validation.json"]
    folders = ["features", "joins", "labels", "outcomes", "protocols", "splits"]
    assert sorted(path.name for path in out.iterdir()) == sorted([*files, *folders])
    assert not list(out.rglob("*.scratch"))


def test_types_are_those_of_the_dictionary(tmp_path, texts):
    out = tmp_path / "release"
    release.build_release(files_of(tmp_path, a_run()), out)
    described = dictionary.read_dictionary(out / "data_dictionary.csv")
    assert set(described) == {f"{table}/{dataset}" for table in ("features", "labels", "outcomes") for dataset in SIZES}
    for name, columns in described.items():
        assert names_of(columns) == names_of(_table(texts, name).columns)
        for path in (out / name).glob("*"):
            assert pq.read_schema(path).equals(arrow_schema(columns, {}))
    assert described["features/ks"][3] == FEATURES["ks"][3]
    roles = {column.name: column.role for columns in described.values() for column in columns}
    assert (roles["log10_barrier"], roles["intersections"], roles["duplicate_group"]) == (OUTCOME, OUTCOME, KEY)


def _table(texts, name):
    table, _, dataset = name.partition("/")
    return next(found for found in texts["tables"][dataset] if found.name == table)


def test_every_file_has_its_checksum(tmp_path, texts):
    out = tmp_path / "release"
    release.build_release(files_of(tmp_path, a_run()), out)
    files = {path.relative_to(out).as_posix(): file_sha256(path) for path in out.rglob("*") if path.is_file()}
    del files["SHA256SUMS"]
    assert read_checksums(out) == files and list(damaged(out)) == []


def test_splits_and_protocols_are_copied(tmp_path, texts):
    files, out = files_of(tmp_path, a_run()), tmp_path / "release"
    release.build_release(files, out)
    for folder in ("splits", "protocols"):
        assert sorted(path.name for path in (out / folder).iterdir()) == sorted(path.name for path in files[folder])
        for path in files[folder]:
            assert (out / folder / path.name).read_bytes() == path.read_bytes()
    assert (out / "edition.json").read_bytes() == files["edition"].read_bytes()


def test_published_numbers_are_those_of_the_published_list(lists):
    numbers = pl.read_csv(release.JOINS / "cicy3.csv")
    assert numbers["geometry_id"].to_list() == list(range(7_890))
    assert numbers["published_number"].to_list() == published_numbers(lists / "cicylist.txt.gz").tolist()


def test_published_numbers_are_released_with_the_complete_list_alone_and_are_no_input(tmp_path, texts):
    files, out = files_of(tmp_path, a_run()), tmp_path / "release"
    release.build_release(files, out)
    assert [path.read_bytes() for path in (out / "joins").iterdir()] == [(release.JOINS / "cicy3.csv").read_bytes()]
    entries = [entry for task in json.loads((out / "inputs.json").read_text()).values() for entry in task.values()]
    seen = {name for entry in entries for key in ("inputs", "draw_lists", "geometry_lists") for name in entry[key]}
    assert "n_fields" in seen and not {"geometry_id", "published_number"} & seen
    run = read_run(files)
    own = [shard._replace(dataset="mine") for shard in run.shards if shard.dataset == "cicy3"]
    assert release._joins(run._replace(shards=own)) == []


def test_texts_are_given_what_was_written(tmp_path, texts):
    out = tmp_path / "release"
    release.build_release(files_of(tmp_path, a_run()), out)
    assert (texts["run"], texts["checks"], texts["splits"]) == ({"run": 1}, {"checks": 2}, list(NAMES))
    assert json.loads((out / "validation.json").read_text()) == {"checks": 2}
    tables = [path.relative_to(out).as_posix() for path in out.rglob("*.parquet") if path.parent.parent != out]
    assert {shard.path for shard in texts["shards"]} == set(tables)
    for shard in texts["shards"]:
        path = out / shard.path
        assert (shard.bytes, shard.sha256) == (path.stat().st_size, file_sha256(path))
        assert shard.rows == len(pl.read_parquet(path))
        assert (shard.table, shard.dataset) == (path.parent.parent.name, path.parent.name)
        assert path.stem.startswith("-".join(shard.parts))


def test_neither_shards_nor_batches_change_a_byte(tmp_path, texts, monkeypatch):
    monkeypatch.setattr(release, "GROUP_BYTES", 500)
    monkeypatch.setattr(release, "FILE_GROUPS", 3)
    for name, shard, batch in (("a", 1000, 200), ("b", 7, 200), ("c", 1000, 1)):
        monkeypatch.setattr(release, "BATCH_GEOMETRIES", batch)
        release.build_release(files_of(tmp_path / f"run {name}", a_run(), shard), tmp_path / name)
    files = sorted(path for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 20
    for path in files:
        for other in "bc":
            assert (tmp_path / other / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()


def test_row_groups_are_bounded_in_bytes_and_files_in_row_groups(tmp_path, texts, monkeypatch):
    run = a_run()
    release.build_release(files_of(tmp_path, run), tmp_path / "whole")
    monkeypatch.setattr(release, "GROUP_BYTES", 500)
    monkeypatch.setattr(release, "FILE_GROUPS", 3)
    release.build_release(files_of(tmp_path, run), tmp_path / "cut")
    for dataset in run:
        for name in ("features", "labels", "outcomes"):
            columns = _table(texts, f"{name}/{dataset}").columns
            for path, whole in released(tmp_path / "whole", name, dataset):
                cut = sorted((tmp_path / "cut" / name / dataset).glob(f"{path.stem.removesuffix('00000')}*"))
                assert pl.concat(map(pl.read_parquet, cut)).equals(whole, null_equal=True)
                assert [_groups(part) for part in cut[:-1]] == [3] * (len(cut) - 1)
                groups = [pq.ParquetFile(part).read_row_group(k) for part in cut for k in range(_groups(part))]
                for number, group in enumerate(groups):
                    sizes = [sum(_bytes(column, row[column.name]) for column in columns) for row in group.to_pylist()]
                    assert sum(sizes[:-1]) < 500 and (sum(sizes) >= 500 or number == len(groups) - 1)
    assert len(list((tmp_path / "cut" / "labels" / "ks").glob("*"))) > 10


def _groups(path):
    return pq.read_metadata(path).num_row_groups


WIDTHS = {"bool": 1, "int16": 2, "int32": 4, "float32": 4, "int64": 8, "float64": 8}


def _bytes(column, value):
    """What a value takes: fixed, a letter a byte, or a list's items."""
    if column.type == "string":
        return len(value)
    item = column.type.removeprefix("list<").removesuffix(">")
    return WIDTHS[item] * (len(value) if item != column.type else 1)


def configurations(tmp_path, texts):
    """The configurations of a release by name, and its folder."""
    out = tmp_path / "release"
    release.build_release(files_of(tmp_path, a_run()), out)
    return {config.name: config for config in texts["configs"]}, out


def test_configurations_are_the_parts_of_the_splits(tmp_path, texts, capsys):
    configs, out = configurations(tmp_path, texts)
    run = a_run()
    assert SPLITS["ood_dataset_ks"].holds_out == "ks"
    assert list(configs) == [  # ood_euler has no test part; ks is whole in ood_dataset_ks
        "iid", "ks-iid", "ks-iid-geometries", "cicy3-iid", "cicy3-iid-geometries",
        "barrier-iid", "barrier-ks-iid", "barrier-cicy3-iid",
        "cicy3_hodge-iid", "cicy3_intersections-iid", "ks_hodge-iid",
        "ks-iid-outcomes", "cicy3-iid-outcomes",
        "ood_dataset_ks", "barrier-ood_dataset_ks",
    ]  # fmt: skip
    assert "no configuration ks-ood_euler: ood_val, test has no rows" in capsys.readouterr().out
    paths = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*.parquet"))]
    for config in configs.values():
        matched = []
        assert list(config.files) == list(SPLITS[config.split].parts)
        for part, patterns in config.files.items():
            found = [path for path in paths if any(fnmatch(path, pattern) for pattern in patterns)]
            assert all(any(fnmatch(path, pattern) for path in paths) for pattern in patterns)
            rows = pl.concat(pl.read_parquet(out / path).select("dataset", "geometry_id") for path in found)
            wanted = pl.concat(run[dataset].filter(pl.col(config.split) == part) for dataset in config.datasets)
            wanted = wanted.select("dataset", "geometry_id")
            if config.table == "features":
                wanted = wanted.unique()
            assert rows.sort(pl.all()).equals(wanted.sort(pl.all())) and len(rows) > 0
            matched += found
        assert len(matched) == len(set(matched))


def test_columns_of_configurations_are_keys_inputs_and_targets(tmp_path, texts):
    configs, out = configurations(tmp_path, texts)
    draw, geometry = names_of(DRAW_KEYS), names_of(GEOMETRY_KEYS)
    expected = {
        "iid": [*draw, "h11", "h21", "log10_flux", "ray", "stability", "scored"],
        "ks-iid": [*draw, "h11", "h21", "log10_flux", "ray", "stability", "scored"],
        "cicy3-iid": [*draw, "h11", "h21", "is_favourable", "n_fields", "log10_flux", "ray", "stability", "scored"],
        "ks-iid-geometries": [*geometry, "degrees"],
        "cicy3-iid-geometries": [*geometry, "triple_intersection_indices", "triple_intersection_numbers"],
        "barrier-ks-iid": [*draw, "h11", "h21", "log10_flux", "ray", "log10_barrier"],
        "cicy3_hodge-iid": [*geometry, "h11", "h21"],
        "cicy3_intersections-iid": [*geometry, "intersections"],
        "ks_hodge-iid": [*geometry, "degrees", "h11", "h21"],
        "ks-iid-outcomes": OUTCOMES,
    }
    assert {name: configs[name].columns for name in expected} == expected


def test_no_configuration_but_those_of_outcomes_holds_one_beside_its_targets(tmp_path, texts):
    configs, out = configurations(tmp_path, texts)
    described = dictionary.read_dictionary(out / "data_dictionary.csv")
    for name, config in configs.items():
        columns = described[f"{config.table}/{config.datasets[0]}"]
        held = set(config.columns) & set(names_of(columns, OUTCOME))
        task = TASKS[name.split("-")[0]] if name.split("-")[0] in TASKS else TASKS["stability"]
        allowed = set() if name.endswith("-geometries") else {*task.target_columns, "scored"}
        assert name.endswith("-outcomes") or held <= allowed


def test_lists_of_geometries_are_stored_once_for_each(tmp_path, texts):
    configurations(tmp_path, texts)
    for dataset in SIZES:
        lists = {column.name for column in FEATURES[dataset] if column.type.startswith("list")}
        assert lists <= set(names_of(_table(texts, f"features/{dataset}").columns))
        for table in ("labels", "outcomes"):
            assert not lists & set(names_of(_table(texts, f"{table}/{dataset}").columns))


def test_inputs_are_those_that_the_loader_gives(tmp_path, texts):
    _, out = configurations(tmp_path, texts)
    described = json.loads((out / "inputs.json").read_text())
    assert set(described) == {"stability", "barrier", "cicy3_hodge", "cicy3_intersections", "ks_hodge"}
    for name, datasets in described.items():
        for dataset, entry in datasets.items():
            task = load_task(name, dataset, folder=out)
            frame = task.train
            assert frame.columns == [*entry["keys"], *entry["inputs"], *entry["draw_lists"], *entry["targets"]]
            assert task.test.columns == [*entry["keys"], *entry["inputs"], *entry["draw_lists"]]
            assert set(entry["geometry_lists"]) == set(task.geometries.columns) - set(names_of(GEOMETRY_KEYS))
    assert described["stability"]["ks"]["geometry_lists"] == ["degrees"]


def test_a_release_and_its_run_give_the_same_tasks(tmp_path, texts):
    """`load_task` reads both."""
    _, out = configurations(tmp_path, texts)
    for name in json.loads((out / "inputs.json").read_text()):
        of_release, of_run = load_task(name, folder=out), load_task(name, folder=tmp_path)
        assert of_release.inputs == of_run.inputs and of_release.geometry_lists == of_run.geometry_lists
        for part in ("train", "val", "test", "geometries"):
            assert getattr(of_release, part).equals(getattr(of_run, part), null_equal=True), (name, part)


def test_tables_of_different_geometries_are_refused(tmp_path, texts):
    files = files_of(tmp_path, a_run())
    other = a_run(seed=1)["ks"].head(SIZES["ks"] * DRAWS)
    files["labels"][0] = write(tmp_path / "other" / "ks" / "other.parquet", LABELS, other)
    with pytest.raises(InputError, match="other.parquet.*does not have the geometries of the features in their order"):
        release.build_release(files, tmp_path / "release")


def test_a_label_column_named_as_a_feature_is_an_error(tmp_path):
    files_of(tmp_path, a_run())
    described = dictionary.read_dictionary(tmp_path / "data_dictionary.csv")
    described["labels/ks"].append(Column("degrees", "int32", "1", "No longer a list."))
    with pytest.raises(ValueError, match="features and labels of ks both have a column degrees"):
        release.tables_of(described, "ks", "ks")
    release.tables_of(described, "cicy3", "cicy3")

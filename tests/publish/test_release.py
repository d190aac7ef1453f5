"""The release: every draw once, in files of its parts, with bytes that depend on nothing but the rows."""

import json
from fnmatch import fnmatch

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from vacuagym.benchmark.splits import SPLITS
from vacuagym.errors import InputError
from vacuagym.fingerprints import file_sha256
from vacuagym.publish import dictionary, release
from vacuagym.schema import COUPLING, DRAW_KEYS, FEATURE, GEOMETRY_KEYS, KEY, PART, PARTS, Column
from vacuagym.tables.frames import to_arrow
from vacuagym.tables.shards import arrow_schema, new_shard, read_recipe

SHARED = (
    *GEOMETRY_KEYS,
    Column("duplicate_group", "int64", "1", "A group.", role=KEY),
    Column("h11", "int32", "1", "A Hodge number.", "arXiv:1", FEATURE),
)
FEATURES = {
    "ks": (*SHARED, Column("degrees", "list<int32>", "1", "A list.", role=FEATURE)),
    "cicy3": (*SHARED, Column("is_favourable", "bool", "1", "A flag.", role=FEATURE)),
}
LABELS = (
    *DRAW_KEYS,
    Column("h11", "int32", "1", "A Hodge number.", "arXiv:1", FEATURE),
    Column("flux", "float32", "1", "A coupling, drawn.", role=COUPLING),
    Column("stability", "string", "1", "A class."),
    Column("ray", "list<float64>", "1", "A point."),
    Column("exponent", "float64", "1", "NaN where there is none."),
)
SIZES, DRAWS = {"ks": 150, "cicy3": 60}, 3
ROW_BYTES = {"ks": 8 + 8 + 4, "cicy3": 8 + 8 + 4 + 1}  # of a geometry without its lists and texts
NAMES = ("iid", "ood_dataset_ks", "ood_hodge")


def a_run(seed=0):
    """Dataset -> draws with all columns of a release, in the order of the run."""
    rng, run = np.random.default_rng(seed), {}
    for dataset, size in SIZES.items():
        ids, rows = rng.permutation(1000)[:size], size * DRAWS
        geometries = pl.DataFrame(
            {
                "dataset": np.full(size, dataset),
                "geometry_id": ids,
                "duplicate_group": ids // 2,
                "h11": (ids % 50).astype(np.int32),
                "degrees": [list(range(id_ % 9)) for id_ in ids.tolist()],
                "is_favourable": ids % 2 == 0,
                "iid": np.array(PARTS)[ids % 3],
                "ood_dataset_ks": np.full(size, "test") if dataset == "ks" else np.array(PARTS)[ids % 2],
                "ood_hodge": np.array(["train", "val"])[ids % 2],
            }
        )
        draws = pl.DataFrame(
            {
                "sample": np.tile(np.arange(DRAWS), size).astype(np.int32),
                "flux": rng.random(rows).astype(np.float32),
                "stability": rng.choice(["stable", "runaway"], rows),
                "ray": [list(np.arange(n) / 7) for n in rng.integers(0, 6, rows)],
                "exponent": np.where(rng.random(rows) < 0.3, np.nan, rng.random(rows)),
            }
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
        splits[split] = write(folder / "splits" / f"{split}.parquet", (*GEOMETRY_KEYS, PART), table)
    tables = {f"features/{dataset}": columns for dataset, columns in FEATURES.items()}
    tables |= {f"labels/{dataset}": LABELS for dataset in FEATURES}
    described = [(table, *column) for table, columns in tables.items() for column in columns]
    schema = ["table", "column", *Column._fields[1:]]
    pl.DataFrame(described, schema, orient="row").write_csv(folder / "data_dictionary.csv")
    (folder / "manifest.json").write_text('{"run": 1}')
    (folder / "validation.json").write_text('{"checks": 2}')
    tables = {"features": features, "labels": labels, "splits": list(splits.values())}
    names = {"dictionary": "data_dictionary.csv", "manifest": "manifest.json", "validation": "validation.json"}
    return tables | {key: folder / name for key, name in names.items()}


@pytest.fixture
def texts(monkeypatch):
    """What the release hands to the texts, which are tested elsewhere."""
    given = {}

    def note(run, checks, columns, configs, shards, splits):
        given.update(run=run, checks=checks, columns=columns, configs=configs, shards=shards, splits=splits)
        return {"README.md": f"{len(shards)} files"}

    monkeypatch.setattr(release.cards, "texts", note)
    return given


def released(out, dataset):
    return [(path, pl.read_parquet(path)) for path in sorted(out.glob(f"data/{dataset}/*"))]


def test_every_draw_is_released_once_in_the_file_of_its_parts(tmp_path, texts):
    run, out = a_run(), tmp_path / "release"
    out.mkdir()
    (out / "left over").touch()
    release.build_release(files_of(tmp_path, run, 40), out)
    for dataset, rows in run.items():
        names = [column.name for column in texts["columns"][dataset]]
        assert names == [c.name for c in FEATURES[dataset]] + [*NAMES, "sample", "flux", "stability", "ray", "exponent"]
        parts = [dict(zip(NAMES, path.stem.split("-")[:-1], strict=True)) for path, _ in released(out, dataset)]
        assert len(parts) == len({tuple(p.values()) for p in parts}) == rows.select(NAMES).n_unique()
        for (path, found), expected_parts in zip(released(out, dataset), parts, strict=True):
            assert found.equals(rows.filter(**expected_parts).select(names), null_equal=True)  # in the order of the run
            assert read_recipe(path)[2] == {"table": f"release/{dataset}", "parts": expected_parts}
            types = {field.name: str(field.type) for field in pq.read_schema(path)}
            for column in texts["columns"][dataset]:
                assert types[column.name].replace("element: ", "").replace(" not null", "") == {
                    "float32": "float",
                    "float64": "double",
                    "list<float64>": "list<double>",
                }.get(column.type, column.type)
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "data",
        "data_dictionary.csv",
        "validation.json",
    ]
    assert not list(out.rglob("*.scratch"))


def test_texts_are_given_what_was_written(tmp_path, texts):
    out = tmp_path / "release"
    release.build_release(files_of(tmp_path, a_run()), out)
    assert (texts["run"], texts["checks"], texts["splits"]) == ({"run": 1}, {"checks": 2}, list(NAMES))
    assert json.loads((out / "validation.json").read_text()) == {"checks": 2}
    assert {shard.path for shard in texts["shards"]} == {p.relative_to(out).as_posix() for p in out.rglob("*.parquet")}
    for shard in texts["shards"]:
        path = out / shard.path
        assert (shard.bytes, shard.sha256) == (path.stat().st_size, file_sha256(path))
        assert shard.rows == len(pl.read_parquet(path))
        assert path.parent.name == shard.dataset and path.stem.startswith("-".join(shard.parts))
    described = pl.read_csv(out / "data_dictionary.csv")
    for dataset, columns in texts["columns"].items():
        assert described.filter(dataset=dataset)["column"].to_list() == [column.name for column in columns]
    assert described.filter(column="iid")["role"].to_list() == [KEY, KEY]
    assert described.filter(column="h11")["source"].to_list() == ["arXiv:1", "arXiv:1"]


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
        for path, whole in released(tmp_path / "whole", dataset):
            cut = sorted((tmp_path / "cut" / "data" / dataset).glob(f"{path.stem.removesuffix('00000')}*"))
            assert pl.concat(map(pl.read_parquet, cut)).equals(whole, null_equal=True)
            assert [pq.read_metadata(part).num_row_groups for part in cut[:-1]] == [3] * (len(cut) - 1)
            groups = [pq.ParquetFile(part).read_row_group(k) for part in cut for k in range(_groups(part))]
            for number, group in enumerate(groups):
                sizes = [_bytes(dataset, row) for row in group.to_pylist()]
                assert sum(sizes[:-1]) < 500 and (sum(sizes) >= 500 or number == len(groups) - 1)


def _groups(path):
    return pq.read_metadata(path).num_row_groups


def _bytes(dataset, row):
    texts = sum(len(row[name]) for name in ("dataset", *NAMES, "stability"))
    return ROW_BYTES[dataset] + texts + 4 * len(row.get("degrees", ())) + 8 * len(row["ray"]) + 4 + 4 + 8


def test_configurations_are_the_parts_of_the_splits(tmp_path, texts, capsys):
    run, out = a_run(), tmp_path / "release"
    release.build_release(files_of(tmp_path, run), out)
    configs = {config["name"]: config for config in texts["configs"]}
    assert SPLITS["ood_dataset_ks"].holds_out == "ks"
    assert list(configs) == ["iid", "ood_dataset_ks", "ks-iid", "cicy3-iid"]  # ood_hodge has no test part
    assert "no configuration ood_hodge: test has no rows" in capsys.readouterr().out
    paths = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*.parquet"))]
    shared = [
        "dataset",
        "geometry_id",
        "duplicate_group",
        "h11",
        *NAMES,
        *(c.name for c in LABELS[2:] if c.name != "h11"),
    ]
    for name, config in configs.items():
        assert config["columns"] == (None if "-" in name else shared)
        for part, patterns in config["files"].items():
            found = [path for path in paths if any(fnmatch(path, pattern) for pattern in patterns)]
            rows = sum(len(pl.read_parquet(out / path)) for path in found)
            assert rows == sum(len(run[d].filter(pl.col(config["split"]) == part)) for d in config["datasets"]) > 0


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
        release.columns_of(described, "ks", NAMES)
    release.columns_of(described, "cicy3", NAMES)


def test_common_columns_have_the_same_type():
    one = [Column("a", "int32", "1", ""), Column("b", "int32", "1", ""), Column("c", "string", "1", "")]
    two = [Column("c", "string", "1", "another text"), Column("b", "int64", "1", ""), Column("a", "int32", "1", "")]
    assert release.common_columns({"ks": one, "cicy3": two}) == ["a", "c"]

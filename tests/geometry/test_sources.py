"""Files of one's own geometries: every form gives the geometries of the complete lists, and an error names its place."""

import bz2
import gzip
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES, sources
from vacuagym.tables.arrays import Ragged, concatenate, from_lists, take

SYSTEMS = "5 1 1 1 1 1\n18 9 6 1 1 1\n4 1 1 1 1 0 0 4 1 1 0 0 1 1\n"
PALP = (
    "5 1 1 1 1 1 M:126 5 N:6 5 H:1,101 [-200]\n18 1 1 1 6 9  M:376 5 N:10 5 H:2,272 [-540]\n\n"
    "4 1 1 1 1 0 0  4 1 1 0 0 1 1\n"
)
BASES = "bases = {{-1,-1,-1}, (* P2 *) {0,\n 2,0,-2}};\n"
MATRICES = (
    "Num : 7\nNumPs : 1\nNumPol : 1\nEta : -200\nH11 : 1\nH21 : 101\nC2 : {50}\nRedun : {0}\n{5}\n\n"
    "Name : bicubic\nEta : -162\n{3}\n{3}\n\n{1,1,2}\n{2,1,1}\n"
)
SIMPLEX = "4 5  vertices of the mirror of the quintic\n1 0 0 0 -1\n0 1 0 0 -1\n0 0 1 0 -1\n0 0 0 1 -1\n"
POINTS = "6 4 M:6 5 N:126 5 H:101,1 [200]\n1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n-1 -1 -1 -1\n0 0 0 0\n"
# A list of each family, and the geometries it holds.
LISTS = {
    "ks": (
        SYSTEMS,
        {
            "kind": [0, 0, 1],
            "degrees": [[5], [18], [4, 4]],
            "weights": [[1] * 5, [1, 1, 1, 6, 9], [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]],
        },
    ),
    "cicy3": (
        MATRICES,
        {
            "n_factors": [1, 2, 2],
            "n_equations": [1, 1, 3],
            "configuration": [[5], [3, 3], [2, 1, 1, 1, 2, 1]],
        },
    ),
    "fth6d": (BASES, {"self_intersections": [[1, 1, 1], [0, -2, 0, 2]]}),
    "polytopes": (
        SIMPLEX + POINTS,
        {"vertices": [[*np.eye(4, dtype=int).ravel().tolist(), -1, -1, -1, -1, *zeros] for zeros in ([], [0] * 4)]},
    ),
}
PACKED = {
    "plain": bytes,
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def everything(ids):
    return np.ones(len(ids), bool)


def read(name, path, chosen=everything):
    """Numbers and columns of the chosen geometries of a source."""
    batches = list(sources.read(FAMILIES[name], path, chosen))
    return concatenate([{"ids": batch.ids, **batch.columns} for batch in batches])


def expected(name):
    geometries = LISTS[name][1]
    count = len(next(iter(geometries.values())))
    return {"ids": np.arange(count)} | from_lists(FAMILIES[name].geometry_columns, geometries)


def same(found, wanted):
    def lists(table):
        return {
            name: [row.tolist() for row in np.split(column.values, column.offsets[1:-1])]
            if isinstance(column, Ragged)
            else column.tolist()
            for name, column in table.items()
        }

    return lists(found) == lists(wanted)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("kind", PACKED)
def test_text_of_each_family_is_read_and_counted(tmp_path, name, kind):
    path = tmp_path / "mine"
    path.write_bytes(PACKED[kind](LISTS[name][0].encode()))
    found = read(name, path)
    assert same(found, expected(name))
    assert sources.look(FAMILIES[name], path).rows == len(found["ids"])
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]  # looking leaves nothing behind


def test_what_palp_prints_of_weight_systems_is_read(tmp_path):
    (tmp_path / "mine").write_text(PALP)
    assert same(read("ks", tmp_path / "mine"), expected("ks"))


def write_parquet(path, name, nested=False):
    columns = {}
    for column in FAMILIES[name].geometry_columns:
        values = LISTS[name][1][column.name]
        if nested:
            width = FAMILIES[name].width
            values = [[row[k : k + width] for k in range(0, len(row), width)] for row in values]
        columns[column.name] = values
    rows = len(values)
    columns["raw_config"] = [str(k) * 100_000 for k in range(rows)]
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False, row_group_size=1)


@pytest.mark.parametrize("name", LISTS)
def test_parquet_with_the_columns_of_the_family_is_read_and_no_other_column(tmp_path, name):
    path = tmp_path / "mine.parquet"
    write_parquet(path, name)
    data = bytearray(path.read_bytes())
    chunks = [pq.read_metadata(path).row_group(k).column(pq.read_metadata(path).num_columns - 1) for k in range(2)]
    for chunk in chunks:  # what is destroyed cannot be read
        data[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = (
            b"\0" * chunk.total_compressed_size
        )
    path.write_bytes(data)
    assert same(read(name, path), expected(name))
    assert sources.look(FAMILIES[name], path).rows == len(expected(name)["ids"])


def test_points_may_stand_in_lists_of_their_own(tmp_path):
    write_parquet(tmp_path / "mine", "polytopes", nested=True)
    assert same(read("polytopes", tmp_path / "mine"), expected("polytopes"))


def test_row_groups_without_a_chosen_row_are_not_read(tmp_path):
    path = tmp_path / "mine"
    write_parquet(path, "ks")
    data, groups = bytearray(path.read_bytes()), pq.read_metadata(path)
    for group in (0, 2):
        for k in range(groups.num_columns):
            chunk = groups.row_group(group).column(k)
            data[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = (
                b"\0" * chunk.total_compressed_size
            )
    path.write_bytes(data)
    assert same(read("ks", path, lambda ids: ids == 1), take(expected("ks"), np.array([1])))


def test_a_folder_is_its_files_in_the_order_of_their_names(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    write_parquet(folder / "b.parquet", "ks")
    (folder / "a.txt.gz").write_bytes(gzip.compress(b"6 1 1 1 1 2\n"))
    (folder / ".hidden").write_text("nothing")
    found = read("ks", folder)
    assert found["ids"].tolist() == [0, 1, 2, 3] and found["degrees"].values.tolist() == [6, 5, 18, 4, 4]
    assert sources.look(FAMILIES["ks"], folder).rows == 4


@pytest.mark.parametrize(
    ("name", "text", "line", "reason"),
    [
        ("ks", "5 1 1 1 1 1\n\n6 1 1 1 1 1\n", 3, "has weights that do not sum to their degree"),
        ("ks", "5 1 1 1 1 1\n14 1 1 1 1 10\n", 2, "lacks the interior-point property"),
        ("ks", "5 1 1 1 1 1 M:126 5 N:6 5 H:1,102 [-200]\n", 1, "says h21 102, but has h21 101"),
        ("ks", "5 1 1 1 1\n", 1, "is no degree with 5 weights"),
        ("ks", "5 1 1 1 1 one\n", 1, "is not a list of integers"),
        ("ks", f"{10**10} 1 1 1 1 1\n", 1, "has a number beyond"),
        ("cicy3", "{5}\n\n{4}\n", 3, "is no Calabi-Yau threefold: its dimension is 2, expected 3"),
        ("cicy3", "{5}\nH21 : 100\n{3}\n{3}\n", 2, "says h21 100, but has h21 83"),
        ("cicy3", "C2 : {50}\n{5}\n\nC2 : {36, 35}\n{3}\n{3}\n", 4, "says second_chern_numbers [35, 36]"),
        ("cicy3", "NumPs : 2\n{5}\n", 1, "has rows of lengths [1], expected 2 rows"),
        ("cicy3", "H11 : 0\nH21 : 0\n{5}\n", 1, "says h11 0, h21 0, but has h11 1, h21 101"),
        ("fth6d", "{{-1,-1,-1},\n{0,0,0}}", 2, "has self-intersections that do not sum to 12 - 3n"),
        ("fth6d", "{-1,-1,-1},\nx, {0,0,0,0}", 2, "is not a list of integers"),
        ("fth6d", "{-1,-1,-1},\n{0,0,0,0", 2, "is not a list of integers"),
        ("polytopes", SIMPLEX + "4 5\n1 0 0 0 -5\n0 1 0 0 -1\n0 0 1 0 -1\n0 0 0 1 -1\n", 6, "is not reflexive"),
        ("polytopes", SIMPLEX.replace("4 5", "4 5 M:6 5 N:126 5 H:101,2"), 1, "says h21 2, but has h21 1"),
        ("polytopes", "3 5\n1 0 0 0 -1\n0 1 0 0 -1\n0 0 1 0 -1\n", 1, "begins with no header such as '4 5'"),
        ("polytopes", SIMPLEX + "4 5\n1 0 0\n", 6, "has rows of lengths [3], its header says 4 of 5"),
        ("polytopes", "4 5\n1 0 0 0 -1\n0 1 0 0 -1\n0 0 1 0 -1\n0 0 0 0 0\n", 1, "is not reflexive"),
        ("polytopes", "4 5\n1 0 0 0 9999\n0 1 0 0 -1\n0 0 1 0 -1\n0 0 0 1 -1\n", 1, "has coordinates beyond ±4096"),
    ],
)  # fmt: skip
def test_an_error_names_file_and_line(tmp_path, name, text, line, reason):
    (tmp_path / "mine").write_text(text)
    sources.look(FAMILIES[name], tmp_path / "mine")  # counting does not judge
    with pytest.raises(InputError) as error:
        read(name, tmp_path / "mine")
    assert error.value.where == f"{tmp_path / 'mine'}, line {line}" and reason in error.value.reason


@pytest.mark.parametrize(
    ("columns", "where", "reason"),
    [
        ({"vertices": [[1, 2]]}, ", row 0", "is no list of 5 to 1024 points"),
        ({"vertices": [LISTS["polytopes"][1]["vertices"][0], [1] * 20]}, ", row 1", "is not reflexive"),
        ({"vertices": [[1] * 20, None]}, ", rows 0 to 1", "has a row without a value"),
        ({"vertices": [[[1, 2, 3]]]}, ", rows 0 to 0", "has an inner list whose length is not 4"),
        ({"vertices": [[2**40] * 20]}, ", rows 0 to 0", "has a number beyond"),
        ({"vertices": ["1 0 0 0"]}, "", "has a column vertices that does not hold lists of integers"),
        ({"points": [[1, 2]]}, "", "has no column vertices; the family polytopes needs vertices"),
    ],
)
def test_an_error_names_file_and_row(tmp_path, columns, where, reason):
    path = tmp_path / "mine"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError) as error:
        sources.look(FAMILIES["polytopes"], path)
        read("polytopes", path)
    assert error.value.where == f"{path}{where}" and reason in error.value.reason


def test_more_text_than_is_counted_is_refused_with_the_command_that_converts_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_TEXT", 40)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a").write_text(SYSTEMS[:12])
    (folder / "b").write_text(SYSTEMS)
    with pytest.raises(InputError) as error:
        sources.look(FAMILIES["ks"], folder)
    assert f"vacuagym convert --family ks {folder / 'b'} b.parquet" in error.value.reason
    assert sources.convert(FAMILIES["ks"], folder, tmp_path / "all.parquet") == 4
    found = read("ks", tmp_path / "all.parquet")
    assert same(found, read("ks", folder))
    assert sources.look(FAMILIES["ks"], tmp_path / "all.parquet").rows == 4


def test_what_is_no_source_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank").write_text("\n\n")
    (tmp_path / "PAR1").write_bytes(b"PAR1 and more")
    for path, reason in [
        ("none", "does not exist"),
        ("empty", "is a folder without files"),
        ("blank", "is empty"),
        ("PAR1", "is not a complete parquet file"),
    ]:
        with pytest.raises(InputError, match=reason):
            sources.look(FAMILIES["ks"], tmp_path / path)


def test_another_content_has_another_hash_and_another_compression_has_not(tmp_path):
    first, second, third = (tmp_path / name for name in "abc")
    first.write_text(SYSTEMS)
    second.write_bytes(gzip.compress(SYSTEMS.encode()))
    third.write_text(SYSTEMS.replace("18 9 6", "18 6 9"))
    found = [sources.look(FAMILIES["ks"], path).sha256 for path in (first, second, third)]
    assert found[0] == found[1] != found[2]

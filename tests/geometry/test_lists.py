"""Published lists as files: what an editor left in them, and which path is meant."""

import gzip

import pytest

from vacuagym.errors import InputError
from vacuagym.geometry import FAMILIES
from vacuagym.geometry.lists import list_files, read_text

TEXT = "5 1 1 1 1 1\n6 1 1 1 1 2\n"
NAMES = ("a.ip", "b.ip")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_ends_of_lines_are_no_part_of_the_text(tmp_path, pack, mark, end):
    (tmp_path / "list").write_bytes(pack(mark + TEXT.replace("\n", end).encode()))
    assert read_text(tmp_path / "list") == TEXT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.encode("utf-16-be"), "UTF-16"),
        (TEXT.encode() + b"\0" * 512, "zero bytes"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (TEXT.replace(" ", "\N{NO-BREAK SPACE}").encode(), "line 1: is not text"),
        (gzip.compress(TEXT.encode(), mtime=0) + b"more", "damaged gzip"),
    ],
)
def test_what_is_no_list_is_named(tmp_path, data, reason):
    (tmp_path / "list").write_bytes(data)
    with pytest.raises(InputError) as error:
        read_text(tmp_path / "list")
    assert str(tmp_path / "list") in str(error.value) and reason in str(error.value)


def test_the_files_of_a_list_are_found_or_the_path_that_is_meant_is_named(tmp_path):
    folder = tmp_path / "W"
    folder.mkdir()
    (folder / "a.ip").touch()
    with pytest.raises(InputError, match="lacks 1 of 2 files, b.ip$"):
        list_files(folder, NAMES)
    (folder / "b.ip.gz").touch()
    assert list_files(folder, NAMES) == [folder / "a.ip", folder / "b.ip.gz"]
    assert list_files(folder / "b.ip.gz", ["b.ip"]) == [folder / "b.ip.gz"]
    for path, names, reason in [
        (tmp_path, NAMES, f"lacks 2 of 2 files, a.ip, b.ip (perhaps {folder} is meant)"),
        (folder / "a.ip", NAMES, f"is a file, not a folder (perhaps {folder} is meant)"),
        (folder, ["b.ip"], f"is a folder, not a file (perhaps {folder}/b.ip.gz is meant)"),
        (folder, ["c.ip"], "is a folder, not a file"),
        (tmp_path / "w", NAMES, "does not exist"),
    ]:
        with pytest.raises(InputError) as error:
            list_files(path, names)
        assert error.value.where == str(path) and error.value.reason == reason


def test_the_description_of_a_source_names_its_files():
    for family in FAMILIES.values():
        for name in family.list_names:
            assert f"`{name}`" in family.source

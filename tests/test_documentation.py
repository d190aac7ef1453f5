"""What the pages name is there: files, sections, rules, commands, keys of the configuration, modules."""

import re
from pathlib import Path

import pytest

from vacuagym.cli import cli
from vacuagym.config import Config, described

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "config" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
FOLDERS = ("benchmarks", "config", "docs", "envs", "profiles", "tests", "workflow")
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def spans(page: Path) -> list[str]:
    """What stands between backticks within a page's prose."""
    return re.findall(r"`([^`\n]+)`", BLOCK.sub("", text(page)))


def anchors(page: Path) -> set[str]:
    """The names that a page's sections have in links: lower case, hyphens for blanks, no other punctuation."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@EACH_PAGE
def test_links_lead_to_files_and_sections(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if "://" not in target:
            path, _, section = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), target
            assert not section or section in anchors(linked), target


@EACH_PAGE
def test_paths_are_there(page):
    added = re.findall(r"^`(\S+)`:$", text(page), re.MULTILINE)  # by the examples of the page
    paths = [span for span in spans(page) if re.fullmatch(rf"({'|'.join(FOLDERS)})/[\w./-]+", span)]
    assert not [path for path in paths if path not in added and not (ROOT / path).exists()]


def test_thresholds_of_splits_are_those_of_the_configuration():
    thresholds, page = Config().model_dump()["splits"], text(ROOT / "docs" / "splits-and-scores.md")
    for name in ("ood_complexity", "ood_euler"):
        [row] = re.findall(rf"^\| `{name}` \| geometries .*", page, re.MULTILINE)
        found = {dataset: int(number) for number, dataset in re.findall(r"(\d+) \((\w+)\)", row)}
        assert found == {dataset: number for dataset, number in thresholds[name].items() if number is not None}


def test_code_of_the_front_page_fits_the_window_of_a_laptop():
    lines = [line for block in BLOCK.findall(text(ROOT / "README.md")) for line in block.splitlines()]
    assert [line for line in lines if len(line) > 92] == []


def test_the_table_of_rules_is_complete():
    rules = ROOT / "workflow" / "rules"
    names = re.compile(r'^rule (\w+):|^\s+name:\s+f?"([^"]+)"', re.MULTILINE)
    there = [plain or made for file in rules.glob("*.smk") for plain, made in names.findall(text(file))]
    table = text(ROOT / "docs" / "running.md").partition("| rule | makes |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == sorted(there)


def test_commands_are_those_of_the_command_line():
    named = set()
    for page in PAGES:
        code = "\n".join([*BLOCK.findall(text(page)), *spans(page)])
        named |= set(re.findall(r"\bvacuagym ([a-z]\w*)", code))
    assert named == set(cli.commands)


@EACH_PAGE
def test_keys_are_those_of_the_configuration(page):
    keys = {key for key, *_ in described()}
    sections = {key.partition(".")[0] for key in keys}
    named = {span for span in spans(page) if re.fullmatch(rf"({'|'.join(sections)})(\.\w+)+", span)}
    assert named <= keys


def test_the_layout_lists_the_package():
    package = ROOT / "workflow" / "vacuagym"
    there = {path.name + "/" for path in package.iterdir() if (path / "__init__.py").exists()}
    there |= {path.name for path in package.glob("*.py") if path.name != "__init__.py"}
    layout = text(ROOT / "CONTRIBUTING.md").partition("The package, from the bottom up:")[2]
    assert set(re.findall(r"^(\S+) ", BLOCK.search(layout)[0], re.MULTILINE)) == there

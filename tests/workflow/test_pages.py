"""Every command and every block of code of the pages: run as it stands, in one small run, or listed here with the reason."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "config/README.md"]
PAGES += sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
PROGRAMS = r"(\.venv/bin/|make |conda |apptainer |snakemake |vacuagym |python3 |benchmarks/)"

# What is not run here, and where it is run, or why it is not.
ELSEWHERE = {
    r"make .*": "continuous integration and people; they set up environments from a network",
    r"python3 tests/cluster/slurm.py up|.* --workflow-profile profiles/slurm.*": "tests/cluster/test_slurm.py",
    r"conda .*|apptainer .*|snakemake --cores 2": "need conda or Apptainer, and a network",
    r"snakemake .*": "names of targets and options within a sentence; the other tests of the workflow use them",
    r".* --cores 2 scores": "tests/workflow/test_run.py, with fewer rows",
    r".* --configfile config/editions/.*\.yaml|.* verify --edition .*": "long: all geometries",
    r".* n_limit=null|.* n_limit=1000": "long; the same with fewer geometries is run",
    r"(\.venv/bin/python )?benchmarks/.*": "measurements, by hand; that they start is tested below",
    r"\.venv/bin/python -m pytest .*": "these tests",
    r"\.venv/bin/vacuagym evaluate --task area": "tests/workflow/test_extending.py",
}
BLOCKS_ELSEWHERE = {
    ("CONTRIBUTING.md", "errors.py "): "tests/test_documentation.py",
    ("docs/extending.md", ""): "tests/workflow/test_extending.py",
    ("docs/running.md", "graph TD"): "a picture",
}
IN_PLACE_OF = {"FILE": "all.parquet", "FOLDER": "."}
# What the names in a block stand for, by the beginning of the block.
BEFORE = {
    "from vacuagym.geometry.triangulations import kahler_cone": (
        "import polars\nrow = polars.read_parquet('results/features/ks/*.parquet').row(0, named=True)\n"
        "points = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [-1, -1, -6, -9]]\n"
    ),
    "report = task.evaluate(predictions)": (
        "import vacuagym\ntask = vacuagym.load_task('stability', 'ks', folder='results')\n"
        "predictions = 'predictions.parquet'\n"
    ),
}


class Block(NamedTuple):
    """A block of code of a page."""

    page: str
    language: str
    text: str


def blocks() -> list[Block]:
    """All but formulas and those that other tests run."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        found += [Block(page, *parts) for parts in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    found = [block for block in found if block.language != "math"]
    return [block for block in found if not any(_is_of(block, *key) for key in BLOCKS_ELSEWHERE)]


def _is_of(block: Block, page: str, start: str) -> bool:
    return block.page == page and block.text.startswith(start)


def commands() -> list[str]:
    """Every command of the pages once, in their order, without comments; those within sentences too."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for language, block, span in re.findall(r"^```(\w*)\n(.*?)^```|`([^`\n]+)`", text, re.MULTILINE | re.DOTALL):
            lines = [line.partition(" # ")[0].strip() for line in block.splitlines() if not language]
            found += [
                re.sub("^vacuagym ", ".venv/bin/vacuagym ", line) for line in [*lines, span] if re.match(PROGRAMS, line)
            ]
    return list(dict.fromkeys(found))


RUN = [command for command in commands() if not any(re.fullmatch(pattern, command) for pattern in ELSEWHERE)]
PYTHON = [block for block in blocks() if block.language == "python" and "snakefile:" not in block.text]
OTHERS = [block for block in blocks() if block not in PYTHON and not re.match(PROGRAMS, block.text)]


def test_what_is_not_run_here_is_in_the_pages():
    for pattern in ELSEWHERE:
        assert any(re.fullmatch(pattern, command) for command in commands()), pattern
    for page, start in BLOCKS_ELSEWHERE:
        assert f"\n{start}" in (ROOT / page).read_text(encoding="utf-8")
    assert len(RUN) > 20 and len(PYTHON) >= 5


def test_targets_of_make_are_there():
    targets = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {command.split()[1] for command in commands() if command.startswith("make ")} <= targets


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with a small finished run, its release, and the files that the commands name."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("workflow", "profiles", "benchmarks", "Snakefile"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copytree(ROOT / "docs", folder / "docs")
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | {"n_limit": 20}
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "my-long-list.txt.gz").write_text("5 1 1 1 1 1\n")  # plain text; the content decides, not the name
    run(folder, ".venv/bin/snakemake --cores 2 all release")
    predictions = "import polars, vacuagym\nfor name, file in ((None, 'all'), ('ks', 'predictions')):\n"
    predictions += "    task = vacuagym.load_task('stability', name, folder='results')\n"
    predictions += "    rows = task.test.select(task.keys).with_columns(stability=polars.lit('stable'))\n"
    predictions += "    rows.write_parquet(f'{file}.parquet')\n"
    python(folder, predictions)
    return folder


def run(folder, command):
    """Run a command of the shell in the folder; what it printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "PYTHONWARNINGS": "ignore"}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "cache")}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def python(folder, text):
    (folder / "block.py").write_text(text, encoding="utf-8")
    return run(folder, ".venv/bin/python block.py")


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN)
def test_commands_do_what_they_say(clone, command):
    run(clone, " ".join(IN_PLACE_OF.get(word, word) for word in command.split()))


@pytest.mark.slow
@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.page)
def test_code_runs(clone, block):
    before = next((text for start, text in BEFORE.items() if block.text.startswith(start)), "")
    python(clone, before + block.text)


@pytest.mark.slow
def test_palp_reads_what_the_page_prints_for_it(clone):
    """The weights of a row give its Hodge numbers, its rays those of the labelled threefold."""
    [block] = [block for block in PYTHON if 'row["rays"]' in block.text]
    weights, *rays = python(clone, block.text).splitlines()
    row = pl.read_parquet(clone / "results/features/ks/*.parquet").row(0, named=True)
    program = next(Path(sysconfig.get_path("purelib")).rglob("poly-4d.x"), None)
    program = program or shutil.which("poly-4d.x", path=sysconfig.get_path("scripts"))
    assert program, "PALP's poly-4d.x is part of the test requirements"
    own = [row["h11"], row["h21"]]
    for text, option, expected in (
        (weights, "-f", own),
        ("\n".join(rays), "-fD", own[::-1] if row["is_mirror"] else own),
    ):
        done = subprocess.run([program, option], input=f"{text}\n", capture_output=True, text=True, check=True)
        assert list(map(int, re.search(r"H:(\d+),(\d+)", done.stdout).groups())) == expected, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("block", OTHERS, ids=lambda block: f"{block.page}-{block.text.split()[0]}")
def test_configurations_modules_and_messages_are_right(clone, tmp_path, block):
    (tmp_path / "my.txt").write_text("{5}\n\n{4}\n")
    snakemake = f"{clone}/.venv/bin/snakemake --cores 1 --dry-run"
    if block.language == "yaml":
        (tmp_path / "mine.yaml").write_text(block.text)
        text = run(tmp_path, f"{snakemake} --snakefile {clone}/Snakefile --configfile mine.yaml")
        assert "label_vacua" in text
    elif block.text.startswith("error: "):
        (tmp_path / "my.txt").write_text("5 1 1 1 1 1\n8 1 1 1 1 4\n5 1 1 1 1 2\n")
        done = subprocess.run(
            [f"{clone}/.venv/bin/vacuagym", "convert", "--family", "ks", "my.txt", "out.parquet"],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 2 and done.stderr.split() == block.text.split()
    else:
        assert "snakefile:" in block.text
        (tmp_path / "Snakefile").write_text(block.text.replace("path/to/the/clone", str(clone)))
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"vacuagym": {"n_limit": 20}}))
        assert "gym_label_vacua" in run(tmp_path, f"{snakemake} gym/results/manifest.json --configfile mine.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("bench_*.py")), ids=lambda path: path.stem)
def test_measurements_start_and_name_their_options(path):
    command = next(
        line.strip() for line in path.read_text().splitlines() if f".venv/bin/python benchmarks/{path.name}" in line
    )
    text = run(ROOT, f"{sys.executable} {path} --help")
    assert all(option in text for option in re.findall(r"--[\w-]+", command))

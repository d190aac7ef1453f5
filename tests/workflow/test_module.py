"""The workflow as a module of another one: how it is configured, where its files are, and where its package is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "workflow" / "Snakefile"
FEW = {"n_limit": 20, "shard_rows": 10, "datasets": {"ks": None, "fth6d": None}}


def snakemake(folder, lines="", *arguments, snakefile=WORKFLOW, rules="use rule * from gym", **environment):
    """Run a workflow that imports this one with these lines of its module statement; what was printed."""
    statement = f"module gym:\n    snakefile: {str(snakefile)!r}\n" + "".join(
        f"    {line}\n" for line in lines.splitlines()
    )
    (folder / "Snakefile").write_text(f"{statement}\n{rules}\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=600
    )
    return done.returncode, done.stdout + done.stderr


# What a release takes from files that stand outside the package in the repository.
TEXTS = """
import yaml
from vacuagym.models import MODELS
from vacuagym.publish import cards, editions
print(*(name for name, _ in editions.known_stamps().values() if name == "mini"), cards._page("LICENSE").split()[0])
print(yaml.safe_load(cards._page("CITATION.cff"))["title"])
print(*(name for name, model in MODELS.items() if f"# The label model `{name}`" in cards._label_text(model)))
"""


def jobs_of(text):
    """The jobs of each rule in the text of a plan."""
    return {rule: int(jobs) for rule, jobs in re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}


@pytest.mark.parametrize(
    ("lines", "content", "shards"),
    [
        (f"config: {FEW}", None, 2),
        ("config: config", FEW, 2),
        ('config: config["vacuagym"]', {"samples": 3, "vacuagym": FEW}, 2),
        ("", None, 3),  # the defaults: one shard of each dataset
    ],
    ids=["given", "whole", "part", "none"],
)
def test_a_configuration_is_given_whole_or_in_part_or_not_at_all(tmp_path, lines, content, shards):
    arguments = []
    if content:
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
        arguments = ["--configfile", "mine.yaml"]
    code, text = snakemake(tmp_path, lines, "-n", *arguments)
    assert code == 0 and jobs_of(text)["label_vacua"] == shards, text
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("lines", "results", "resources"),
    [
        ('prefix: "gym"', "gym/results", "gym/resources"),
        ('replace_prefix: {"results/": "out/", "resources/": "made/"}', "out", "made"),
    ],
    ids=["prefix", "replace_prefix"],
)
def test_a_prefix_moves_what_is_made_and_not_what_is_read(tmp_path, lines, results, resources):
    (tmp_path / "my.txt").write_text("{5}\n")
    mine = {"mine": {"family": "cicy3", "source": "my.txt"}, "ks": None, "cicy3": None, "fth6d": None}
    lines += f"\nconfig: {{'datasets': {mine}}}"
    rules = "use rule * from gym as gym_*"
    code, text = snakemake(tmp_path, lines, "-n", f"{results}/manifest.json", rules=rules)
    assert code == 0 and jobs_of(text)["gym_label_vacua"] == 1, text
    made = f"{resources}/geometries/mine/part-00000.parquet"
    code, text = snakemake(tmp_path, lines, made, rules=rules)
    assert code == 0, text
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet")] == [made]


def test_the_package_may_be_installed_instead_of_standing_beside_the_rules(tmp_path):
    source, site = tmp_path / "source", tmp_path / "site"
    for name in ("workflow", "envs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    shutil.copytree(ROOT / "docs", source / "docs")
    shutil.copytree(ROOT / "config" / "editions", source / "config" / "editions")
    for name in ("pyproject.toml", "README.md", "LICENSE", "CITATION.cff"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(site), str(source)], check=True, capture_output=True)
    shutil.rmtree(source / "workflow" / "vacuagym")
    shutil.rmtree(source / "build", ignore_errors=True)
    rules = "use rule * from gym\nimport vacuagym\nprint('package in', vacuagym.__file__)"
    snakefile, folder = source / "workflow" / "Snakefile", tmp_path / "run"
    folder.mkdir()
    lines, installed = f"config: {FEW}", {"PYTHONPATH": str(site), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    code, text = snakemake(folder, lines, "-n", snakefile=snakefile, rules=rules, **installed)
    assert code == 0 and f"package in {site}/vacuagym/" in text and jobs_of(text)["label_vacua"] == 2, text
    target = "results/data_dictionary.csv"  # a job that needs the package and nothing compiled
    code, text = snakemake(folder, lines, target, snakefile=snakefile, rules=rules, **installed)
    assert code == 0 and (folder / target).exists(), text
    done = subprocess.run(
        [sys.executable, "-c", TEXTS],
        cwd=folder,
        env=os.environ | installed,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["mini", "Apache", "VacuaGym", "supergravity", "toy_eft", "kklt"], done.stderr

"""The examples of docs/extending.md: each adds a record by one new file and one line of registration."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = Path("workflow", "vacuagym")
ANNOUNCED = re.compile(rf"^`{PACKAGE}/(\S+\.py)`:\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def added() -> dict[Path, str]:
    """The files that docs/extending.md adds to the package, with their text."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    return {Path(file): text for file, text in ANNOUNCED.findall(page)}


def register(path: Path, module: str) -> None:
    """Add a module to the list at the end of a registry."""
    before, closing, after = path.read_text(encoding="utf-8").partition(",\n)\n")
    assert closing, f"{path} does not end its list of modules as the others do"
    path.write_text(f'{before},\n    "{module}"{closing}{after}', encoding="utf-8")


def test_four_records_by_four_files_and_four_lines(tmp_path):
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("workflow", "config", "docs", "envs"):
        shutil.copytree(ROOT / name, clone / name, ignore=ignored)
    for name in ("Snakefile", "LICENSE", "CITATION.cff"):
        shutil.copy(ROOT / name, clone / name)
    files = added()
    assert len(files) == 4
    for file, text in files.items():
        (clone / PACKAGE / file).write_text(text, encoding="utf-8")
        register(clone / PACKAGE / file.with_name("__init__.py"), file.stem)
    (clone / "config" / "config.yaml").write_text(
        yaml.safe_dump(
            {
                "n_limit": 500,
                "datasets": dict.fromkeys(("ks", "cicy3", "fth6d")),
                "model": {"name": "coin", "parameters": {"scale": 0.8}},
                "baselines": {"train_rows": 300, "seeds": 1},
                "active_learning": {"rounds": 1, "seeds": 1, "first_rows": 40},
                "validation": {"min_classes": 2},
            }
        )
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "all", "release", "scores"]
    environment = os.environ | {"PYTHONPATH": str(clone / "workflow"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr

    results = clone / "results"
    features = pl.read_parquet(results / "features/rectangles/part-00000.parquet")
    assert (
        len(features) == 500
        and (features["euler_characteristic"] == 2 * (features["width"] - features["height"])).all()
    )
    labels = pl.read_parquet(results / "labels/rectangles/part-00000.parquet")
    joined = labels.join(features, on="geometry_id")
    stable = 0.8 * joined["coin"] < joined["n_moduli"] / (1.0 + joined["h21"])
    assert (stable == (joined["stability"] == "stable")).all()
    parts = pl.read_parquet(results / "splits/odd_moduli.parquet")
    assert ((parts["part"] == "test") == (features["n_moduli"] % 2 == 1)).all()
    scores = pl.read_csv(results / "baselines.csv")
    assert set(scores.filter(pl.col("model") == "nearest")["split"]) == {
        "iid", "ood_complexity", "ood_hodge", "odd_moduli",
    }  # fmt: skip
    card = (results / "release/README.md").read_text(encoding="utf-8")
    for text in ("Rectangles of small sides", "odd number of moduli", "compares a coin with a shape"):
        assert text in card

"""The examples of docs/extending.md: each adds a record by one new file and one line of registration."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from vacuagym.schema import PARTS

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


@pytest.mark.slow
def test_five_records_by_five_files_and_five_lines(tmp_path):
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("workflow", "config", "docs", "envs"):
        shutil.copytree(ROOT / name, clone / name, ignore=ignored)
    for name in ("Snakefile", "LICENSE", "CITATION.cff"):
        shutil.copy(ROOT / name, clone / name)
    files = added()
    assert len(files) == 5
    for file, text in files.items():
        (clone / PACKAGE / file).write_text(text, encoding="utf-8")
        register(clone / PACKAGE / file.with_name("__init__.py"), file.stem)
    (clone / "config" / "config.yaml").write_text(
        yaml.safe_dump(
            {
                "n_limit": 500,
                "datasets": dict.fromkeys(("ks", "cicy3", "fth6d")),
                "model": {"name": "coin", "parameters": {"scale": 0.8}},
                "baselines": {"train_rows": [300], "seeds": 1},
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
    held_out = parts["part"].is_in(["ood_val", "test"])
    assert (held_out == (features["n_moduli"] % 2 == 1)).all() and set(parts["part"]) == set(PARTS)
    scores = pl.read_csv(results / "baselines.csv")
    assert set(scores.filter(pl.col("model") == "nearest")["split"]) == {
        "iid", "ood_complexity", "ood_euler", "odd_moduli",
    }  # fmt: skip
    card = (results / "release/README.md").read_text(encoding="utf-8")
    for text in ("Rectangles of small sides", "odd number of moduli", "compares a coin with a shape", "times height"):
        assert text in card

    described = json.loads((results / "release/inputs.json").read_text(encoding="utf-8"))["area"]
    assert described["rectangles"]["inputs"] == ["h11", "euler_characteristic"]
    areas = pl.read_parquet(results / "release/features/rectangles/*.parquet").sort("geometry_id")
    expected = features.sort("geometry_id").select(pl.col("width") * pl.col("height")).to_series()
    assert areas["area"].to_list() == expected.to_list()
    test = (
        parts.filter(part="test").join(features, on="geometry_id").select("dataset", "geometry_id", "width", "height")
    )
    said = test.select("dataset", "geometry_id", area=pl.col("width") * pl.col("height"))
    said.write_parquet(clone / "areas.parquet")
    command = [sys.executable, "-c", "from vacuagym.cli import main; main()", "evaluate", "areas.parquet", "--json"]
    command += ["--split", "odd_moduli", "--task", "area"]
    for folder in ("results", "results/release"):
        done = subprocess.run(
            [*command, "--results", folder], cwd=clone, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["metrics"]["exact"]["value"] == 1 and report["datasets"]["rectangles"]["rows"] == len(test)

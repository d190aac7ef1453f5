"""The workflow, tried by running it."""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml

from vacuagym.benchmark.baselines import BASELINES
from vacuagym.benchmark.splits import SPLITS
from vacuagym.benchmark.tasks import TASKS
from vacuagym.job import check_declared_memory
from vacuagym.publish import release
from vacuagym.publish.dictionary import read_dictionary
from vacuagym.schema import CLASSES

ROOT = Path(__file__).parents[2]
DATASETS = ("ks", "cicy3", "fth6d")
# rules that neither the default target nor the release needs
ON_REQUEST = {"score_baselines", "collect_baselines", "scan_active_learning", "collect_active_learning"}
ON_REQUEST |= {"plot_scores", "plot_errors", "verify"}


def snakemake(folder, *arguments, snakefile="Snakefile", warnings="ignore"):
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / snakefile), "--directory", str(folder)]
    environment = os.environ | {"PYTHONWARNINGS": warnings}
    command += ["--cores", "2", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=900)


def new_folder(folder, **changes):
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | changes
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def table(folder, name, dataset="*"):
    return pl.concat(pl.read_parquet(path) for path in sorted(folder.glob(f"results/{name}/{dataset}/part-*.parquet")))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A finished run of 20 geometries a dataset in shards of 10, with its release."""
    folder = new_folder(tmp_path_factory.mktemp("small"), n_limit=20, shard_rows=10)
    done = snakemake(folder, "all", "release")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_whole_graph_is_known_before_anything_runs(tmp_path):
    folder = new_folder(tmp_path / "run", n_limit=None, shard_rows=20_000)
    graphs = []
    for snakefile in ("Snakefile", "workflow/Snakefile"):
        done = snakemake(folder, "--quiet", "all", "--dag", snakefile=snakefile)
        assert done.returncode == 0, done.stderr
        graphs.append(done.stdout)
    assert graphs[0] == graphs[1]
    shards = 11 + 1 + 4  # of 201,230, 7,890 and 61,539 geometries
    assert graphs[0].count("label_vacua") == graphs[0].count("build_features") == shards
    assert not (folder / "results").exists()


def test_a_run_makes_every_table_with_the_limited_rows(small):
    for dataset in DATASETS:
        features, labels = table(small, "features", dataset), table(small, "labels", dataset)
        assert len(features) == 20 and set(features["dataset"]) == {dataset}
        assert {"h11", "h21", "euler_characteristic", "n_moduli", "duplicate_group"} <= set(features.columns)
        assert len(labels) == 60
        assert labels["geometry_id"].to_list() == [i for i in features["geometry_id"] for _ in range(3)]
        assert labels["sample"].to_list() == [0, 1, 2] * 20
    split = pl.read_parquet(small / "results" / "splits" / "iid.parquet")
    assert len(split) == 20 * len(DATASETS) and set(split["part"]) <= {"train", "val", "test"}


def test_memory_and_logs(small):
    with open(small / "logs" / "memory.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    rules = set(yaml.safe_load((ROOT / "config/config.yaml").read_text())["resources"])
    assert {row["rule"] for row in rows} == rules - ON_REQUEST
    assert not list(check_declared_memory(small / "logs" / "memory.tsv"))
    logs = list(small.glob("logs/*/*.log"))
    assert len(logs) == len(rows)
    assert all(len(log.read_text().splitlines()) <= 200 for log in logs)
    text = (small / "logs" / "label_vacua" / "ks-00001.log").read_text()
    assert "rows 10 to 20" in text and "n_limit 20 leaves 20 of 201,230" in text and "columns: geometry_id" in text


def test_the_dictionary_describes_every_column(small):
    with open(small / "results" / "data_dictionary.csv") as file:
        rows = list(csv.DictReader(file))
    described = {}
    for row in rows:
        assert row["meaning"].endswith(".") and row["unit"], row
        described.setdefault(row["table"], []).append(row["column"])
    for dataset in DATASETS:
        for name in ("features", "labels", "stability"):
            assert described[f"{name}/{dataset}"] == table(small, name, dataset).columns
    assert described["splits"] == ["dataset", "geometry_id", "part"]


@pytest.mark.slow
def test_scores_of_a_run(small, tmp_path):
    """Baselines and active learning by their own targets; the classes that a run is certain of score 1."""
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    config = yaml.safe_load((folder / "config" / "config.yaml").read_text())
    config["baselines"] = {"train_rows": [50], "test_rows": 50, "seeds": 1}
    config["active_learning"] |= {"first_rows": 20, "batch_rows": 5, "rounds": 1, "seeds": 1}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    done = snakemake(folder, "baselines", "active_learning")
    assert done.returncode == 0, done.stdout + done.stderr
    scores = pl.read_csv(folder / "results" / "baselines.csv")
    assert scores["edition"].unique().to_list() == ["custom"]
    there = scores.filter(task="stability", split="iid", metric="macro_f1")
    for _, some in there.group_by("dataset"):
        assert some["model"].to_list() == list(BASELINES)
    assert set(scores["task"]) <= set(TASKS) and {"stability", "cicy3_hodge", "fth6d_gauge"} <= set(scores["task"])
    # what so few geometries leave without rows or classes is named, and has no scores
    logs = [path.read_text() for path in (folder / "logs" / "score_baselines").iterdir()]
    assert len([log for log in logs if "notice: split" in log and "not scored" in log]) == len(logs) - len(
        scores.select("task", "split", "dataset").unique()
    )
    curves = pl.read_csv(folder / "results" / "active_learning.csv")
    assert len(curves) == 3 * 3 * 2 and set(curves["strategy"]) == {"random", "greedy", "uncertainty"}

    parts = pl.read_parquet(folder / "results" / "splits" / "ood_euler.parquet").filter(pl.col("part") == "test")
    truth = pl.concat(
        table(folder, "labels", dataset).select("dataset", "geometry_id", "sample", "stability") for dataset in DATASETS
    )
    truth.join(parts, on=["dataset", "geometry_id"]).write_parquet(folder / "predictions.parquet")
    command = [sys.executable, "-c", "from vacuagym.cli import main; main()", "evaluate", "predictions.parquet"]
    done = subprocess.run([*command, "--split", "ood_euler"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and re.search(r"macro_f1 +1\.0000  1\.0000 to 1\.0000", done.stdout), (
        done.stdout + done.stderr
    )
    done = subprocess.run([*command, "--split", "iid"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: predictions.parquet: "), done.stderr


@pytest.mark.parametrize(
    "n_limit", [1, pytest.param(5, marks=pytest.mark.slow), pytest.param(6, marks=pytest.mark.slow)]
)
def test_the_smallest_runs_end_well_and_say_what_they_lack(small, tmp_path, n_limit):
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    targets = ["all", "release"] if n_limit == 1 else []
    done = snakemake(folder, *targets, "--config", f"n_limit={n_limit}")
    assert done.returncode == 0, done.stdout + done.stderr
    log = (folder / "logs" / "count_split_classes" / "all.log").read_text()
    assert "error" not in log
    assert n_limit > 5 or ("part test of ood_euler" in log and "raise n_limit" not in log)


def test_a_geometry_of_ones_own_has_a_release(tmp_path):
    """Alone, so that no split has rows in all of its parts."""
    (tmp_path / "my.txt").write_text("{5}\n")
    mine = {"ks": None, "cicy3": None, "fth6d": None, "mine": {"family": "cicy3", "source": str(tmp_path / "my.txt")}}
    folder = new_folder(tmp_path / "run", n_limit=None, datasets=mine)
    done = snakemake(folder, "release")
    assert done.returncode == 0, done.stdout + done.stderr
    release = folder / "results" / "release"
    text = (release / "README.md").read_text(encoding="utf-8")
    assert "| `mine` | 1 | 3 |" in text and "| `cicy3_hodge` |" in text and "configs" not in front_matter(release)


def test_a_part_without_two_classes_ends_a_run_that_is_large_enough(small, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    settings = ("n_limit=5", "validation={min_geometries: 5}")
    done = snakemake(folder, "results/split_classes.csv", "--config", *settings)
    assert done.returncode != 0
    log = (folder / "logs" / "count_split_classes" / "all.log").read_text()
    assert "error: " in log and "part test of ood_euler" in log and "raise n_limit" in log


def test_limits_by_dataset(small, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    (folder / "config" / "limits.yaml").write_text("n_limit: {ks: 12, cicy3: 20, fth6d: 1}\n")
    done = snakemake(folder, "results/manifest.json", "--configfile", str(folder / "config" / "limits.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    for dataset, limit in (("ks", 12), ("cicy3", 20), ("fth6d", 1)):
        assert table(folder, "labels", dataset).equals(table(small, "labels", dataset).head(3 * limit), null_equal=True)
    (folder / "config" / "limits.yaml").write_text("n_limit: {ks: 12, cicy3: 20}\n")
    done = snakemake(folder, "--configfile", str(folder / "config" / "limits.yaml"), "-n")
    assert done.returncode != 0 and "names no limit of fth6d" in done.stdout + done.stderr


OF_SNAKEMAKE = {"log", "iocache"}  # a line of its own about each command, and what it knows of dates


def state_of(folder):
    """Every file and folder with its bytes and dates, but for Snakemake's own diary."""
    paths = [path for path in sorted(folder.rglob("*")) if not OF_SNAKEMAKE & {path.name, path.parent.name}]
    return {
        path: (path.stat().st_ino, path.is_file() and (path.stat().st_mtime_ns, path.read_bytes())) for path in paths
    }


@pytest.mark.parametrize(
    "arguments",
    ["-n", "--lint", "--dag", "--rulegraph", "--filegraph", "--d3dag", "--summary", "--detailed-summary", "--list-rules",
     "--list-target-rules", "--list-changes code", "--list-changes params"],
)  # fmt: skip
def test_looking_changes_nothing(small, tmp_path, arguments):
    """Not even in the folder of a killed run, whose lock and unfinished files are there, with files from the future."""
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.output.lock").write_text("results/manifest.json\n")
    late = folder / "results" / "splits" / "iid.parquet"
    os.utime(late, (late.stat().st_atime + 1e6,) * 2)
    before = state_of(folder)
    done = snakemake(folder, *arguments.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert state_of(folder) == before


def test_damage_is_found_removed_and_made_good(small, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    command = [sys.executable, "-c", "from vacuagym.cli import main; main()", "verify"]
    good = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    entries = json.loads((folder / "results" / "manifest.json").read_text())["shards"]
    victims = [folder / "results" / entry["path"] for entry in entries[::7]]
    for path in victims:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    victims[0].unlink()
    for arguments in ([], ["--remove"]):
        bad = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True)
        assert bad.returncode == 1
        named = [line for line in bad.stdout.splitlines() if not line.startswith(" ")]  # the rest of a wrapped line
        assert len(named) == len(victims) + 1  # and what to do
        assert all(path.relative_to(folder).as_posix() in bad.stdout for path in victims)
    again = snakemake(folder)
    assert again.returncode == 0, again.stdout + again.stderr
    timed = {"costs.png"}  # what the jobs took, not what they made
    for path in (path for path in small.glob("results/**/*.*") if path.name not in timed):
        assert (folder / path.relative_to(small)).read_bytes() == path.read_bytes(), path


def test_the_rule_verify_finds_what_no_date_shows(small, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(small, folder)
    names = ["features/ks/part-00000.parquet", "labels/fth6d/part-00001.parquet"]
    for path in (folder / "results" / name for name in names):
        data, dates = bytearray(path.read_bytes()), path.stat()
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    assert snakemake(folder).returncode == 0  # nothing to do
    bad = snakemake(folder, "verify")
    assert bad.returncode != 0, bad.stdout + bad.stderr
    log = (folder / "logs" / "verify" / "all.log").read_text()
    assert all(f"results/{name}" in log and not (folder / "results" / name).exists() for name in names), log
    assert "error: results: had 2 damaged files" in log
    good = snakemake(folder, "all", "verify")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "files are as the manifest says" in (folder / "logs" / "verify" / "all.log").read_text()
    assert all((folder / "results" / name).read_bytes() == (small / "results" / name).read_bytes() for name in names)


def test_a_grown_run_keeps_full_shards_and_begins_with_the_same_rows(small, tmp_path):
    folder = tmp_path / "grown"
    shutil.copytree(small, folder)
    before = {path: path.read_bytes() for path in folder.glob("results/[fl]*/*/*.parquet")}
    listed = snakemake(folder, "--config", "n_limit=30", "--dry-run")
    assert listed.returncode == 0, listed.stderr
    assert "label_vacua" in listed.stdout and "shard 00000" not in listed.stdout and "shard 00001" not in listed.stdout
    done = snakemake(folder, "--config", "n_limit=30")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(path.read_bytes() == data for path, data in before.items())
    for dataset in DATASETS:
        assert len(table(folder, "labels", dataset)) == 90
        assert table(folder, "labels", dataset).head(60).equals(table(small, "labels", dataset), null_equal=True)


def jobs_of(text):
    """How many jobs of each rule a plan or a run has."""
    stats = text.partition("Job stats:")[2].partition("total")[0]
    return {rule: int(jobs) for rule, jobs in re.findall(r"^(\w+) +(\d+)$", stats, re.MULTILINE)}


OWN = ("{5}", "{3}\n{3}", "{2,4}", "{3,3}", "{2,2,3}", "{2,2,2,2}", "{2}\n{4}", "{2}\n{2}\n{2}\n{2}")


@pytest.mark.slow
def test_a_changed_run_of_ones_own_geometries_makes_what_is_new_and_no_more(tmp_path):
    (tmp_path / "my.txt").write_text("\n\n".join(OWN))
    datasets = dict.fromkeys(DATASETS) | {"mine": {"family": "cicy3", "source": "my.txt"}}
    folder = new_folder(tmp_path, n_limit=5, shard_rows=2, datasets=datasets)
    split = "results/splits/iid.parquet"

    def wanted(shards):
        return [f"results/labels/mine/part-{number:05d}.parquet" for number in range(shards)] + [split]

    def run(shards, *arguments):
        done = snakemake(folder, *wanted(shards), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return jobs_of(done.stdout + done.stderr)

    def made(*shards):
        of_each = [f"results/{name}/mine/part-{{:05d}}.parquet" for name in ("features", "labels", "stability")]
        paths = [folder / path.format(shard) for path in of_each for shard in shards]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}

    run(3)
    full, five = made(0, 1), {name: table(folder, name, "mine") for name in ("features", "labels")}
    grown = {"build_geometries_mine": 1, "build_features": 2, "label_vacua": 2, "build_split": 1}
    assert run(4, "--config", "n_limit=7") == grown
    assert made(0, 1) == full
    for name, first in five.items():
        rows = table(folder, name, "mine")
        assert len(rows) == len(first) // 5 * 7 and rows.head(len(first)).equals(first, null_equal=True)
    assert run(4, "--config", "n_limit=7") == {}
    # fewer, in full shards that are all there: what is made from all of them is made again
    fewer = {"build_geometries_mine": 1, "build_features": 1, "label_vacua": 1, "build_split": 1}
    assert run(2, "--config", "n_limit=4", "--dry-run") == fewer
    # labels of another seed, while geometries are written again
    again = {"build_geometries_mine": 1, "build_features": 4, "label_vacua": 4, "build_split": 1}
    assert run(4, "--config", "n_limit=8", "seed=1", "--dry-run") == again
    (tmp_path / "my.txt").write_text("\n\n".join(OWN[1:]))
    assert run(4, "--config", "n_limit=7", "--dry-run") == again


ONCE = dict.fromkeys(
    (
        "hash_content",
        "build_manifest",
        "count_split_classes",
        "count_labels",
        "validate_labels",
        "plot_figures",
        "plot_portraits",
        "plot_costs",
    ),
    1,
)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("seed=1", {"label_vacua": 6}),
        ("n_limit=15", {"build_features": 3, "label_vacua": 3, "build_split": 6, "build_protocol": 4}),
    ],
)
def test_what_another_setting_makes_again(small, setting, expected):
    done = snakemake(small, "--config", setting, "--dry-run")
    assert done.returncode == 0, done.stderr
    counts = jobs_of(done.stdout)
    counts.pop("all")
    assert counts == expected | ONCE


def test_shard_rows_do_not_change_a_table(small, tmp_path):
    folder = tmp_path / "resharded"
    shutil.copytree(small, folder)
    shutil.rmtree(folder / "results")
    done = snakemake(folder, "all", "release", "--config", "shard_rows=7", "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    released = sorted(path for path in folder.glob("results/release/**/*") if path.is_file())
    assert len(released) > 10
    for path in released:
        assert path.read_bytes() == (small / path.relative_to(folder)).read_bytes()
    for dataset in DATASETS:
        for name in ("features", "labels", "stability"):
            assert table(folder, name, dataset).equals(table(small, name, dataset), null_equal=True)
    for name in ("hodge", "phases", "potentials"):
        path = f"results/figures/{name}.png"
        assert (folder / path).read_bytes() == (small / path).read_bytes()


@pytest.mark.slow
def test_labels_of_kklt_for_any_cores_and_shards(tmp_path):
    """The same bytes for any number of cores, the same rows for any size of shards."""
    tables, edition = [], str(ROOT / "config/editions/kklt-1.0.yaml")
    for cores, shard_rows in (("2", 60), ("1", 60), ("2", 50)):
        folder = new_folder(tmp_path / f"{cores}-{shard_rows}")
        names = [f"results/labels/ks/part-{shard:05}.parquet" for shard in range(-(-120 // shard_rows))]
        few = ["--configfile", edition, "--config", "n_limit=120", f"shard_rows={shard_rows}"]
        done = snakemake(folder, *names, *few, "--cores", cores)
        assert done.returncode == 0, done.stdout + done.stderr
        tables.append((table(folder, "labels"), [(folder / name).read_bytes() for name in names]))
    (two, two_files), (_, one_files), (smaller, _) = tables
    assert len(two) == 360 and (two["stability"] != "not_applicable").sum() >= 90 and two["stability"].n_unique() >= 5
    assert two_files == one_files and two.equals(smaller, null_equal=True)


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory):
    """Environment variables of an 8-bit locale, which is made here."""
    folder = tmp_path_factory.mktemp("locales")
    made = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE.ISO-8859-1")], capture_output=True
    )
    if not (folder / "de_DE.ISO-8859-1").exists():
        pytest.skip(f"no Latin-1 locale can be made here: {made}")
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"}


def files_with_text(results):
    """Every file of a run that no figure of a clock is in, by its path."""
    files = {path.relative_to(results): path for path in results.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name.stem != "costs"}


@pytest.mark.parametrize("locale", ["ascii", pytest.param("latin_1", marks=pytest.mark.slow)])
def test_the_locale_changes_no_byte(small, tmp_path, locale, request, monkeypatch):
    folder = tmp_path / "Hübsch"  # a name that ASCII does not have
    shutil.copytree(small, folder)
    expected = files_with_text(folder / "results")
    (folder / "results" / "data_dictionary.csv").unlink()  # from which follow all files with text
    shutil.rmtree(folder / "results" / "release")
    variables = ASCII if locale == "ascii" else request.getfixturevalue(locale)
    for name, value in (variables | {"PYTHONWARNDEFAULTENCODING": "1"}).items():
        monkeypatch.setenv(name, value)
    done = snakemake(folder, "release", warnings="default::EncodingWarning")
    assert done.returncode == 0, done.stdout + done.stderr
    found = files_with_text(folder / "results")
    assert [name for name in expected if found.get(name) != expected[name]] == [] and found.keys() == expected.keys()
    said = done.stderr + "".join(log.read_text(encoding="utf-8") for log in folder.glob("logs/*/*.log"))
    assert "EncodingWarning" in said  # of libraries
    assert not re.findall(rf"{re.escape(str(ROOT / 'workflow'))}.*EncodingWarning", said)


def test_the_command_line_says_the_same_in_every_locale(small, latin_1):
    command = [sys.executable, "-c", "from vacuagym.cli import main; main()", "describe", "ks"]
    plain, ascii_, latin = (
        subprocess.run(command, cwd=small, env=os.environ | variables, capture_output=True).stdout
        for variables in ({"PYTHONUTF8": "1"}, ASCII, latin_1)
    )
    assert "Kreuzer–Skarke".encode() in plain and plain == ascii_ == latin


def test_a_message_that_the_locale_has_no_letters_for_is_said(tmp_path, monkeypatch):
    folder = new_folder(tmp_path / "run", datasets={"ks": {"source": "Hübsch.ip"}})
    for name, value in ASCII.items():
        monkeypatch.setenv(name, value)
    done = snakemake(folder, "--dry-run")
    assert done.returncode == 1 and "datasets.ks.source: 'Hübsch.ip' does not exist" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


RELEASED = ("features", "labels", "outcomes")


def release_table(small, name, dataset):
    return pl.concat(
        pl.read_parquet(path) for path in sorted(small.glob(f"results/release/{name}/{dataset}/*.parquet"))
    )


def test_the_release_holds_every_geometry_and_every_draw_once(small):
    """Together its tables have every column of the run's, and columns in two of them have the same values."""
    for dataset in DATASETS:
        features, labels, outcomes = (release_table(small, name, dataset) for name in RELEASED)
        for rows, name, key in (
            (features, "features", ["geometry_id"]),
            (labels, "labels", ["geometry_id", "sample"]),
            (outcomes, "labels", ["geometry_id", "sample"]),
        ):
            expected = table(small, name, dataset)
            assert rows.select(key).is_unique().all() and rows.select(key).sort(key).equals(
                expected.select(key).sort(key)
            )
            for other in ("features", "labels"):
                truth = table(small, other, dataset)
                on = ["geometry_id", *(["sample"] if {"sample"} <= set(rows.columns) & set(truth.columns) else [])]
                shared = [column for column in truth.columns if column in rows.columns]
                if "sample" in truth.columns and "sample" not in rows.columns:
                    continue  # what features and labels share is in both
                joined = rows.select(key).join(truth.select(*shared), on=on, maintain_order="left")
                assert joined.select(shared).equals(rows.select(shared), null_equal=True)
        assert set(table(small, "features", dataset).columns) <= set(features.columns)
        assert set(table(small, "labels", dataset).columns) <= set(labels.columns) | set(outcomes.columns)
        assert not set(labels.columns) & set(outcomes.columns) - {"dataset", "geometry_id", "sample"}


def splits_of_a_name(release):
    """The splits in the order in which a file's name lists the parts, as the card says."""
    text = (release / "README.md").read_text(encoding="utf-8")
    return re.findall(r"`(\w+)`", re.search(r"in the\s+order (`.*?), and a number", text, re.DOTALL)[1])


def test_files_hold_the_rows_of_their_parts(small):
    release = small / "results" / "release"
    parts = {path.stem: pl.read_parquet(path) for path in (small / "results" / "splits").glob("*.parquet")}
    names = splits_of_a_name(release)
    assert set(names) == set(parts)
    for path in [path for name in RELEASED for path in release.glob(f"{name}/*/*.parquet")]:
        rows = pl.read_parquet(path, columns=["dataset", "geometry_id"])
        for split, part in zip(names, path.stem.split("-")[:-1], strict=True):
            assert set(rows.join(parts[split], on=["dataset", "geometry_id"], how="left")["part"]) == {part}


def test_a_release_of_many_files_holds_the_same_rows_in_the_same_order(small, tmp_path, monkeypatch):
    monkeypatch.setattr(release, "FILE_GROUPS", 2)
    monkeypatch.setattr(release, "GROUP_BYTES", 3_000)
    results, out = small / "results", tmp_path / "release"
    files = {
        table: [path for dataset in DATASETS for path in sorted(results.glob(f"{table}/{dataset}/*.parquet"))]
        for table in ("features", "labels")
    }
    splits = splits_of_a_name(results / "release")
    files["splits"] = [results / "splits" / f"{name}.parquet" for name in splits]
    files["protocols"] = sorted(results.glob("protocols/*.parquet"))
    described = {"dictionary": "data_dictionary.csv"} | {
        key: f"{key}.json" for key in ("edition", "manifest", "validation")
    }
    release.build_release(files | {key: results / name for key, name in described.items()}, out)
    one_file = sorted(path for name in RELEASED for path in results.glob(f"release/{name}/*/*.parquet"))
    for path in one_file:
        pattern = f"{path.parent.parent.name}/{path.parent.name}/{path.stem.removesuffix('00000')}*.parquet"
        many = sorted(out.glob(pattern))
        parts = [pl.read_parquet(part) for part in many]
        assert [pq.read_metadata(part).num_row_groups for part in many[:-1]] == [2] * (len(many) - 1)
        assert pq.read_metadata(many[-1]).num_row_groups <= 2
        assert pl.concat(parts).equals(pl.read_parquet(path), null_equal=True)
    files = {path for name in RELEASED for path in out.glob(f"{name}/*/*.parquet")}
    assert len(files) > len(one_file)
    for config in front_matter(out)["configs"]:
        found = [path for entry in config["data_files"] for name in entry["path"] for path in out.glob(name)]
        assert len(found) == len(set(found)) and set(found) <= files
        table, dataset, _ = config["data_files"][0]["path"][0].split("/")
        if len({path.parent.name for path in found}) == 1:
            assert set(found) == {path for path in files if path.parent == out / table / dataset}


def front_matter(release):
    """What the head of a dataset card says to those who load it."""
    return yaml.safe_load((release / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_every_column_of_the_release_is_in_its_dictionary(small):
    described = read_dictionary(small / "results" / "release" / "data_dictionary.csv")
    assert set(described) == {f"{name}/{dataset}" for name in RELEASED for dataset in DATASETS}
    for name, columns in described.items():
        table, dataset = name.split("/")
        assert [column.name for column in columns] == release_table(small, table, dataset).columns
        roles = {column.role for column in columns}
        assert {"features": roles >= {"key", "feature"}, "labels": roles == {"key", "feature", "coupling", "outcome"},
                "outcomes": roles == {"key", "outcome"}}[table]  # fmt: skip
        lists = [column.name for column in columns if column.type.startswith("list") and column.role == "feature"]
        assert bool(lists) == (table == "features")  # stored once for each geometry


def wanted_columns(small):
    """Name of every configuration of a task on the split iid -> its columns, by inputs.json, and its table."""
    tasks, wanted = json.loads((small / "results" / "release" / "inputs.json").read_text()), {}
    for task, datasets in tasks.items():
        for dataset, entry in datasets.items():
            stem = "" if task == "stability" else f"{task}-"
            name = f"{stem}{dataset}-iid" if entry["row"] == "draw" else f"{stem}iid"
            extra = ["scored"] if task == "stability" else []
            table = "labels" if entry["row"] == "draw" else "features"
            wanted[name] = (
                table,
                dataset,
                [*entry["keys"], *entry["inputs"], *entry["draw_lists"], *entry["targets"], *extra],
            )
            if task == "stability":
                lists = ["dataset", "geometry_id", *entry["geometry_lists"]]
                wanted[f"{dataset}-iid-geometries"] = "features", dataset, lists
    return wanted


def test_columns_of_configurations_are_those_that_a_task_allows(small):
    """No outcome stands beside inputs, but for the targets of the task and which rows take part."""
    release = small / "results" / "release"
    described, configs = read_dictionary(release / "data_dictionary.csv"), front_matter(release)["configs"]
    columns = {config["config_name"]: config["columns"] for config in configs}
    wanted = wanted_columns(small)
    assert {name: columns[name] for name in wanted} == {
        name: list(dict.fromkeys(c)) for name, (_, _, c) in wanted.items()
    }
    for config in configs:
        name, (table, dataset, _) = config["config_name"], config["data_files"][0]["path"][0].split("/")
        outcomes = {column.name for column in described[f"{table}/{dataset}"] if column.role == "outcome"}
        task = TASKS.get(name.split("-")[0], TASKS["stability"])
        allowed = set() if name.endswith("-geometries") else {"scored", *task.target_columns}
        assert name.endswith("-outcomes") or set(config["columns"]) & outcomes <= allowed, name


OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}


def offline(folder, code):
    """Run Python code in a process that has no network: outgoing connections fail."""
    block = "import socket\ndef refuse(*_): raise OSError('no network')\nsocket.socket.connect = refuse\n"
    done = subprocess.run(
        [sys.executable, "-c", block + code],
        cwd=folder,
        env=os.environ | OFFLINE | {"HF_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("splits", [("iid", "ood_dataset_ks"), pytest.param(tuple(SPLITS), marks=pytest.mark.slow)])
def test_datasets_loads_configurations_offline(small, splits):
    """With the rows of its parts, its columns and their types."""
    found = offline(
        small,
        f"splits = {splits}"
        """
import json, datasets
datasets.disable_progress_bars()
release = "results/release"

def type_of(feature):
    if isinstance(feature, datasets.ClassLabel):
        return feature.names
    return f"list<{feature.feature.dtype}>" if isinstance(feature, datasets.List) else feature.dtype

result = {}
for name in [*datasets.get_dataset_config_names(release), None]:
    if name and not set(splits) & set(name.split("-")):
        continue
    loaded = datasets.load_dataset(release, name)
    keys = [key for key in ("dataset", "geometry_id", "sample") if key in loaded["train"].features]
    result[name or "default"] = {
        part: [rows.select_columns(keys).to_polars().rows(), {k: type_of(f) for k, f in rows.features.items()}]
        for part, rows in loaded.items()
    }
classes = datasets.load_dataset(release, "ks-iid", split="test").select_columns(["geometry_id", "sample", "stability"])
names = classes.features["stability"].names
result["classes"] = [[row["geometry_id"], row["sample"], names[row["stability"]]] for row in classes]
print(json.dumps(result))
""",
    )
    release = small / "results" / "release"
    described = read_dictionary(release / "data_dictionary.csv")
    configs = [c for c in front_matter(release)["configs"] if set(splits) & set(c["config_name"].split("-"))]
    assert found["default"] == found["iid"]
    assert set(found) == {config["config_name"] for config in configs} | {"default", "classes"}
    assert set(wanted_columns(small)) | {f"{dataset}-iid-outcomes" for dataset in DATASETS} <= set(found)
    parts = {path.stem: pl.read_parquet(path) for path in (small / "results" / "splits").glob("*.parquet")}
    for config in configs:
        name, loaded = config["config_name"], found[config["config_name"]]
        (split,) = [word for word in name.split("-") if word in parts]
        views = {"train": "train", "val": "validation", "ood_val": "ood_validation", "test": "test"}
        assert list(loaded) == [views[part] for part in SPLITS[split].parts]
        kind, dataset, _ = config["data_files"][0]["path"][0].split("/")
        types = {column.name: column.type for column in described[f"{kind}/{dataset}"]} | {"stability": list(CLASSES)}
        datasets = {pattern.split("/")[1] for entry in config["data_files"] for pattern in entry["path"]}
        for part in SPLITS[split].parts:
            rows, columns = loaded[views[part]]
            assert columns == {column: types[column] for column in config["columns"]}, name
            mine = parts[split].filter(pl.col("part") == part, pl.col("dataset").is_in(datasets))
            keys = list(mine.select("dataset", "geometry_id").iter_rows())
            if kind != "features":
                keys = [(*key, sample) for key in keys for sample in range(3)]
            assert sorted(map(tuple, rows)) == sorted(keys), (name, part)
    truth = {
        row[:2]: row[2] for row in table(small, "labels", "ks").select("geometry_id", "sample", "stability").rows()
    }
    assert found["classes"] and all(truth[i, sample] == name for i, sample, name in found["classes"])


def test_croissant_is_valid_lists_every_file_and_gives_the_records_offline(small):
    folder = small / "results" / "release"
    found = offline(
        folder,
        """
import itertools, json, mlcroissant
dataset = mlcroissant.Dataset("croissant.json")
issues = dataset.metadata.ctx.issues
records = {s.id: list(itertools.islice(dataset.records(s.id), 5)) for s in dataset.metadata.record_sets}
plain = lambda value: value.decode() if isinstance(value, bytes) else value
records = {name: [{k: plain(v) for k, v in row.items()} for row in rows] for name, rows in records.items()}
print(json.dumps({"issues": [*issues.errors, *issues.warnings], "records": records}, default=lambda a: a.tolist()))
""",
    )
    assert found["issues"] == []
    described = json.loads((folder / "croissant.json").read_text())
    files = {entry["contentUrl"]: entry for entry in described["distribution"] if entry["@type"] == "cr:FileObject"}
    assert set(files) == {
        path.relative_to(folder).as_posix() for name in RELEASED for path in folder.glob(f"{name}/*/*")
    }
    for name, entry in files.items():
        data = (folder / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest() and entry["contentSize"] == f"{len(data)} B"
    sets = [f"{dataset}-{name}" for dataset in DATASETS for name in RELEASED]
    assert [records["name"] for records in described["recordSet"]] == sets
    for records in described["recordSet"]:
        dataset, name = records["name"].split("-")
        released = release_table(small, name, dataset)
        assert [field["name"].split("/")[1] for field in records["field"]] == released.columns
        assert all(field["description"] for field in records["field"])
        key = [entry["@id"].split("/")[1] for entry in records["key"]]
        flat = [column for column, type_ in released.schema.items() if type_ != pl.List and type_ != pl.Float64]
        for record in found["records"][records["name"]]:
            row = {key.split("/")[1]: value for key, value in record.items()}
            expected = released.filter(**{column: row[column] for column in key}).row(0, named=True)
            assert {column: row[column] for column in flat} == {column: expected[column] for column in flat}


def test_the_report_opens_without_a_network(small, tmp_path):
    report = tmp_path / "report.html"
    done = snakemake(small, "--report", str(report))
    assert done.returncode == 0, done.stderr
    text = report.read_text()
    figures = [*(small / "results" / "figures").glob("*.[ps][nv]g")]
    assert len(figures) == 6
    for figure in figures:
        assert f"results/figures/{figure.name}" in text
    front = json.loads(re.search(r'workflow_desc = ("(?:[^"\\]|\\.)*")', text)[1])
    assert "<svg" in front and "at most\n20 geometries" in front  # a figure
    words = " ".join(re.sub("<[^>]+>", " ", front).split())
    assert f"{' '.join(DATASETS)} geometries 20 20 20 rows 60 60 60" in words  # numbers
    for category in ("Geometries", "Labels", "Run"):
        assert category in text
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']https?:", text)


def test_the_notebook_runs_outside_the_clone_and_stores_no_output(small, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    folder = tmp_path / "run"
    shutil.copytree(small, folder)
    notebook = nbformat.read(ROOT / "workflow" / "notebooks" / "quickstart.ipynb", as_version=4)
    cells = {cell["id"]: cell for cell in notebook.cells}
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    parameters = cells["parameters"]
    parameters.source = parameters.source.replace("n_limit = 1000", "n_limit = 20")
    parameters.source = parameters.source.replace("folder = None", f"folder = {folder.name!r}")
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    printed = {name: "".join(o.get("text", "") for o in cell.get("outputs", [])) for name, cell in cells.items()}
    assert 0 < len(printed["run-code"].splitlines()) <= 80
    assert "macro_f1" in printed["train-code"] and "log_loss" in printed["train-code"]
    assert sum("image/png" in output.get("data", {}) for output in cells["plot-code"]["outputs"]) == 2


def plan(folder, *arguments, snakefile=ROOT / "workflow" / "Snakefile"):
    """Text of a plan made in a folder, and the jobs of each rule."""
    command = [sys.executable, "-m", "snakemake", "-s", str(snakefile), "-n", "--cores", "1", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    text = done.stdout + done.stderr
    return text, {rule: int(jobs) for rule, jobs in re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}


def test_each_source_of_the_configuration_overrides_the_ones_before(tmp_path):
    """In any folder: defaults beside the Snakefile, the folder's own, those of --configfile, those of --config."""
    assert plan(tmp_path)[1]["label_vacua"] == 3 and not (tmp_path / "config").exists()
    (tmp_path / "new" / "config").mkdir(parents=True)
    (tmp_path / "new" / "config" / "config.yaml").write_bytes(b"\xef\xbb\xbfn_limit: 40\r\nshard_rows: 010\r\n")
    assert plan(tmp_path, "--directory", "new")[1]["label_vacua"] == 12
    (tmp_path / "mine.yaml").write_text("n_limit: {ks: 030, cicy3: 30, fth6d: 30}\nseed: 5\n")
    options = ["--directory", "new", "--configfile", "mine.yaml"]
    assert plan(tmp_path, *options)[1]["label_vacua"] == 9
    assert plan(tmp_path, *options, "--config", "n_limit=20")[1]["label_vacua"] == 6
    (tmp_path / "mine.yaml").write_text("n_limit: 30\nn_limit: 20\n")
    assert f"{tmp_path}/mine.yaml: is not YAML: found the key n_limit twice" in plan(tmp_path, *options)[0]


def test_a_module_takes_a_part_of_a_configuration_and_refuses_that_of_another_workflow(tmp_path):
    snakefile, text = (
        tmp_path / "Snakefile",
        f"""
configfile: "mine.yaml"
module gym:
    snakefile: {str(ROOT / "workflow" / "Snakefile")!r}
    config: config["vacuagym"]
use rule * from gym
""",
    )
    snakefile.write_text(text)
    (tmp_path / "mine.yaml").write_text("samples: 3\nvacuagym: {n_limit: 20, shard_rows: 10, baselines: {seeds: 2}}\n")
    text_of_plan, jobs = plan(tmp_path, snakefile=snakefile)
    assert jobs["label_vacua"] == 6, text_of_plan
    assert "key 'n_limit' is ''" in plan(tmp_path, "--config", "vacuagym={n_limit: }", snakefile=snakefile)[0]
    snakefile.write_text(text.replace('config["vacuagym"]', "config"))
    message = plan(tmp_path, snakefile=snakefile)[0]
    assert "unknown key 'samples'" in message and "as config: config['gym']" in message


def test_a_module_in_an_empty_folder_makes_the_tables_of_the_clone(small, tmp_path):
    """With a prefix, through to the manifest, whose job finds every table by its path."""
    few = {"n_limit": 20, "shard_rows": 10, "datasets": {"ks": None, "fth6d": None}}
    (tmp_path / "Snakefile").write_text(
        f"module gym:\n    snakefile: {str(ROOT / 'workflow' / 'Snakefile')!r}\n    config: {few}\n    prefix: 'gym'\n"
        "use rule * from gym\n"
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "gym/results/manifest.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    tables = [path.relative_to(small) for path in small.glob("results/*/cicy3/part-*.parquet")]
    assert len(tables) == 6
    for path in tables:
        assert (tmp_path / "gym" / path).read_bytes() == (small / path).read_bytes(), path
    assert (tmp_path / "gym" / "logs" / "memory.tsv").exists() and not (tmp_path / "logs").exists()


def test_memory_below_what_a_rule_declares_ends_the_run_before_its_jobs(tmp_path):
    done = snakemake(tmp_path / "run", "results/data_dictionary.csv", "--resources", "mem_mb=100")
    assert done.returncode != 0
    assert "--resources mem_mb=100 is less than the 250 MB of build_data_dictionary" in done.stdout + done.stderr
    assert not (tmp_path / "run" / "logs").exists()
    done = snakemake(tmp_path / "run", "results/data_dictionary.csv", "--resources", "mem_mb=250")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_bad_list_is_tried_once(tmp_path):
    (tmp_path / "bases.m").write_text("bases = {{-1,-1,-1}};\n")
    folder = new_folder(tmp_path / "run", datasets={"ks": None, "cicy3": None, "fth6d": {"source": "../bases.m"}})
    done = snakemake(folder, "resources/geometries/fth6d/part-00000.parquet", "--retries", "2")
    assert done.returncode != 0 and "restart" not in done.stdout + done.stderr
    log = (folder / "logs" / "build_geometries" / "fth6d.log").read_text()
    assert "is missing before this line; the list holds 1 of 61,539 bases" in log


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("n_limit=0", "at least 1"),
        ("n_limit=abc", "'abc'"),
        ("n_limt=3", "allowed here: n_limit"),
        ("n_limit=", "key 'n_limit' is '', expected an integer"),
        ("baselines={seeds: }", "key 'baselines.seeds' is '', expected an integer"),
    ],
)
def test_a_bad_setting_stops_before_anything_runs(tmp_path, setting, expected):
    folder = new_folder(tmp_path / "run")
    done = snakemake(folder, "--config", setting)
    assert done.returncode != 0
    assert expected in done.stdout + done.stderr
    assert not (folder / "results").exists()

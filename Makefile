# Sets up everything in .venv with nothing but Python 3.11 or newer at hand.
PYTHON ?= python3
CORES ?= 2
PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet

ifneq ($(MAKECMDGOALS),clean)
ifneq ($(words $(CURDIR)),1)
$(error the path of this folder has a space, with which Snakemake starts no job: move the folder to a path without)
endif
# .venv holds its own path, wherever it is moved or copied to
ifneq ($(shell grep -sLF "$$(cd .venv 2>&1 && pwd -P)" .venv/bin/activate),)
$(error .venv was made in another folder and works only there: run "make clean", then the same again)
endif
endif

.PHONY: run edition test slow thorough bench lint config lock clean
.DELETE_ON_ERROR:

run: .venv/installed
	.venv/bin/snakemake --cores $(CORES)
	.venv/bin/vacuagym verify
	@echo "features, labels and splits: results/   what each column means: results/data_dictionary.csv   logs: logs/"

# Edition 1.0: all geometries, and the release. `vacuagym verify --edition 1.0` compares with the recorded values.
edition: .venv/installed
	.venv/bin/snakemake all release --cores $(CORES) --configfile config/editions/1.0.yaml
	.venv/bin/vacuagym verify --edition 1.0

test: .venv/installed-test
	.venv/bin/python -m pytest -n $(CORES) --dist loadfile -m "not slow and not thorough"

slow: .venv/installed-test
	.venv/bin/python -m pytest -n $(CORES) --dist loadfile -m "slow and not thorough"

# What is too long for continuous integration.
thorough: .venv/installed-test .venv-cytools/installed
	.venv/bin/python -m pytest -m thorough

bench: run .venv/installed-test .venv-cytools/installed
	.venv/bin/python benchmarks/bench_geometry.py
	.venv/bin/python benchmarks/bench_labels.py
	.venv/bin/python benchmarks/bench_supergravity.py
	.venv/bin/python benchmarks/bench_kklt.py
	.venv/bin/python benchmarks/bench_memory.py

lint: .venv/installed-test
	.venv/bin/ruff check workflow tests benchmarks docs
	.venv/bin/ruff format --check workflow tests benchmarks docs
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/snakemake --lint

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv .venv

.venv/installed: envs/requirements.lock pyproject.toml | .venv/bin/python
	$(PIP) install --require-hashes -r envs/requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

.venv/installed-test: envs/requirements-test.lock .venv/installed
	$(PIP) install --require-hashes -r envs/requirements-test.lock
	touch $@

# An environment of its own: the project compares with CYTools, which is under the GPL, and does not use it.
.venv-cytools/installed: envs/requirements-cytools.lock
	$(PYTHON) -m venv .venv-cytools
	.venv-cytools/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	touch $@

# The default configuration, its table and its schema follow from the types in vacuagym/config.py.
config: .venv/installed
	.venv/bin/python -m vacuagym.config

# The lock files follow from pyproject.toml, the packages of the conda environment from the lock.
lock: .venv/installed-test
	$(PIP) install uv
	.venv/bin/uv pip compile pyproject.toml --extra workflow $(LOCK) -o envs/requirements.lock
	.venv/bin/uv pip compile pyproject.toml --extra workflow --extra test -c envs/requirements.lock $(LOCK) -o envs/requirements-test.lock
	echo cytools | .venv/bin/uv pip compile - $(LOCK) -o envs/requirements-cytools.lock
	sed -i '/^  - pip:$$/q' envs/vacuagym.yaml
	sed -n 's/^\([^ #].*[^ \\]\) *\\$$/      - "\1"/p' envs/requirements.lock >> envs/vacuagym.yaml

LOCK = --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

clean:
	rm -rf .venv .venv-cytools .snakemake

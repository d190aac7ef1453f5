"""Predict `stability` with a permutation-invariant network: the order of the divisor classes changes no prediction.

Usage: predict.py FOLDER SPLIT OUT, for example predict.py results iid deep_sets.parquet
It needs JAX and optax, which VacuaGym does not install: .venv/bin/pip install jax==0.10.2 optax==0.2.8

A row is a set of divisor classes, each with a set of intersection numbers, see `tokens.py`. A first network embeds the
intersection numbers, which are pooled for each class. A second one embeds the classes, which are pooled for the row. A
third one sees the result and the ranks of the flat inputs. Each dataset has a model of its own; where a split holds out a
dataset, one model is trained on all the others.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
from tokens import tokens

import vacuagym
from vacuagym.benchmark.loading import LoadedTask
from vacuagym.benchmark.splits import SPLITS

SEED = 0
ROWS, VAL_ROWS = 80_000, 4_000  # at most
STEPS, CHECK_STEPS = 2_500, 250  # in all; between two measurements of the loss on `val`
BATCH, RATE = 256, 2e-3
N_CLASSES, N_TERMS = 24, 288  # of a row, at most; each class gets an equal part of the intersection numbers
WIDTH = 16  # of the embedding of an intersection number
LISTS = ["ray", "triple_intersection_indices", "triple_intersection_numbers", "second_chern_numbers"]

Network = list[tuple[jax.Array, jax.Array]]  # weights and biases of each layer
Arrays = tuple[np.ndarray, ...]  # flat inputs, classes, terms: of the same rows


def new_network(key: jax.Array, *sizes: int) -> Network:
    """A network with random weights."""
    keys = jax.random.split(key, len(sizes) - 1)
    shapes = zip(keys, sizes[:-1], sizes[1:], strict=True)
    return [(jax.random.normal(k, (a, b)) * np.sqrt(2 / a), jnp.zeros(b)) for k, a, b in shapes]


def through(network: Network, x: jax.Array) -> jax.Array:
    """The outputs of a network."""
    for weights, biases in network[:-1]:
        x = jax.nn.gelu(x @ weights + biases)
    return x @ network[-1][0] + network[-1][1]


def pooled(x: jax.Array, there: jax.Array) -> jax.Array:
    """Mean, maximum and log-sum-exp over the elements of a set; `there` is 1 for an element and 0 for padding."""
    low = jnp.where(there > 0, x, -30.0)
    mean = (x * there).sum(axis=-2) / jnp.maximum(there.sum(axis=-2), 1)
    return jnp.concatenate([mean, low.max(axis=-2), jax.nn.logsumexp(low, axis=-2)], axis=-1)


def logits(networks: list[Network], flat: jax.Array, classes: jax.Array, terms: jax.Array) -> jax.Array:
    """The log of the probabilities of the labels, up to a constant."""
    of_terms, of_classes, of_rows = networks
    x = pooled(through(of_terms, terms), terms[..., -1:])
    x = pooled(through(of_classes, jnp.concatenate([classes, x], axis=-1)), classes[..., -1:])
    return through(of_rows, jnp.concatenate([flat, x], axis=-1))


def loss(networks: list[Network], y: jax.Array, *x: jax.Array) -> jax.Array:
    """Mean log loss."""
    return optax.softmax_cross_entropy_with_integer_labels(logits(networks, *x), y).mean()


class Inputs:
    """Turns rows of a task into arrays, with the ranks among its training rows."""

    def __init__(self, task: LoadedTask, train: pl.DataFrame):
        self.geometries, self.names = task.geometries, task.inputs
        self.sorted = np.sort(self.flat(train), axis=0)
        self.n_classes = min(N_CLASSES, self.geometries["second_chern_numbers"].list.len().max())

    def flat(self, rows: pl.DataFrame) -> np.ndarray:
        """The inputs that are numbers or truth values."""
        return rows.select(pl.col(self.names).cast(pl.Float64)).to_numpy()

    def __call__(self, rows: pl.DataFrame) -> Arrays:
        """Flat inputs as ranks from -1 to 1, tokens of the classes, tokens of their intersection numbers."""
        columns = zip(self.sorted.T, self.flat(rows).T, strict=True)
        ranks = [2 * np.searchsorted(known, column, side="right") / len(known) - 1 for known, column in columns]
        lists = rows.join(self.geometries, on=["dataset", "geometry_id"], how="left", maintain_order="left")
        sets = []
        for ray, indices, kappa, c2 in lists.select(LISTS).iter_rows():
            numbers = np.array(ray), np.reshape(indices, (-1, 3)), np.array(kappa, float), np.array(c2, float)
            sets.append(tokens(*numbers, self.n_classes, N_TERMS // self.n_classes))
        return np.stack(ranks, axis=1).astype(np.float32), *map(np.stack, zip(*sets, strict=True))


def fit(x: Arrays, y: np.ndarray, val: Arrays, y_val: np.ndarray) -> list[Network]:
    """Train networks of intersection numbers, of classes and of rows; those of the step with the lowest loss on `val`.

    Parameters
    ----------
    x, val : tuple of ndarray
        Of the rows to train on and to validate on, see `Inputs`.
    y, y_val : ndarray, (rows,) int
        Numbers of their labels.
    """
    key, rng = jax.random.key(SEED), np.random.default_rng(SEED)
    flat, classes, terms = (array.shape[-1] for array in x)
    sizes = (terms, WIDTH, WIDTH), (classes + 3 * WIDTH, 2 * WIDTH, 2 * WIDTH), (flat + 6 * WIDTH, 128, 64, max(y) + 1)
    networks = [new_network(k, *some) for k, some in zip(jax.random.split(key, 3), sizes, strict=True)]
    rule = optax.adamw(optax.cosine_decay_schedule(RATE, STEPS), weight_decay=1e-3)
    rule = optax.chain(optax.clip_by_global_norm(1.0), rule)
    state, best, measure = rule.init(networks), (np.inf, networks), jax.jit(loss)

    @jax.jit
    def step(networks, state, *batch):
        changes, state = rule.update(jax.grad(loss)(networks, *batch), state, networks)
        return optax.apply_updates(networks, changes), state

    for number in range(1, STEPS + 1):
        rows = rng.integers(len(y), size=BATCH)
        networks, state = step(networks, state, y[rows], *(array[rows] for array in x))
        if number % CHECK_STEPS == 0:
            reached = float(measure(networks, y_val, *val))
            print(f"step {number}: log loss on val {reached:.4f}", flush=True)
            best = min(best, (reached, networks), key=lambda pair: pair[0])
    return best[1]


def predictions(task: LoadedTask) -> pl.DataFrame:
    """Train on a task; the keys of its test rows, and the probability of each label."""
    names = sorted(set(task.train["stability"]))
    train = task.train.sample(min(ROWS, len(task.train)), seed=SEED)
    val = task.val.sample(min(VAL_ROWS, len(task.val)), seed=SEED)
    inputs = Inputs(task, train)
    y, y_val = (np.array([names.index(label) for label in rows["stability"]]) for rows in (train, val))
    networks = fit(inputs(train), y, inputs(val), y_val)
    print(f"{task.datasets}: {len(y):,} rows, {sum(array.size for array in jax.tree.leaves(networks)):,} parameters")
    predict = jax.jit(lambda *x: jax.nn.softmax(logits(networks, *x)))
    p = np.concatenate([predict(*inputs(rows)) for rows in task.test.iter_slices(2_000)])
    return task.test.select(task.keys).with_columns(pl.Series(f"p_{name}", p[:, k]) for k, name in enumerate(names))


def main(folder: str, split: str, out: str) -> None:
    """Write the predictions of a split."""
    whole = vacuagym.load_task("stability", split=split, folder=folder)
    datasets = [None] if SPLITS[split].holds_out else whole.datasets  # None: all of them, the held out one for `test`
    tasks = [vacuagym.load_task("stability", dataset, split, folder) for dataset in datasets]
    pl.concat(predictions(task) for task in tasks if len(task.test)).write_parquet(out)


if __name__ == "__main__":
    main(*sys.argv[1:])

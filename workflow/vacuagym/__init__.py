"""VacuaGym: string-theory geometries, exact features and simulated vacuum-stability labels.

>>> import vacuagym
>>> task = vacuagym.load_task("stability", dataset="ks")  # doctest: +SKIP
>>> task.evaluate(model.predict(task.test.select(task.inputs)))  # doctest: +SKIP

The package knows nothing of Snakemake: everything here can be imported, tested and used alone.
"""

__version__ = "1.0.0"


def __getattr__(name: str):
    """`tasks` and `load_task`, imported when they are first asked for: jobs of the workflow do without what they need."""
    if name in ("tasks", "load_task"):
        from vacuagym.benchmark import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

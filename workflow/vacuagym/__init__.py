"""VacuaGym: string-theory geometries, exact features and simulated vacuum-stability labels.

The package knows nothing of Snakemake: everything here can be imported, tested and used alone.
"""

__version__ = "0.1.0"

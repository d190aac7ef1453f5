"""The label engine: draw couplings, find critical points, prove them, classify them. It knows no physics."""

from vacuagym.engine import compile_cache

compile_cache.use_own_folder()

from vacuagym.engine.labels import CLASSES, STABILITY_COLUMNS, geometry_stability, label, label_columns  # noqa: E402

__all__ = ["CLASSES", "STABILITY_COLUMNS", "geometry_stability", "label", "label_columns"]

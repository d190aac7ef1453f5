"""The label engine: draw couplings, find critical points, prove them, classify them. It knows no physics."""

from vacuagym.engine.labels import CLASSES, STABILITY_COLUMNS, geometry_stability, label, label_columns

__all__ = ["CLASSES", "STABILITY_COLUMNS", "geometry_stability", "label", "label_columns"]

"""The hash of the values of a frame, whatever file they stood in."""

import hashlib

import polars as pl


def values_sha256(rows: pl.DataFrame) -> str:
    """SHA-256 (hex) of the names and values of the columns of a frame, in the order of its rows."""
    digest = hashlib.sha256()
    for name in sorted(rows.columns):
        column = rows[name]
        if column.dtype in (pl.String, pl.Enum):
            parts = ["text", "\0".join(column.cast(pl.String))]
        elif column.dtype == pl.List:
            values = column.explode(empty_as_null=False).drop_nulls().to_numpy()
            parts = [values.dtype.str, column.list.len().cast(pl.Int64).to_numpy().tobytes(), values.tobytes()]
        else:
            parts = [column.to_numpy().dtype.str, column.to_numpy().tobytes()]
        for part in (name, *parts):
            data = part if isinstance(part, bytes) else part.encode()
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()

"""The hash of values: it changes with any of them, and with nothing else."""

import polars as pl

from vacuagym.benchmark.values import values_sha256


def test_names_types_and_every_value_count():
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "yz"], "c": [[1], [2, 3]]})
    same = pl.concat([frame[:1], frame[1:]], rechunk=False).select("c", "a", "b")
    assert values_sha256(same) == values_sha256(frame)
    others = [
        frame.rename({"a": "d"}),
        frame.with_columns(pl.col("a").cast(pl.Int32)),
        frame.with_columns(b=pl.Series(["xy", "z"])),
        frame.with_columns(c=pl.Series([[1, 2], [3]])),
        frame[::-1],
    ]
    assert len({values_sha256(other) for other in [frame, *others]}) == 6

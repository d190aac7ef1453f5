"""The split in distribution."""

from vacuagym.benchmark.splits.base import Split, in_distribution

SPLITS = Split(
    name="iid",
    text="70/15/15 by a hash of the duplicate group: the same distribution in every part.",
    part=lambda family, threshold: in_distribution(),
    shifts=False,
)

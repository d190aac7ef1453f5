"""The split in distribution."""

from vacuagym.benchmark.splits.base import IID_SHARES, Split, by_group

SPLITS = Split(
    name="iid",
    text="70/15/15 by a hash of the duplicate group: the same distribution in every part.",
    part=lambda family, threshold: by_group(IID_SHARES),
)

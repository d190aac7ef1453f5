"""A set of integer sequences for compiled code: values and offsets in the order of insertion, and a table of hashes."""

import numpy as np

from vacuagym.numerics.compiled import njit


@njit(cache=True, nogil=True)
def insert(sequence, count, values, offsets, slots):
    """Append a sequence to the ``count`` distinct ones so far unless it is among them; returns their number.

    Parameters
    ----------
    sequence : (length,) int.
    values, offsets : sequence i is values[offsets[i]:offsets[i + 1]]; offsets[0] is 0. As long as there is room.
    slots : (power of two,) int, at first -1 everywhere; longer than there are sequences.

    Raises
    ------
    RuntimeError : there is no room for the sequence.
    """
    slot = _find(sequence, values, offsets, slots)
    if slots[slot] >= 0:
        return count
    start = offsets[count]
    if count + 1 == len(offsets) or start + len(sequence) > len(values):
        raise RuntimeError("more sequences than there is room for")
    slots[slot] = count
    for j in range(len(sequence)):
        values[start + j] = sequence[j]
    offsets[count + 1] = start + len(sequence)
    return count + 1


@njit(cache=True, nogil=True)
def _find(sequence, values, offsets, slots):
    """Slot of a sequence in the open-addressing table: the one that holds it (compared in full) or an empty one."""
    code = np.uint64(14695981039346656037)  # FNV-1a, an entry at a time
    for x in sequence:
        code = (code ^ np.uint64(x)) * np.uint64(1099511628211)
    last = len(slots) - 1
    slot = np.int64((code ^ (code >> np.uint64(29))) & np.uint64(last))
    while slots[slot] >= 0:
        start, stop = offsets[slots[slot]], offsets[slots[slot] + 1]
        if stop - start == len(sequence):
            j = 0
            while j < len(sequence) and values[start + j] == sequence[j]:
                j += 1
            if j == len(sequence):
                break
        slot = (slot + 1) & last
    return slot

"""Ids and the rows of a matrix that stand for them. Joining by id, never by position, starts here."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute


def positions(ids: pa.Array | pa.ChunkedArray, among: pa.StringArray) -> np.ndarray:
    """Where each id stands among others; -1 where it does not."""
    found = pyarrow.compute.index_in(ids.cast(pa.string()), value_set=among)
    return pyarrow.compute.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def encode(ids: pa.ChunkedArray) -> tuple[pa.StringArray, np.ndarray]:
    """Sorted distinct ids, and each row's position among them."""
    encoded = ids.combine_chunks().dictionary_encode()
    dictionary = encoded.dictionary.cast(pa.string())
    order = np.argsort(dictionary.to_numpy(zero_copy_only=False).astype(object), kind="stable")
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return dictionary.take(pa.array(order)), position[encoded.indices.to_numpy()]


def highest(values: np.ndarray, count: int) -> np.ndarray:
    """Columns of each row's highest values, by column; of values equal at the cut, those of the smaller columns.

    Parameters
    ----------
    values
        Shape ``(rows, columns)``, without NaN. Where columns are sorted ids, ties go to the smaller id.
    count
        How many per row, at most ``columns``.

    Returns
    -------
    numpy.ndarray
        Shape ``(rows, count)``, ascending within a row.
    """
    if not count:  # NumPy partitions no empty rows
        return np.empty((len(values), 0), dtype=np.int64)
    # Negated, as NumPy is slow to partition where many values equal the lowest.
    cut = -np.partition(-values, count - 1, axis=1)[:, count - 1, None]
    is_taken = values >= cut
    surplus = np.count_nonzero(is_taken, axis=1) - count
    for row in np.flatnonzero(surplus):
        end = np.flatnonzero(values[row] == cut[row])[-surplus[row]]
        is_taken[row, end:] = values[row, end:] > cut[row]
    return np.nonzero(is_taken)[1].reshape(-1, count)

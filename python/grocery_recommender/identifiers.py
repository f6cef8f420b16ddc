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

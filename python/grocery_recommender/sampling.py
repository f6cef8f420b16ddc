"""Samples of whole customers, and of pairs: stable over runs, weeks and engines."""

from __future__ import annotations


def customer_sample(pairs: int, at_most: int) -> str:
    """SQL condition on ``customer_id`` that keeps about ``at_most`` of so many pairs, all or none of a customer's.

    Parameters
    ----------
    pairs
        How many there are.
    at_most
        How many are wanted; where there are fewer, all are kept.
    """
    # A draw of its own: a shop that was itself cut by a plain hash would be sampled within.
    return _hash_is_low("concat('sample/', customer_id)", pairs, at_most)


def pair_sample(pairs: int, at_most: int) -> str:
    """The same for single pairs: many customers, of whom each has few."""
    return _hash_is_low("concat_ws('|', customer_id, product_id)", pairs, at_most)


def _hash_is_low(key: str, rows: int, at_most: int) -> str:
    # The first 32 bits of a hash decide; hex digits sort as the numbers that they write.
    share = min(at_most / max(rows, 1), 1)
    return f"substr(md5({key}), 1, 8) <= '{int(share * 0xFFFFFFFF):08x}'"

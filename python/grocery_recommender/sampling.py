"""Samples of whole customers: stable over runs, weeks and engines."""

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
    # The first 32 bits of a hash decide; hex digits sort as the numbers that they write.
    share = min(at_most / max(pairs, 1), 1)
    return f"substr(md5(customer_id), 1, 8) <= '{int(share * 0xFFFFFFFF):08x}'"

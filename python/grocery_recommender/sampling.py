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
    # The first 32 bits of a hash decide.
    limit = min(at_most / max(pairs, 1), 1) * 2**32
    return f"cast('0x' || substr(md5(customer_id), 1, 8) as bigint) < {limit:.0f}"

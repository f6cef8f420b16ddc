"""Texts and paths in the SQL that Python writes."""

from __future__ import annotations

from pathlib import Path


def literal(text: str | Path) -> str:
    """A text or path as a string literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"

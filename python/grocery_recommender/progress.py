"""Progress lines of the Python steps, in the console and in dbt's log."""

from __future__ import annotations

import sys


def report(line: str) -> None:
    """Show one line at once, indented like dbt's own node lines."""
    print(f"          {line}", file=sys.stderr, flush=True)

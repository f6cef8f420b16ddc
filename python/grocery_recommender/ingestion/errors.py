"""The one error that ingestion raises on purpose."""

from __future__ import annotations

from collections.abc import Iterable


class IngestionError(Exception):
    """The files cannot be loaded as they are; the message says which, what is wrong and what to do."""

    # dbt prints the traceback of whatever a Python model raises. Where the program stood says nothing to the person who
    # put the files there, and would bury the message.
    __traceback__ = None

    @classmethod
    def of(cls, problems: Iterable[str]) -> IngestionError:
        """Gather several problems into one error, one a line, so that they can be mended in one go."""
        return cls("\n".join(["Nothing was loaded, and what was loaded before is untouched.", *problems]))

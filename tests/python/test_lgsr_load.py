"""The LGSR adapter as a user runs it: `dbt build`, week after week, on a folder that changes between runs."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from lgsr_folder import HEADER, PROJECT, WEEKS, Folder, make_line, make_lines

NAME = f"transactions_{WEEKS[0]}.csv"


class Warehouse:
    """A warehouse that dbt builds from a folder.

    Parameters
    ----------
    home : Path
        Where the folder of files and the DuckDB file are.
    """

    def __init__(self, home: Path) -> None:
        self.folder = Folder(home / "it's a shop")
        self.database = home / "lgsr.duckdb"
        self.target = home / "target"
        self.manifest = None

    def empty(self) -> None:
        """Start again."""
        self.folder = Folder(self.folder.path)
        self.database.unlink(missing_ok=True)

    def build(self, *arguments: str) -> dict[str, str]:
        """Run `dbt build` on staging.

        Returns
        -------
        dict
            Status by node name; ``message`` holds what went wrong.
        """
        variables = f"{{retailer: lgsr, lgsr_path: {str(self.folder.path)!r}}}".replace("\\'", "''")
        runner = dbtRunner(manifest=self.manifest)
        outcome = runner.invoke(
            ["build", "--select", "+staging", "--vars", yaml_mapping(self.folder.path), "--project-dir", str(PROJECT),
             "--profiles-dir", str(PROJECT), "--target-path", str(self.target), "--log-path", str(self.target),
             "--quiet", *arguments]
        )  # fmt: skip
        assert variables
        self.manifest = self.manifest or runner.manifest
        results = {result.node.name: str(result.status) for result in outcome.result}
        messages = [result.message for result in outcome.result if str(result.status) in ("error", "fail")]
        return results | {"message": "\n".join(messages)}

    def query(self, sql: str) -> list[tuple]:
        """Return the rows of a query on the built warehouse."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def contents(self) -> dict[str, list[tuple]]:
        """Return all canonical relations."""
        relations = ("transaction_lines", "rejected_lines", "products", "customers", "stores", "promotions", "weeks")
        return {name: self.query(f"select * from staging.{name} order by all") for name in relations}

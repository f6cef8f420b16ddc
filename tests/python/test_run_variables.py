"""What counts as code, and which vars count: stored rows are kept only while they are the same."""

from __future__ import annotations

import ast
import re
import sys
from argparse import Namespace
from pathlib import Path

import dbt.flags
import pytest
import yaml
from conftest import PROJECT
from dbt_common.invocation import reset_invocation_id
from grocery_recommender import run_variables
from grocery_recommender.run_variables import LEARNING_LIBRARIES, code_version

PARTS = ("models",)
PROJECT_FILE = """
name: shop
vars:
  observation_weeks: 52
  lgsr_path: old
  window_lines_at_a_time: 7
  target_week: null
  flyer_items: 20
"""
SQL = """
select {{ var('observation_weeks') }} as weeks from {{ var("lgsr_path") }}
{{ var('window_lines_at_a_time') }} {{ var('target_week') }}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text(PROJECT_FILE)
    (tmp_path / "models/a.sql").write_text(SQL)
    for name in ("models/a.yml", "models/b.py"):
        (tmp_path / name).write_text("old")
    return tmp_path


def version_of(project: Path, **variables: object) -> str:
    return code_version(project, PARTS, LEARNING_LIBRARIES, variables)


@pytest.mark.parametrize("name", ["models/a.sql", "models/b.py", "models/new.sql"])
def test_an_edit_of_code_counts(project: Path, name: str) -> None:
    before = version_of(project)
    (project / name).write_text(SQL + "new")
    assert version_of(project) != before


def test_an_edit_of_the_project_counts(project: Path) -> None:
    before = version_of(project)
    (project / "dbt_project.yml").write_text(PROJECT_FILE.replace("shop", "stall"))
    assert version_of(project) != before


def test_an_edit_of_documentation_does_not(project: Path) -> None:
    before = version_of(project)
    (project / "models" / "a.yml").write_text("new")
    (project / "dbt_project.yml").write_text(f"# A comment.\n{PROJECT_FILE}")
    assert version_of(project) == before


def test_a_var_counts_by_its_value_wherever_given(project: Path) -> None:
    before = version_of(project)
    assert version_of(project, observation_weeks=52) == before
    other = version_of(project, observation_weeks=26)
    assert other != before
    (project / "dbt_project.yml").write_text(PROJECT_FILE.replace("52", "26"))
    assert version_of(project) == other


@pytest.mark.parametrize("name", ["lgsr_path", "window_lines_at_a_time", "target_week", "flyer_items"])
def test_a_var_that_changes_no_row_or_is_not_read_does_not_count(project: Path, name: str) -> None:
    assert version_of(project, **{name: 1}) == version_of(project)


def test_parameters_that_tuning_writes_count_for_what_is_pooled_and_fit_nothing(project: Path) -> None:
    def versions() -> list[str]:
        parts = (run_variables.FEATURE_CODE, run_variables.LEARNING_CODE, run_variables.EVALUATION_CODE)
        return [code_version(project, part, (), {}) for part in parts]

    (project / "seeds").mkdir()
    seed = project / "seeds/classifier_parameters.csv"
    seed.write_text("objective,parameter,value\n")
    before = versions()
    seed.write_text("objective,parameter,value\nbinary,num_leaves,15\n")
    assert [now == then for now, then in zip(versions(), before, strict=True)] == [True, True, False]


def test_a_var_counts_where_it_is_written_for_the_project_alone(project: Path) -> None:
    before = version_of(project)
    text = (project / "dbt_project.yml").read_text()
    (project / "dbt_project.yml").write_text(text.replace("vars:\n", "vars:\n  shop: {observation_weeks: 5}\n"))
    assert version_of(project) not in (before, version_of(project, observation_weeks=6))
    assert version_of(project) == version_of(project, observation_weeks=5)


VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]


@pytest.mark.parametrize("parts", [run_variables.FEATURE_CODE, run_variables.EVALUATION_CODE])
def test_lists_and_flyers_of_other_lengths_cost_no_fit_and_no_measurement(parts: tuple[str, ...]) -> None:
    before = code_version(PROJECT, parts, (), {})
    counting = {name for name in VARS if code_version(PROJECT, parts, (), {name: "other"}) != before}
    of_products = {
        *("recommendations_per_customer", "new_recommendations_per_customer", "shopping_list_maximum_length"),
        *("flyer_items_per_customer", "flyer_items_per_category", "flyer_new_item_share", "flyer_minimum_store_share"),
        *("would_buy_anyway_probability", "reminders_per_customer", "backtest_weeks", "pseudonymous_customer_ids"),
    }
    change_no_row = {name for name in VARS if run_variables.CHANGES_NO_ROW.fullmatch(name)}
    assert counting == set(VARS) - of_products - change_no_row


def imported(path: Path) -> set[str]:
    """Modules of the library that a file imports, and those that these import, without what decides no row."""
    library = PROJECT / "python/grocery_recommender"
    found: set[str] = set()
    to_read = [path]
    while to_read:
        for node in ast.walk(ast.parse(to_read.pop().read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("grocery_recommender"):
                continue
            package = "/".join(node.module.split(".")[1:])
            names = [package, *(f"{package}/{alias.name}".lstrip("/") for alias in node.names)]
            new = {name for name in names if (library / f"{name}.py").exists()} - {*found, "progress", "run_variables"}
            to_read += [library / f"{name}.py" for name in new]
            found |= new
    return {f"python/grocery_recommender/{name}.py" for name in found}


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("retrieval", run_variables.FEATURE_CODE),
        ("ranking", run_variables.LEARNING_CODE),
        ("evaluation", run_variables.EVALUATION_CODE),
    ],
)
def test_what_a_model_imports_counts(folder: str, code: tuple[str, ...]) -> None:
    modules = set().union(*map(imported, (PROJECT / "models/ml" / folder).glob("*.py")))
    assert len(modules) >= 4
    assert modules <= set(code)


def test_an_edit_of_the_report_or_of_publishing_forgets_no_measured_week() -> None:
    """Scores of past weeks are gone, so that they cannot be measured again."""
    paths = [PROJECT / part for part in run_variables.EVALUATION_CODE]
    counted = {file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))}
    library = PROJECT / "python/grocery_recommender"
    assert {library / "classifier.py", library / "ranking.py"} <= counted
    assert not {library / "publishing.py", library / "report/page.py", library / "list_length.py"} & counted


@pytest.mark.parametrize(
    ("folder", "libraries"),
    [("retrieval", run_variables.FEATURE_LIBRARIES), ("ranking", run_variables.LEARNING_LIBRARIES)],
)
def test_the_libraries_that_it_imports_count(folder: str, libraries: tuple[str, ...]) -> None:
    """But not those that compute nothing: they carry rows, limit threads, or hold a flag."""
    modules = set().union(*map(imported, (PROJECT / "models/ml" / folder).glob("*.py")))
    found = set()
    for module in modules:
        for node in ast.walk(ast.parse((PROJECT / module).read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            found |= {name.split(".")[0] for name in names}
    found -= {*sys.stdlib_module_names, "dbt", "grocery_recommender", "pyarrow", "threadpoolctl"}
    assert {name.replace("sklearn", "scikit-learn") for name in found} <= set(libraries)


@pytest.mark.parametrize("parts", [run_variables.FEATURE_CODE, run_variables.EVALUATION_CODE])
def test_the_macros_that_a_model_calls_count(parts: tuple[str, ...]) -> None:
    """Others, as those that word reasons, may be edited without a new fit or measurement."""
    paths = [PROJECT / part for part in parts]
    counted = {file for path in paths for file in ([path] if path.suffix == ".sql" else path.rglob("*.sql"))}
    code = "".join(file.read_text() for file in counted)
    others = set((PROJECT / "macros").rglob("*.sql")) - counted
    assert PROJECT / "macros/reasons.sql" in others
    called = {name for file in others for name in re.findall(r"macro (\w+)\(", file.read_text()) if f"{name}(" in code}
    assert called == set()


@pytest.mark.parametrize("library", LEARNING_LIBRARIES)
def test_another_release_of_a_library_counts(project: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    before = version_of(project)
    installed = run_variables.version
    monkeypatch.setattr(run_variables, "version", lambda name: "0" if name == library else installed(name))
    assert version_of(project) != before


def test_another_release_of_the_explainer_fits_nothing_and_keeps_what_is_pooled(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = run_variables.version

    def versions_with(releases: dict[str, str]) -> dict[str, str]:
        monkeypatch.setattr(run_variables, "version", lambda name: releases.get(name) or installed(name))
        monkeypatch.setattr(dbt.flags, "GLOBAL_FLAGS", Namespace(VARS={}))
        reset_invocation_id()
        return run_variables.run_variables(project)

    before, after = versions_with({}), versions_with({run_variables.EXPLAINER: "0"})
    assert before == after


def test_a_library_may_be_missing(project: Path) -> None:
    assert code_version(project, PARTS, ("no-such-package",), {}) != code_version(project, PARTS, (), {})


def test_each_invocation_in_a_process_has_its_own(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "models/staging").mkdir()
    (project / "models/staging/a.sql").write_text(SQL)

    def version_of_invocation(**variables: object) -> str:
        monkeypatch.setattr(dbt.flags, "GLOBAL_FLAGS", Namespace(VARS=variables))
        reset_invocation_id()
        return run_variables.run_variables(project)["feature_code_version"]

    first = version_of_invocation()
    assert version_of_invocation(observation_weeks=26) != first
    assert version_of_invocation() == first
    (project / "models/staging/a.sql").write_text(f"{SQL} new")
    assert version_of_invocation() != first


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("models/staging/lgsr/a.sql", {"feature", "learning", "evaluation"}),
        ("models/features/a.sql", {"feature", "learning", "evaluation"}),
        ("models/ml/ranking/a.py", {"learning", "evaluation"}),
        ("python/grocery_recommender/classifier.py", {"learning", "evaluation"}),
        ("models/ml/evaluation/a.sql", {"evaluation"}),
        ("python/grocery_recommender/full_grid.py", {"evaluation"}),
        ("models/marts/a.sql", set()),
    ],
)
def test_an_edit_counts_from_its_stage_on(
    project: Path, monkeypatch: pytest.MonkeyPatch, path: str, changed: set[str]
) -> None:
    monkeypatch.setattr(dbt.flags, "GLOBAL_FLAGS", Namespace(VARS={}))

    def versions(content: str) -> dict[str, str]:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(content)
        reset_invocation_id()
        return run_variables.run_variables(project)

    before, after = versions("old"), versions("new")
    assert {name.removesuffix("_code_version") for name in before if before[name] != after[name]} == changed

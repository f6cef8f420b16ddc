"""What counts as code, and which vars count: stored rows are kept only while they are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from dbt.flags import get_flags
from dbt_common.invocation import reset_invocation_id
from grocery_recommender import run_variables
from grocery_recommender.run_variables import LEARNING_LIBRARIES, code_version, settings_version

PARTS = ("dbt_project.yml", "models")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    for name in ("dbt_project.yml", "models/a.sql", "models/a.yml", "models/b.py"):
        (tmp_path / name).write_text("old")
    return tmp_path


@pytest.mark.parametrize("name", ["dbt_project.yml", "models/a.sql", "models/b.py", "models/new.sql"])
def test_an_edit_of_code_counts(project: Path, name: str) -> None:
    before = code_version(project, PARTS, LEARNING_LIBRARIES)
    (project / name).write_text("new")
    assert code_version(project, PARTS, LEARNING_LIBRARIES) != before


def test_an_edit_of_documentation_does_not(project: Path) -> None:
    before = code_version(project, PARTS, LEARNING_LIBRARIES)
    (project / "models" / "a.yml").write_text("new")
    assert code_version(project, PARTS, LEARNING_LIBRARIES) == before


@pytest.mark.parametrize("library", LEARNING_LIBRARIES)
def test_another_release_of_a_library_counts(project: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    before = code_version(project, PARTS, LEARNING_LIBRARIES)
    installed = run_variables.version
    monkeypatch.setattr(run_variables, "version", lambda name: "0" if name == library else installed(name))
    assert code_version(project, PARTS, LEARNING_LIBRARIES) != before


def test_a_library_may_be_missing(project: Path) -> None:
    assert code_version(project, PARTS, ("no-such-package",)) != code_version(project, PARTS, ())


SETTINGS = {"retailer": "lgsr", "observation_weeks": 26}


def test_vars_count_in_any_order() -> None:
    assert settings_version(SETTINGS) == settings_version(dict(reversed(SETTINGS.items())))
    assert settings_version(SETTINGS) != settings_version(SETTINGS | {"observation_weeks": 27})
    assert settings_version(SETTINGS) != settings_version({})


@pytest.mark.parametrize("name", ["target_week", "lgsr_path", "offers_path", "customers_at_a_time", "lines_at_a_time"])
def test_vars_that_change_no_row_do_not_count(name: str) -> None:
    assert settings_version(SETTINGS | {name: 1}) == settings_version(SETTINGS)


def test_each_invocation_in_a_process_has_its_own(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made_by(variables: dict[str, object]) -> str:
        monkeypatch.setattr(get_flags(), "VARS", variables, raising=False)
        reset_invocation_id()
        return run_variables.run_variables(project)["made_by"]

    first = made_by(SETTINGS)
    assert made_by({}) != first
    assert made_by(SETTINGS) == first
    (project / "dbt_project.yml").write_text("new")
    assert made_by(SETTINGS) != first

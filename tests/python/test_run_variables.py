"""What counts as code: stored rows are kept only while it is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from grocery_recommender import run_variables
from grocery_recommender.run_variables import LEARNING_LIBRARIES, code_version

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

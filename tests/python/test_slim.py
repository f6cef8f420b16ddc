"""Which models a build of a branch makes: `.ci/slim` chooses a selector by the files that were edited."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT
from dbt.config.selectors import SelectorDict

LIBRARY = "python/grocery_recommender"


@pytest.mark.parametrize(
    ("edited", "selection"),
    [
        (["models/a.sql"], "--selector changed"),
        ([f"{LIBRARY}/als.py"], "--selector changed_with_learning"),
        ([f"{LIBRARY}/supplied_files.py"], "--selector changed_with_loading"),
        ([f"{LIBRARY}/als.py", f"{LIBRARY}/ingestion/files.py"], "--selector changed_with_loading"),
        (["dbt_project.yml"], ""),
        (["macros/materializations/a.sql"], ""),
        (["requirements.txt", f"{LIBRARY}/als.py"], ""),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_edited_files_choose_the_selector(tmp_path: Path, edited: list[str], selection: str) -> None:
    def git(*arguments: str) -> None:
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *author, *arguments], cwd=tmp_path, check=True)

    files = (
        "models/a.sql",
        "macros/materializations/a.sql",
        "dbt_project.yml",
        "requirements.txt",
        *(f"{LIBRARY}/{name}" for name in ("als.py", "supplied_files.py", "ingestion/files.py")),
    )
    for name in (*files, ".ci/slim", ".venv/bin/dbt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    shutil.copy(PROJECT / ".ci/slim", tmp_path / ".ci/slim")
    (tmp_path / ".venv/bin/dbt").write_text("#!/bin/sh\necho $*\n")
    (tmp_path / ".venv/bin/dbt").chmod(0o755)
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "base")
    for name in edited:
        (tmp_path / name).write_text("new")
    slim = subprocess.run([tmp_path / ".ci/slim", tmp_path, "HEAD"], capture_output=True, text=True, check=True)
    state = f" {selection} --state {tmp_path}" if selection else ""
    assert slim.stdout == f"build{state}\n"


def test_ranges_of_features_are_looked_at_whatever_was_edited() -> None:
    written = yaml.safe_load((PROJECT / "selectors.yml").read_text())["selectors"]
    selectors = SelectorDict.parse_from_selectors_list(written)
    ranges = {"method": "test_name", "value": "features_in_range"}
    assert ranges in selectors["changed"]["definition"]["union"]
    assert selectors["changed"]["definition"] in selectors["changed_with_learning"]["definition"]["union"]


def test_what_learns_is_made_after_an_edit_of_loading_too() -> None:
    """Where nothing that learns follows from the edited files, as on The Complete Journey, all the same."""
    written = yaml.safe_load((PROJECT / "selectors.yml").read_text())["selectors"]
    selectors = SelectorDict.parse_from_selectors_list(written)
    parts = selectors["changed_with_loading"]["definition"]["union"]
    assert selectors["changed_with_learning"]["definition"] in parts
    assert "models/staging/**/*.py" in [part.get("value") for part in parts]

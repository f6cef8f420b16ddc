"""Vars that are misspelt or out of range stop a run before it does anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT, Warehouse


def test_every_var_of_the_project_is_checked() -> None:
    variables = set(yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"])
    lists = (PROJECT / "macros" / "vars.sql").read_text().split("{%- if execute -%}")[0]
    assert set(re.findall(r"'([a-z0-9_]+)'", lists)) == variables


def test_every_adapter_is_linted() -> None:
    adapters = {path.name for path in (PROJECT / "models" / "staging").iterdir() if path.is_dir()} - {"supplied"}
    (retailers,) = re.findall(r"^RETAILERS := (.+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert set(retailers.split()) == adapters


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"traget_week": 48},
            "there is no var traget_week; those that there are stand in dbt_project.yml and in macros/vars.sql",
        ),
        ({"training_weeks": 0}, "var training_weeks is 0; it must be a whole number from 1 to 520"),
        ({"retrain_every_weeks": 1.5}, "var retrain_every_weeks is 1.5; it must be a whole number"),
        ({"observation_weeks": 53}, "var observation_weeks is 53; it must be a whole number from 1 to 52"),
        ({"holdout_share": "a tenth"}, "var holdout_share is a tenth; it must be a number from 0 to 1"),
        (
            {"winsorize_lower": 0.95, "winsorize_upper": 0.05},
            "var winsorize_lower is 0.95; it must be no more than winsorize_upper, which is 0.05",
        ),
        (
            {"offers_path": "offers/54.csv", "open_baskets_path": "baskets/54.csv"},
            "offers_path and open_baskets_path both name a file 54.csv; give one of them another name",
        ),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_a_wrong_var_is_named(tmp_path: Path, variables: dict[str, object], message: str) -> None:
    result = Warehouse(tmp_path, variables).dbt("run", "--select", "dim_stores")
    assert result.returncode != 0
    assert message in result.stdout
    assert "dim_stores" not in result.stdout


@pytest.mark.parametrize(
    ("variables", "compiled", "expected"),
    [
        ({"observation_weeks": "52"}, ("--select", "features_in_range_customer_features_"), "first_visit > 364"),
        ({"lines_at_a_time": "7"}, ("--inline", "select {{ lines_at_a_time() + 1 }}"), "select 8"),
        (
            {"customers_at_a_time": "2"},
            ("--inline", "select {% if execute %}{{ customer_slices('select 5') | length }}{% endif %}"),
            "select 3",
        ),
        # A product of floats that is a hair above seven reserves no eighth place.
        (
            {"flyer_items_per_customer": "25", "flyer_new_item_share": "0.28"},
            ("--select", "flyer_items"),
            "<= 7 as is_reserved",
        ),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_a_number_in_quotes_is_a_number(
    tmp_path: Path, variables: dict[str, object], compiled: tuple[str, str], expected: str
) -> None:
    assert expected in Warehouse(tmp_path, variables).dbt("compile", *compiled).stdout

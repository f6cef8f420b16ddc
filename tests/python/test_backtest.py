"""A backtest re-makes past weeks in a copy, and leaves the warehouse as it is."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest
from grocery_recommender import backtest


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A warehouse of weeks 46 to 50, of which 49 is the last complete one."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema core")
        connection.execute("""
            create table core.dim_weeks as
            select week, week as week_index, week - 50 as weeks_to_target from range(46, 51) as weeks(week)
        """)
    monkeypatch.setenv("GROCERY_WAREHOUSE", str(path))
    return path


def builds_of(monkeypatch: pytest.MonkeyPatch, *options: str) -> list[tuple[int | None, str, bool]]:
    """Target week, warehouse and whether it publishes, of every whole build of a backtest."""
    builds = []

    def build(variables: dict[str, object], *selection: str, **environment: str) -> None:
        if "--select" not in selection:
            publishes = "published_marts" not in selection
            builds.append((variables.get("target_week"), Path(environment["GROCERY_WAREHOUSE"]).name, publishes))
        with duckdb.connect(environment["GROCERY_WAREHOUSE"]) as connection:
            connection.execute("create schema if not exists marts")

    monkeypatch.setattr(backtest, "build", build)
    monkeypatch.setattr(sys, "argv", ["backtest", *options])
    backtest.main()
    return builds


def test_past_weeks_are_made_again_in_a_copy_and_published_nowhere(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = warehouse.read_bytes()
    for _ in range(2):  # the second takes the place of the first one's copy
        builds = builds_of(monkeypatch, "--weeks", "3", "--vars", '{"holdout_share": 0.1}')
        assert builds == [(week, "shop.backtest.duckdb", False) for week in (48, 49, None)]
        assert warehouse.read_bytes() == before


def test_without_a_number_four_weeks_are_pooled(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [week for week, *_ in builds_of(monkeypatch)] == [47, 48, 49, None]


def test_the_var_says_how_many_weeks_are_pooled(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [week for week, *_ in builds_of(monkeypatch, "--vars", '{"backtest_weeks": 2}')] == [49, None]


def test_the_var_may_stand_under_the_project_s_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dbt_project.yml").write_text("{name: shop, vars: {backtest_weeks: 0, shop: {backtest_weeks: 3}}}")
    assert backtest.default_weeks({}) == 3
    assert backtest.default_weeks({"backtest_weeks": 2}) == backtest.default_weeks({"backtest_weeks": "2"}) == 2
    assert backtest.default_weeks({"backtest_weeks": "0"}) == backtest.WEEKS


def test_one_week_is_nothing_to_pool(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="--weeks 2 or more"):
        builds_of(monkeypatch, "--weeks", "1")


def test_what_a_killed_build_has_left_in_the_log_is_copied_too(warehouse: Path) -> None:
    script = f"""
        import duckdb, os, signal
        connection = duckdb.connect({str(warehouse)!r})
        connection.execute("create schema marts; create table marts.recommendations as select 49 as target_week")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert warehouse.with_name("shop.duckdb.wal").exists()
    copy = warehouse.with_name("copy.duckdb")
    backtest.copy_warehouse(warehouse, copy)
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("from marts.recommendations").fetchall() == [(49,)]


def test_a_warehouse_that_a_build_writes_to_is_not_copied(warehouse: Path) -> None:
    script = f"import duckdb; c = duckdb.connect({str(warehouse)!r}); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as build:
        build.stdout.readline()
        with pytest.raises(duckdb.IOException, match="lock"):
            backtest.copy_warehouse(warehouse, warehouse.with_name("copy.duckdb"))
        build.communicate(b"\n")


def test_what_a_broken_off_backtest_had_logged_is_not_replayed_into_the_next(warehouse: Path) -> None:
    copy = warehouse.with_name("copy.duckdb")
    log = warehouse.with_name("copy.duckdb.wal")
    log.write_bytes(b"of another file")
    backtest.copy_warehouse(warehouse, copy)
    assert copy.read_bytes() == warehouse.read_bytes()
    assert not log.exists()
    backtest.copy_warehouse(warehouse.with_name("none.duckdb"), copy)
    assert not copy.exists()


def test_every_build_has_the_vars_and_the_calendar_comes_first(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[dict, tuple[str, ...]]] = []
    monkeypatch.setattr(backtest, "build", lambda variables, *options, **_: seen.append((variables, options)))
    monkeypatch.setattr(sys, "argv", ["backtest", "--weeks", "2", "--vars", '{"retailer": "lgsr"}'])
    backtest.main()
    assert {variables["retailer"] for variables, _ in seen} == {"lgsr"}
    assert seen[0][1][:2] == ("--select", "+dim_weeks")
    assert [variables.get("target_week") for variables, _ in seen] == [None, 49, None]


def test_a_build_that_fails_ends_the_backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fails = tmp_path / "dbt"
    fails.write_text('#!/bin/sh\necho "$@ $GROCERY_WAREHOUSE"\nexit 3\n')
    fails.chmod(0o755)
    monkeypatch.setattr(backtest, "DBT", fails)
    with pytest.raises(SystemExit) as stopped:
        backtest.build({"target_week": 49}, "--select", "x", GROCERY_WAREHOUSE="copy.duckdb")
    assert stopped.value.code == 3
    assert capfd.readouterr().out == 'build --vars {"target_week": 49} --select x copy.duckdb\n'

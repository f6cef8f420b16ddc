"""What breaks must say so and lose nothing: builds that are killed, locked out, starved or shuffled.

Each fault is followed by one more build, which must give what an undisturbed build gives. They take many
minutes: ``make faults``.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from conftest import FEW_EXAMPLES, WITHOUT_TESTS, Warehouse
from grocery_recommender.synthetic_shop import ShopConfig, write_shop

pytestmark = pytest.mark.faults

SHOP = ShopConfig(customers=60, products=250, seed=3, stores=12)
WEEKS = 18
BUILT_SCHEMAS = ("core", "grid", "features", "ml", "marts")
KILL_SEED = 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "files"
    write_shop(folder, SHOP, WEEKS)
    return folder


@pytest.fixture(scope="module")
def undisturbed(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Built once, and only read by the tests."""
    variables = {"retailer": "lgsr", "lgsr_path": str(shop), **FEW_EXAMPLES}
    warehouse = Warehouse(tmp_path_factory.mktemp("undisturbed"), variables)
    complete(warehouse)
    return warehouse


@pytest.fixture
def empty(undisturbed: Warehouse, tmp_path: Path) -> Warehouse:
    """A place for a warehouse, with dbt's memory of the project, so that dbt need not parse it again."""
    shutil.copytree(undisturbed.folder / "target", tmp_path / "target")
    return Warehouse(tmp_path, undisturbed.variables)


@pytest.fixture
def built(undisturbed: Warehouse, empty: Warehouse) -> Warehouse:
    """A copy of the undisturbed warehouse."""
    shutil.copy(undisturbed.path, empty.path)
    return empty


def complete(warehouse: Warehouse) -> None:
    """Build all tables; the data tests have their turn elsewhere."""
    warehouse.build(with_tests=False)


def contents(warehouse: Warehouse, left_out: tuple[str, ...] = ()) -> dict[str, tuple[int, int]]:
    """Row count and order-free hash of every table, without the columns that say when and how fast it was built.

    Nor the manifest of the publication: its hashes and sizes are those of marts that say so too.
    """
    columns = warehouse.query(
        f"""
        select table_schema, table_name, string_agg(column_name, ', ' order by ordinal_position)
        from information_schema.columns
        inner join information_schema.tables using (table_schema, table_name)
        where table_type = 'BASE TABLE' and table_schema in {BUILT_SCHEMAS} and table_name <> 'published_marts'
            and data_type not like 'TIMESTAMP%' and column_name not in (select unnest(?))
        group by all
        """,
        ["fit_seconds", *left_out],
    )
    return {
        f"{schema}.{table}": warehouse.query(f"select count(*), bit_xor(hash({names})) from {schema}.{table}")[0]
        for schema, table, names in columns
    }


def leftovers(warehouse: Warehouse) -> list[tuple]:
    """Tables that only an interrupted build leaves."""
    return warehouse.query(
        "select table_name from information_schema.tables"
        " where contains(table_name, '__dbt_tmp') or contains(table_name, '__dbt_backup')"
    )


def kill(process: subprocess.Popen[str]) -> None:
    """End a build as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def kill_when(warehouse: Warehouse, said: str, *arguments: str) -> None:
    """Start a build, and kill it shortly after it has said something."""
    process = warehouse.start("build", *arguments, *WITHOUT_TESTS)
    for line in process.stdout:
        if said in line:
            time.sleep(0.05)
            kill(process)
            return
    raise AssertionError(f"the build never said {said!r}")


# --- same input, same output ---------------------------------------------------------------------------------------


def on_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def test_order_of_rows_and_number_of_threads_decide_nothing(
    shop: Path, undisturbed: Warehouse, empty: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file shuffled and written in another order, built by four threads of dbt on one core."""
    shuffled = empty.folder / "files"
    shuffled.mkdir()
    shutil.copy(shop / "time.csv", shuffled)
    random_order = random.Random(7)
    files = sorted(shop.glob("transactions_*"))
    random_order.shuffle(files)
    for file in files:
        header, *lines = file.read_text().splitlines(keepends=True)
        random_order.shuffle(lines)
        (shuffled / file.name).write_text(header + "".join(lines))

    empty.variables = empty.variables | {"lgsr_path": str(shuffled)}
    monkeypatch.setattr(subprocess, "Popen", with_preparation(on_one_core))
    result = empty.dbt("build", "--threads", "4", *WITHOUT_TESTS)
    assert result.returncode == 0, result.stdout[-6000:]
    # What stands for the bytes of the files, and must differ.
    kinds = ("build", "window", "example", "input", "week")
    fingerprints = tuple(f"{kind}_fingerprint" for kind in kinds)
    by_file = ("line_number", "content_hash", *fingerprints, "model_run_id")
    assert contents(empty, by_file) == contents(undisturbed, by_file)


def with_preparation(prepare: Callable[[], None]) -> Callable[..., subprocess.Popen]:
    """`subprocess.Popen` that does something in the new process first."""
    start = subprocess.Popen
    return lambda *arguments, **options: start(*arguments, **options, preexec_fn=prepare)


# --- killed builds -------------------------------------------------------------------------------------------------


def test_killed_builds_leave_what_one_more_build_completes(undisturbed: Warehouse, empty: Warehouse) -> None:
    """Killed in ingestion, in a large write and in a Python step, one after the other on the same warehouse."""
    for said in ("START python table model staging.stg_lgsr__source_files", "customer_item_features:", "classifier:"):
        kill_when(empty, said)
    complete(empty)
    assert contents(empty) == contents(undisturbed)
    assert leftovers(empty) == []


def test_killed_at_twenty_random_moments(undisturbed: Warehouse, empty: Warehouse) -> None:
    began = time.monotonic()
    complete(empty)
    seconds = time.monotonic() - began
    moments = random.Random(KILL_SEED)
    for _ in range(20):
        if moments.random() < 0.5:
            empty.path.unlink()
        process = empty.start("build", *WITHOUT_TESTS)
        try:
            process.wait(moments.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            kill(process)
        complete(empty)
        assert contents(empty) == contents(undisturbed)
        assert leftovers(empty) == []


def test_interrupted_full_refresh(undisturbed: Warehouse, built: Warehouse) -> None:
    for said in ("stg_lgsr__source_files", "customer_item_features:", "scores, week"):
        kill_when(built, said, "--full-refresh")
        complete(built)
        assert contents(built) == contents(undisturbed)


# --- files and memory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_reader", [True, False], ids=["reader", "writer"])
def test_a_second_process_on_the_warehouse_stops_the_build(
    undisturbed: Warehouse, built: Warehouse, is_reader: bool
) -> None:
    with duckdb.connect(str(built.path), read_only=is_reader):
        result = built.dbt("build")
    assert result.returncode in (1, 2)
    assert "Could not set lock on file" in result.stdout
    assert f"PID {os.getpid()}" in result.stdout
    assert contents(built) == contents(undisturbed)


def test_two_builds_at_once(undisturbed: Warehouse, empty: Warehouse) -> None:
    second = Warehouse(empty.folder / "second", empty.variables)
    builds = [empty.start("build", *WITHOUT_TESTS)]
    builds.append(second.start("build", *WITHOUT_TESTS, GROCERY_WAREHOUSE=str(empty.path)))
    outputs = [build.communicate()[0] for build in builds]
    assert sorted(build.returncode == 0 for build in builds) == [False, True]
    assert "Could not set lock on file" in outputs[0] + outputs[1]
    assert contents(empty) == contents(undisturbed)


def test_a_corrupted_warehouse_file_is_named(undisturbed: Warehouse, built: Warehouse) -> None:
    with built.path.open("r+b") as file:
        file.write(b"\xde\xad" * 8192)
    result = built.dbt("build")
    assert result.returncode == 2
    assert str(built.path) in result.stdout
    assert "not a valid DuckDB database file" in result.stdout


def no_more_than(megabytes: int) -> Callable[[], None]:
    """Let no file of the process grow larger, as a full disk would."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes << 20, megabytes << 20))

    return limit


def test_a_full_disk_stops_the_build_and_loses_nothing(
    shop: Path, undisturbed: Warehouse, built: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(built)
    room = built.path.stat().st_size >> 20
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", with_preparation(no_more_than(room)))
        result = built.dbt("build", "--full-refresh", *WITHOUT_TESTS)
    assert result.returncode in (1, 2)
    assert "File too large" in result.stdout
    complete(built)
    assert contents(built) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room; only a privileged user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], check=False).returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_small_file_system(undisturbed: Warehouse, empty: Warehouse, small_disk: Path) -> None:
    full = empty.start("build", *WITHOUT_TESTS, GROCERY_WAREHOUSE=str(small_disk / "warehouse.duckdb"))
    output, _ = full.communicate()
    assert full.returncode in (1, 2)
    assert "No space left on device" in output
    shutil.copy(small_disk / "warehouse.duckdb", empty.path)
    complete(empty)
    assert contents(empty) == contents(undisturbed)


def test_a_read_only_folder_of_files_is_all_that_is_needed(
    shop: Path, undisturbed: Warehouse, empty: Warehouse
) -> None:
    def listing() -> dict[str, tuple]:
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in shop.iterdir()}

    before = listing()
    for path in (shop, *shop.iterdir()):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        complete(empty)
    finally:
        for path in (shop, *shop.iterdir()):
            path.chmod(path.stat().st_mode | 0o200)
    assert listing() == before
    assert contents(empty) == contents(undisturbed)


def test_little_memory_gives_the_same(undisturbed: Warehouse, empty: Warehouse) -> None:
    # DuckDB spills, and one node at a time just fits: less, and reading all features at once fails.
    build = empty.start("build", *WITHOUT_TESTS, GROCERY_MEMORY_LIMIT="150MB")
    output, _ = build.communicate()
    assert build.returncode == 0, output[-6000:]
    assert contents(empty) == contents(undisturbed)


def test_target_week_set_back_and_forth(undisturbed: Warehouse, built: Warehouse) -> None:
    ((week,),) = built.query("select week from core.dim_weeks where weeks_to_target = -1")
    built.variables = built.variables | {"target_week": week}
    complete(built)
    assert built.query("select max(prediction_week) from grid.prediction_weeks") == [(week,)]
    built.variables = undisturbed.variables
    complete(built)
    schemas = ("core", "grid", "features")
    assert {name: rows for name, rows in contents(built).items() if name.startswith(schemas)} == {
        name: rows for name, rows in contents(undisturbed).items() if name.startswith(schemas)
    }


# --- readers of the publication ------------------------------------------------------------------------------------

READER = """
import sys, time
from pathlib import Path
import duckdb
published, finished = Path(sys.argv[1]), Path(sys.argv[2])
loops, weeks = 0, set()
while loops < 1000 or not finished.exists():
    current = (published / "current").resolve()
    with duckdb.connect(str(current / "serving.duckdb"), read_only=True) as reader:
        recommended, listed, joined = reader.execute(
            "select (select max(target_week) from marts.recommendations),"
            " (select max(target_week) from marts.shopping_lists),"
            " (select count(*) from marts.shopping_lists"
            " join marts.recommendations using (target_week, customer_id, product_id))"
        ).fetchone()
    assert recommended == listed and joined > 0, (recommended, listed, joined)
    weeks.add(recommended)
    loops += 1
    time.sleep(0.02)
print(*sorted(weeks))
"""


def test_readers_while_five_builds_publish(undisturbed: Warehouse, empty: Warehouse) -> None:
    """One reader keeps the first publication open all the time, another opens whatever is current, again and again."""
    weeks = [
        week
        for (week,) in undisturbed.query(
            "select week from core.dim_weeks where weeks_to_target between -5 and 0 order by week_index"
        )
    ]
    variables = empty.variables

    def publish(week: int) -> None:
        empty.variables = variables | {"target_week": week}
        complete(empty)

    publish(weeks[0])
    published, finished = empty.folder / "published", empty.folder / "finished"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(published), str(finished)], stdout=subprocess.PIPE, text=True
    )
    serving_file = (published / "current").resolve() / "serving.duckdb"
    with duckdb.connect(str(serving_file), read_only=True) as patient:
        for week in weeks[1:]:
            publish(week)
        assert patient.execute("select distinct target_week from marts.recommendations").fetchall() == [(weeks[0],)]
    time.sleep(1)
    finished.touch()
    output, _ = reader.communicate()
    assert reader.returncode == 0
    assert output.split() == [str(week) for week in weeks]

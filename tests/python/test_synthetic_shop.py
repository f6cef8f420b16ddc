"""The made-up shop looks like LGSR, is the same every time, and hides the truth that it claims to hide."""

import csv
import gzip
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet
import pytest
from grocery_recommender import synthetic_shop
from grocery_recommender.synthetic_shop import ShopConfig, true_customers, true_cycles, week_id, write_shop

CONFIG = ShopConfig(customers=400, products=1_000, seed=7)
WEEKS = 60
HEADER = (
    "SHOP_WEEK,SHOP_DATE,SHOP_WEEKDAY,SHOP_HOUR,QUANTITY,SPEND,PROD_CODE,PROD_CODE_10,PROD_CODE_20,PROD_CODE_30,"
    "PROD_CODE_40,CUST_CODE,CUST_PRICE_SENSITIVITY,CUST_LIFESTAGE,BASKET_ID,BASKET_SIZE,BASKET_PRICE_SENSITIVITY,"
    "BASKET_TYPE,BASKET_DOMINANT_MISSION,STORE_CODE,STORE_FORMAT,STORE_REGION"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder, CONFIG, WEEKS)
    return folder


@pytest.fixture(scope="module")
def db(folder):
    """DuckDB with the files read as text in `raw`, typed in `lines`, and the truth in `cycles` and `customers`."""
    db = duckdb.connect(config={"threads": 1})
    db.execute(f"create table raw as from read_csv('{folder}/transactions_*.csv', all_varchar = true)")
    db.execute("""
        create table lines as
        select * replace (
            strptime(SHOP_DATE, '%Y%m%d')::date as SHOP_DATE,
            SHOP_WEEK::int as SHOP_WEEK, SHOP_WEEKDAY::int as SHOP_WEEKDAY, SHOP_HOUR::int as SHOP_HOUR,
            QUANTITY::int as QUANTITY, SPEND::double as SPEND
        )
        from raw
    """)
    db.register("cycles", true_cycles(CONFIG))
    db.register("customers", true_customers(CONFIG))
    return db


def one(db, query):
    """The single value of a query, or its single row."""
    row = db.execute(query).fetchone()
    return row[0] if len(row) == 1 else row


def shares(db, column, condition="true"):
    """Share of lines by value of `column`."""
    query = f"select {column}, count(*) / sum(count(*)) over () from lines where {condition} group by {column}"
    return dict(db.execute(query).fetchall())


# --- format -----------------------------------------------------------------------------------------------------


def test_files_have_the_columns_of_lgsr(folder):
    files = sorted(folder.glob("transactions_*.csv"))
    assert len(files) == WEEKS
    for file in files:
        with file.open() as text:
            assert text.readline().rstrip("\n") == HEADER
        assert file.read_bytes().endswith(b"\n")
        assert b'"' not in file.read_bytes()


def test_second_schema_version_renames_two_columns_and_nothing_else(tmp_path, folder):
    write_shop(tmp_path, ShopConfig(customers=400, products=1_000, seed=7, schema_version="seg"), 1)
    ours, theirs = (f / "transactions_200607.csv" for f in (tmp_path, folder))
    header, rest = ours.read_text().split("\n", 1)
    assert header == HEADER.replace("CUST_PRICE_SENSITIVITY", "seg_1").replace("CUST_LIFESTAGE", "seg_2")
    assert rest == theirs.read_text().split("\n", 1)[1]


@pytest.mark.parametrize(
    ("column", "pattern"),
    [
        ("SHOP_WEEK", r"20\d{4}"),
        ("SHOP_DATE", r"20\d{6}"),
        ("SHOP_WEEKDAY", "[1-7]"),
        ("SHOP_HOUR", "[89]|1[0-9]|2[01]"),
        ("QUANTITY", r"[1-9]\d*"),
        ("SPEND", r"\d+(\.\d{1,2})?"),
        ("PROD_CODE", r"PRD090\d{4}"),
        ("PROD_CODE_10", r"CL00\d{3}"),
        ("PROD_CODE_20", r"DEP00\d{3}"),
        ("PROD_CODE_30", r"G00\d{3}"),
        ("PROD_CODE_40", r"D0000\d"),
        ("coalesce(CUST_CODE, '')", r"(CUST0000\d{6})?"),
        ("coalesce(CUST_PRICE_SENSITIVITY, '')", "(LA|MM|UM|XX)?"),
        ("coalesce(CUST_LIFESTAGE, '')", "(OT|YF|YA|OA|PE|OF)?"),
        ("BASKET_ID", r"9941\d{11}"),
        ("BASKET_SIZE", "[SML]"),
        ("BASKET_PRICE_SENSITIVITY", "LA|MM|UM|XX"),
        ("BASKET_TYPE", "Full Shop|Top Up|Small Shop|XX"),
        ("BASKET_DOMINANT_MISSION", "Fresh|Mixed|Grocery|Nonfood|XX"),
        ("STORE_CODE", r"STORE00\d{3}"),
        ("STORE_FORMAT", "LS|MS|XLS|SS"),
        ("STORE_REGION", "[ENSW]0[123]"),
    ],
)
def test_values_look_like_those_of_lgsr(db, column, pattern):
    bad = f"select {column} from raw where not coalesce(regexp_full_match({column}, '{pattern}'), false) limit 3"
    assert db.execute(bad).fetchall() == []


def test_lines_are_in_order_of_date_hour_and_basket(folder):
    with (folder / "transactions_200610.csv").open() as text:
        keys = [(r["SHOP_DATE"], int(r["SHOP_HOUR"]), r["BASKET_ID"], r["PROD_CODE"]) for r in csv.DictReader(text)]
    assert keys == sorted(set(keys))


def test_gzip_holds_the_same_bytes(tmp_path, folder):
    (path,) = write_shop(tmp_path, CONFIG, 1, compress=True)
    assert path.name == "transactions_200607.csv.gz"
    assert gzip.decompress(path.read_bytes()) == (folder / "transactions_200607.csv").read_bytes()


# --- calendar ---------------------------------------------------------------------------------------------------


def test_calendar_has_years_of_52_weeks(folder):
    with (folder / "time.csv").open() as text:
        rows = [tuple(map(int, row.values())) for row in csv.DictReader(text)]
    assert len(rows) == WEEKS + 4
    assert rows[0] == (200607, 20060410, 20060416)
    assert (200626, 20060821, 20060827) in rows
    weeks = [row[0] for row in rows]
    assert weeks[weeks.index(200652) + 1] == 200701


def test_lgsr_ends_where_the_calendar_says():
    assert week_id(116) == 200819
    assert synthetic_shop.week_index(200819) == 116
    assert synthetic_shop.week_dates(200819)[-1] == 20080706


def test_first_week_and_extra_weeks_are_heeded(tmp_path):
    config = ShopConfig(customers=20, products=100, first_week=200651)
    paths = write_shop(tmp_path, config, 3, extra_weeks=0)
    assert [path.name[-10:-4] for path in paths] == ["200651", "200652", "200701"]
    rows = (tmp_path / "time.csv").read_text().split()
    assert rows[1:] == ["200651,20070212,20070218", "200652,20070219,20070225", "200701,20070226,20070304"]


def test_dates_lie_in_their_week_and_weekday_1_is_sunday(db, folder):
    assert one(db, "select count(*) from lines where SHOP_WEEKDAY != extract(dow from SHOP_DATE) + 1") == 0
    outside = f"""
        select count(*) from raw left join read_csv('{folder}/time.csv', all_varchar = true) using (shop_week)
        where SHOP_DATE between date_from and date_to is not true
    """
    assert one(db, outside) == 0


# --- what is unique, what has one parent ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("child", "parents"),
    [
        ("PROD_CODE", "PROD_CODE_10, PROD_CODE_20, PROD_CODE_30, PROD_CODE_40"),
        ("PROD_CODE_10", "PROD_CODE_20"),
        ("PROD_CODE_20", "PROD_CODE_30"),
        ("PROD_CODE_30", "PROD_CODE_40"),
        ("STORE_CODE", "STORE_FORMAT, STORE_REGION"),
        ("CUST_CODE", "coalesce(CUST_PRICE_SENSITIVITY, '-'), coalesce(CUST_LIFESTAGE, '-')"),
        (
            "BASKET_ID",
            "SHOP_DATE, SHOP_HOUR, coalesce(CUST_CODE, '-'), STORE_CODE, BASKET_SIZE, BASKET_TYPE,"
            " BASKET_DOMINANT_MISSION, BASKET_PRICE_SENSITIVITY",
        ),
    ],
)
def test_each_has_one_parent(db, child, parents):
    query = f"""
        select {child} from lines where {child} is not null
        group by {child} having count(distinct ({parents})) > 1 limit 3
    """
    assert db.execute(query).fetchall() == []


def test_hierarchy_has_lgsr_s_counts():
    codes = synthetic_shop.make_catalogue(ShopConfig()).codes
    assert [len(codes[name].unique()) for name in codes] == [5_000, 250, 90, 31, 9]


def test_a_product_is_once_in_a_basket(db):
    assert one(db, "select count(*) - count(distinct (BASKET_ID, PROD_CODE)) from lines") == 0


def test_customer_codes_do_not_collide():
    codes = synthetic_shop.customer_codes(np.arange(-1, 1_000_100))
    assert len(codes.unique()) == len(codes)
    assert codes[0].as_py() is None
    config = ShopConfig(customers=12_000, products=50)  # three groups
    assert len(true_customers(config)["customer_id"].unique()) == 12_000


# --- marginals --------------------------------------------------------------------------------------------------


def test_volume(db):
    lines, identified, baskets, customers = one(
        db,
        """
        select count(*), count(CUST_CODE), count(distinct BASKET_ID) filter (CUST_CODE is not null),
            count(distinct CUST_CODE)
        from lines
        """,
    )
    per_customer_week = CONFIG.customers * WEEKS
    assert identified / per_customer_week == pytest.approx(2_541_019 / 5_000 / 117, rel=0.15)
    assert 1 - identified / lines == pytest.approx(0.195, abs=0.035)
    assert baskets / per_customer_week == pytest.approx(390_320 / 5_000 / 117, rel=0.15)
    assert identified / baskets == pytest.approx(6.5, abs=1.0)
    assert 0.83 < customers / CONFIG.customers <= 0.97


def test_quantity_and_spend(db):
    quantity, ones, spend, quartiles = one(
        db,
        """
        select avg(QUANTITY), avg((QUANTITY = 1)::int), avg(SPEND), quantile_cont(SPEND, [.25, .5, .75])
        from lines
        """,
    )
    assert quantity == pytest.approx(1.50, abs=0.12)
    assert 0.7 < ones < 0.85
    assert spend == pytest.approx(1.91, abs=0.35)
    assert quartiles == pytest.approx([0.77, 1.23, 2.09], rel=0.15)


def test_quantity_has_a_heavy_tail():
    """A few lines in a million have hundreds of units: too rare for a small shop, so ask the drawing itself."""
    config = ShopConfig(customers=10, products=50)
    catalogue = synthetic_shop.make_catalogue(config)
    group = synthetic_shop.CustomerGroup(config, catalogue, 0)
    rng = config.random("test")
    quantities = group._quantities(rng, rng.integers(0, 50, 3_000_000)).astype(int)
    assert 250 < quantities.max() <= 1_700
    assert 1.2 < quantities.std() < 2.6
    assert (quantities > 40).sum() < 50


@pytest.mark.parametrize(
    ("column", "expected", "tolerance"),
    [
        ("CUST_LIFESTAGE", {"OT": 0.30, "YF": 0.21, "YA": 0.13, "OA": 0.12, None: 0.12, "PE": 0.07, "OF": 0.05}, 0.08),
        ("CUST_PRICE_SENSITIVITY", {"MM": 0.46, "UM": 0.28, "LA": 0.27}, 0.10),
        ("BASKET_SIZE", {"L": 0.70, "M": 0.24, "S": 0.06}, 0.05),
        ("BASKET_TYPE", {"Full Shop": 0.35, "Top Up": 0.44, "Small Shop": 0.21, "XX": 0.002}, 0.07),
        (
            "BASKET_DOMINANT_MISSION",
            {"Fresh": 0.51, "Mixed": 0.37, "Grocery": 0.10, "Nonfood": 0.02, "XX": 0.002},
            0.06,
        ),
        ("STORE_FORMAT", {"LS": 0.64, "MS": 0.22, "XLS": 0.08, "SS": 0.07}, 0.08),
    ],
)
def test_shares_of_lines(db, column, expected, tolerance):
    got = shares(db, column, "CUST_CODE is not null")
    assert {value: got.get(value, 0) for value in expected} == pytest.approx(expected, abs=tolerance)
    assert set(got) - set(expected) <= {"XX"}


def test_missing_and_unclassified_are_kept_apart(db):
    assert shares(db, "CUST_LIFESTAGE", "CUST_CODE is null") == {None: 1}
    assert shares(db, "CUST_PRICE_SENSITIVITY", "CUST_CODE is null") == {None: 1}
    assert None not in shares(db, "CUST_PRICE_SENSITIVITY", "CUST_CODE is not null")
    assert "XX" not in shares(db, "CUST_LIFESTAGE")


def test_popularity_is_heavy_tailed(db):
    top_tenth = """
        select sum(n) filter (place <= 100) / sum(n)
        from (select count(*) as n, row_number() over (order by count(*) desc) as place from lines group by PROD_CODE)
    """
    assert 0.22 < one(db, top_tenth) < 0.6


def test_a_third_or_more_of_a_week_s_pairs_are_new(db):
    new = """
        with pairs as (select distinct SHOP_WEEK, CUST_CODE, PROD_CODE from lines where CUST_CODE is not null)
        select avg((earlier.CUST_CODE is null)::int)
        from (from pairs where SHOP_WEEK = 200714)
        left join (select distinct CUST_CODE, PROD_CODE from pairs where SHOP_WEEK between 200614 and 200713) as earlier
            using (CUST_CODE, PROD_CODE)
    """
    assert 0.22 < one(db, new) < 0.48  # fewer products than LGSR, so fewer are new


def test_most_customers_are_active_and_some_leave_or_join(db):
    active = one(db, "select count(distinct CUST_CODE) from lines where SHOP_WEEK between 200707 and 200714")
    assert 0.62 < active / CONFIG.customers < 0.8
    assert one(db, "select count(*) from customers where last_week < 200714") > 20
    late = """
        select count(*) from (select CUST_CODE, min(SHOP_WEEK) as first from lines group by CUST_CODE)
        join customers on CUST_CODE = customer_id where first_week > 200630
    """
    assert one(db, late) > 10
    outside = """
        select count(*) from lines join customers on CUST_CODE = customer_id
        where SHOP_WEEK not between first_week and last_week
    """
    assert one(db, outside) == 0


def test_price_drops_raise_demand(db):
    units = """
        with weekly as (
            select PROD_CODE, SHOP_WEEK, min(SPEND / QUANTITY) as price, count(*) as sold from lines group by all
        ),
        usual as (select PROD_CODE, median(price) as price, avg(sold) as sold from weekly group by all)
        select
            count(*) filter (weekly.price <= 0.9 * usual.price) / count(*),
            avg(weekly.sold / usual.sold) filter (weekly.price <= 0.9 * usual.price)
        from weekly join usual using (PROD_CODE)
    """
    share, lift = one(db, units)
    assert 0.02 < share < 0.12
    assert lift > 1.25


def test_segments_have_tastes_of_their_own(db):
    """Customers share more of their products with their own segment than with others."""
    query = """
        with bought as (select distinct CUST_CODE, PROD_CODE from lines where CUST_CODE is not null),
        pairs as (
            select this.CUST_CODE as a, that.CUST_CODE as b, count(*) as shared
            from bought as this join bought as that using (PROD_CODE) where this.CUST_CODE < that.CUST_CODE group by all
        )
        select avg(shared) filter (x.taste_segment = y.taste_segment) / avg(shared)
            filter (x.taste_segment != y.taste_segment)
        from pairs join customers as x on a = x.customer_id join customers as y on b = y.customer_id
    """
    assert one(db, query) > 1.5


# --- determinism ------------------------------------------------------------------------------------------------


def test_fewer_weeks_give_the_same_first_files(tmp_path, folder):
    paths = write_shop(tmp_path, CONFIG, 12)
    assert len(paths) == 12
    for path in paths:
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_same_bytes_from_the_command_in_another_process(tmp_path, folder):
    arguments = ["--customers", "400", "--products", "1000", "--seed", "7", "--weeks", "3"]
    truth = tmp_path / "truth.parquet"
    command = [sys.executable, "-m", "grocery_recommender.synthetic_shop", str(tmp_path / "shop"), *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(synthetic_shop.__file__).parents[1])}
    done = subprocess.run([*command, "--truth", str(truth)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "transactions_200609.csv" in done.stderr
    for path in (tmp_path / "shop").glob("transactions_*"):
        assert path.read_bytes() == (folder / path.name).read_bytes()
    assert (tmp_path / "shop" / "time.csv").read_text().startswith("shop_week,date_from,date_to\n200607,")
    assert pyarrow.parquet.read_table(truth).equals(true_cycles(CONFIG))


def test_another_seed_is_another_shop(tmp_path, folder):
    (path,) = write_shop(tmp_path, ShopConfig(customers=400, products=1_000, seed=8), 1)
    assert path.read_bytes() != (folder / path.name).read_bytes()


def test_customers_of_a_full_group_do_not_depend_on_later_groups(monkeypatch):
    monkeypatch.setattr(synthetic_shop, "GROUP_SIZE", 50)
    columns = ["CUST_CODE", "SHOP_DATE", "SHOP_HOUR", "PROD_CODE", "QUANTITY", "SPEND", "STORE_CODE"]

    def first_group(customers):
        config = ShopConfig(customers=customers, products=300)
        codes = set(synthetic_shop.customer_codes(np.arange(50)).to_pylist())
        tables = [table.select(columns) for _, table in synthetic_shop.generate_weeks(config, 5)]
        rows = [row for table in tables for row in table.to_pylist() if row["CUST_CODE"] in codes]
        return sorted(tuple(row.values()) for row in rows)

    assert first_group(50) == first_group(130) != []


# --- the truth --------------------------------------------------------------------------------------------------


def test_true_cycles_can_be_recovered(db):
    """Observed gaps of pairs bought often by frequent visitors follow the true cycles, without bias."""
    query = """
        with purchases as (select distinct CUST_CODE, PROD_CODE, SHOP_DATE from lines where CUST_CODE is not null),
        gaps as (
            select CUST_CODE, PROD_CODE,
                SHOP_DATE - lag(SHOP_DATE) over (partition by CUST_CODE, PROD_CODE order by SHOP_DATE) as gap
            from purchases
        ),
        observed as (
            select CUST_CODE as customer_id, PROD_CODE as product_id, median(gap) as gap
            from gaps group by all having count(gap) >= 6
        )
        select count(*), corr(ln(gap), ln(cycle_days)), corr(gap, cycle_days), median(gap / cycle_days)
        from observed join cycles using (customer_id, product_id) join customers using (customer_id)
        where visit_interval_days <= cycle_days / 2 and cycle_days >= 5
    """
    pairs, log_correlation, correlation, ratio = one(db, query)
    assert pairs > 200
    assert log_correlation > 0.8
    assert correlation > 0.8
    assert 0.75 < ratio < 1.1  # a gamma's median lies a little below its mean


def test_truth_is_one_row_per_customer_and_product(db):
    assert true_cycles(CONFIG).column_names == ["customer_id", "product_id", "cycle_days"]
    assert one(db, "select count(*) - count(distinct (customer_id, product_id)) from cycles") == 0
    assert one(db, "select min(cycle_days) >= 4 and max(cycle_days) <= 400 from cycles")
    often = """
        with pairs as (
            select CUST_CODE, PROD_CODE from lines where CUST_CODE is not null group by all having count(*) > 9
        )
        select count(*), avg((customer_id is not null)::int)
        from pairs left join cycles on CUST_CODE = customer_id and PROD_CODE = product_id
    """
    pairs, in_repertoire = one(db, often)
    assert pairs > 500
    assert in_repertoire > 0.9  # what is bought again and again is no impulse


def test_truth_must_not_lie_among_the_files(tmp_path):
    with pytest.raises(SystemExit):
        synthetic_shop.main([str(tmp_path), "--customers", "5", "--weeks", "1", "--truth", str(tmp_path / "t.parquet")])
    assert list(tmp_path.iterdir()) == []


# --- bad arguments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"customers": 0}, "customers must be at least 1, not 0"),
        ({"products": 49}, "products must be at least 50"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"stores": 11}, "stores must be at least 12"),
        ({"segments": 0}, "segments must be at least 1"),
        ({"schema_version": "2"}, "schema_version must be in"),
        ({"first_week": 200653}, "200653 is no fiscal week"),
        ({"first_week": 200600}, "200600 is no fiscal week"),
        ({"first_week": 7}, "7 is no fiscal week"),
    ],
)
def test_bad_config_raises(arguments, message):
    with pytest.raises(ValueError, match=message):
        ShopConfig(**arguments)


@pytest.mark.parametrize("arguments", [{"weeks": 0}, {"weeks": -1}, {"weeks": 1, "extra_weeks": -1}])
def test_bad_number_of_weeks_raises_and_writes_nothing(tmp_path, arguments):
    with pytest.raises(ValueError, match="weeks must be at least 1"):
        write_shop(tmp_path / "shop", ShopConfig(customers=1, products=50), **arguments)
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["shop", "--weeks", "0"],
        ["shop", "--customers", "0"],
        ["shop", "--first-week", "200660"],
        ["shop", "--truth", "nowhere/t.parquet"],
        ["shop", "--truth", "folder"],
        ["file"],
    ],
    ids=" ".join,
)
def test_command_refuses_bad_arguments(tmp_path, monkeypatch, arguments, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stopped:
        synthetic_shop.main(["--weeks", "1", "--customers", "5", *arguments])
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize("products", [50, 90, 250])
def test_the_smallest_shops_work(tmp_path, products):
    (path,) = write_shop(tmp_path, ShopConfig(customers=1, products=products, stores=12, segments=1), 1)
    assert path.read_text().startswith(HEADER + "\n")

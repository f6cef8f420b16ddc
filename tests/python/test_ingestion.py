"""Loading LGSR files: what becomes of sound, odd and damaged ones."""

from __future__ import annotations

import datetime
import errno
import gzip
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import lgsr_folder
import pytest
from grocery_recommender.ingestion import IngestionError, Week, loading, read_calendar
from grocery_recommender.ingestion.files import COLUMNS, TransactionFile, read_content
from hypothesis import given, settings
from hypothesis import strategies as st
from lgsr_folder import HEADER, WEEKS, Folder, connect, load, make_line, make_lines, monday, outcomes

WEEK = WEEKS[0]
NAME = f"transactions_{WEEK}.csv"
LINES = 20


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "shop")


@pytest.fixture
def warehouse():
    return connect()


def as_bytes(*lines):
    """Write lines (values by column, or bytes as they are) under a header."""
    written = [
        line if isinstance(line, bytes) else ",".join(str(line[column]) for column in HEADER).encode() for line in lines
    ]
    return b"\n".join([",".join(HEADER).encode(), *written]) + b"\n"


# --- sound files ---------------------------------------------------------------------------------------------------


def test_values_are_those_of_the_file(folder, warehouse):
    folder.write_week(WEEK, [make_line(WEEK, 3, QUANTITY="1.25", SPEND="0"), make_line(WEEK, 4, SHOP_HOUR="09")])
    load(warehouse, folder)
    rows = warehouse.execute(
        """
        select line_number, basket_id, customer_id, product_id, store_id, basket_size, week, purchase_hour,
            quantity::varchar, spend::varchar, purchased_on::varchar
        from landing.lgsr_lines order by line_number
        """
    ).fetchall()
    basket_id = 994100000000000 + WEEK * 1000
    assert rows == [
        (
            1,
            str(basket_id + 3),
            "CUST0000000003",
            "PRD0900003",
            "STORE00001",
            "L",
            WEEK,
            11,
            "1.250",
            "0.00",
            "2007-02-15",
        ),
        (2, str(basket_id + 4), None, "PRD0900004", "STORE00000", "L", WEEK, 9, "2.000", "3.00", "2007-02-16"),
    ]


@pytest.mark.parametrize(
    "header",
    [HEADER[::-1], sorted(HEADER), [*HEADER[11:], *HEADER[:11]]],
    ids=["reversed", "sorted", "rotated"],
)
def test_columns_are_found_by_name(tmp_path, header):
    def landed(name, **options):
        folder, warehouse = Folder(tmp_path / name), connect()
        folder.write_week(WEEK, **options)
        load(warehouse, folder)
        return [
            warehouse.execute(f"select * from landing.lgsr_{table} order by all").fetchall()
            for table in ("lines", "codes")
        ]

    lower_case = {column: column.lower() for column in header}
    assert landed("other", header=header, renamed=lower_case) == landed("usual")


def test_second_schema_version_has_segments_in_place(folder, warehouse):
    folder.write_week(WEEK, renamed={"CUST_PRICE_SENSITIVITY": "seg_1", "CUST_LIFESTAGE": "seg_2"})
    load(warehouse, folder)
    segments = warehouse.execute(
        "select distinct price_sensitivity, lifestage from landing.lgsr_codes where customer_id is not null"
    )
    assert segments.fetchall() == [("MM", "YF")]


@pytest.mark.parametrize("blank", ["   ", "\t", "\u00a0", " \v\u3000"])
def test_blanks_alone_are_no_code(folder, warehouse, blank):
    blanks = {column: blank for column in HEADER if column not in (*NUMBERS, "PROD_CODE", "BASKET_ID")}
    folder.write_week(WEEK, [make_line(WEEK, 1, **blanks), make_line(WEEK, 2, CUST_CODE=" C ")])
    load(warehouse, folder)
    query = """
        select customer_id, store_id, basket_size, basket_price_sensitivity, basket_type, basket_mission
        from landing.lgsr_lines
        order by line_number
        """
    assert warehouse.execute(query).fetchall() == [
        (None,) * 6,
        (" C ", "STORE00000", "L", "MM", "Full Shop", "Mixed"),
    ]
    codes = warehouse.execute("select * from landing.lgsr_codes").fetchall()
    assert blank not in {value for row in codes for value in row}


def test_unclassified_is_not_missing(folder, warehouse):
    lines = [
        make_line(WEEK, 0, CUST_LIFESTAGE="XX"),
        make_line(WEEK, 1, CUST_LIFESTAGE=""),
        make_line(WEEK, 2, CUST_CODE="", CUST_LIFESTAGE=""),
    ]
    folder.write_week(WEEK, lines)
    load(warehouse, folder)
    codes = warehouse.execute(
        "select customer_id, lifestage from landing.lgsr_codes where customer_id is not null order by customer_id"
    )
    assert codes.fetchall() == [("CUST0000000000", "XX"), ("CUST0000000001", None)]


@pytest.mark.parametrize("name", [NAME, NAME + ".gz", NAME.upper()])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("is_ended", [True, False], ids=["ended", "not ended"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
def test_packing_line_ending_and_byte_order_mark_do_not_matter(folder, warehouse, name, ending, is_ended, mark):
    content = mark + as_bytes(*make_lines(WEEK)).replace(b"\n", ending)
    folder.write_bytes(name, content if is_ended else content.removesuffix(ending))
    assert load(warehouse, folder) == {
        name: {"lines": LINES, "loaded": LINES, "rejected": 0, "duplicates": 0, "reasons": {}}
    }


def test_quoted_fields_may_hold_commas_quotes_and_nothing(folder, warehouse):
    quoted = [f'"{value}"' for value in make_line(WEEK, 0, BASKET_TYPE='Full ""Shop"", big', CUST_CODE="").values()]
    folder.write_bytes(NAME, as_bytes(",".join(quoted).encode(), make_line(WEEK, 1)))
    assert load(warehouse, folder)[NAME]["loaded"] == 2
    rows = warehouse.execute("select basket_type, customer_id, store_id from landing.lgsr_lines where line_number = 1")
    assert rows.fetchall() == [('Full "Shop", big', None, "STORE00000")]


def test_letters_beyond_ascii_are_kept(folder, warehouse):
    folder.write_week(WEEK, [make_line(WEEK, 0, BASKET_TYPE="Große Tüte 🛒"), make_line(WEEK, 1)])
    load(warehouse, folder)
    assert ("Große Tüte 🛒",) in warehouse.execute("select basket_type from landing.lgsr_lines").fetchall()


def test_further_columns_are_let_be(folder, warehouse):
    lines = [line | {"COLOUR": "red"} for line in make_lines(WEEK)]
    folder.write_week(WEEK, lines, header=["COLOUR", *HEADER])
    assert load(warehouse, folder)[NAME]["loaded"] == LINES


def test_a_comma_in_the_name_of_a_further_column_is_no_border(folder, warehouse):
    lines = [line | {"PRICE": "1.50"} for line in make_lines(WEEK)]
    folder.write_week(WEEK, lines, header=["PRICE", *HEADER], renamed={"PRICE": '"Price, net"', "SPEND": ' "Spend" '})
    assert load(warehouse, folder)[NAME]["loaded"] == LINES


# --- damaged lines -------------------------------------------------------------------------------------------------

DAMAGED_LINES = {
    "a text for a number": (make_line(WEEK, 50, QUANTITY="two"), "invalid_quantity"),
    "no quantity": (make_line(WEEK, 50, QUANTITY=""), "invalid_quantity"),
    "too large a quantity": (make_line(WEEK, 50, QUANTITY="1e30"), "invalid_quantity"),
    "not a number": (make_line(WEEK, 50, SPEND="nan"), "invalid_spend"),
    "a comma for a point": (make_line(WEEK, 50, SPEND='"1,50"'), "invalid_spend"),
    "a day that does not exist": (make_line(WEEK, 50, SHOP_DATE="20070230"), "invalid_date"),
    "a date of another kind": (make_line(WEEK, 50, SHOP_DATE="2007-02-12"), "invalid_date"),
    "no date": (make_line(WEEK, 50, SHOP_DATE=""), "invalid_date"),
    "a day after the week": (make_line(WEEK, 50, SHOP_DATE="20070219"), "date_outside_week"),
    "a day before the week": (make_line(WEEK, 50, SHOP_DATE="20070211"), "date_outside_week"),
    "a week not in the calendar": (make_line(WEEK, 50, SHOP_WEEK="200653"), "unknown_week"),
    "no week": (make_line(WEEK, 50, SHOP_WEEK=""), "unknown_week"),
    "a text for a week": (make_line(WEEK, 50, SHOP_WEEK="week"), "unknown_week"),
    "a week and a bit": (make_line(WEEK, 50, SHOP_WEEK=f"{WEEK}.4"), "unknown_week"),
    "a week in hexadecimal": (make_line(WEEK, 50, SHOP_WEEK=hex(WEEK)), "unknown_week"),
    "a week with an underscore": (make_line(WEEK, 50, SHOP_WEEK="200_651"), "unknown_week"),
    "a week between blanks": (make_line(WEEK, 50, SHOP_WEEK=f" {WEEK} "), "unknown_week"),
    "another week of the calendar": (make_line(WEEKS[1], 50), "week_of_another_file"),
    "an hour past midnight": (make_line(WEEK, 50, SHOP_HOUR="24"), "invalid_hour"),
    "a text for an hour": (make_line(WEEK, 50, SHOP_HOUR="noon"), "invalid_hour"),
    "an hour in hexadecimal": (make_line(WEEK, 50, SHOP_HOUR="0x10"), "invalid_hour"),
    "an hour with an exponent": (make_line(WEEK, 50, SHOP_HOUR="1e1"), "invalid_hour"),
    "a weekday and a half": (make_line(WEEK, 50, SHOP_WEEKDAY="2.5"), "invalid_weekday"),
    "a quantity with an underscore": (make_line(WEEK, 50, QUANTITY="1_0"), "invalid_quantity"),
    "a quantity with an exponent": (make_line(WEEK, 50, QUANTITY="1e3"), "invalid_quantity"),
    "a quantity between blanks": (make_line(WEEK, 50, QUANTITY=" 2 "), "invalid_quantity"),
    "a quantity in Arabic digits": (make_line(WEEK, 50, QUANTITY="٣"), "invalid_quantity"),
    "a spend with a sign": (make_line(WEEK, 50, SPEND="+1.50"), "invalid_spend"),
    "a date of seven digits and a blank": (make_line(WEEK, 50, SHOP_DATE="2007021 "), "invalid_date"),
    "an eighth weekday": (make_line(WEEK, 50, SHOP_WEEKDAY="8"), "invalid_weekday"),
    "no product": (make_line(WEEK, 50, PROD_CODE=""), "missing_product"),
    "no basket": (make_line(WEEK, 50, BASKET_ID=""), "missing_basket"),
    "a product of blanks": (make_line(WEEK, 50, PROD_CODE="   "), "missing_product"),
    "a basket of blanks in quotes": (make_line(WEEK, 50, BASKET_ID='" "'), "missing_basket"),
    "a return": (make_line(WEEK, 50, QUANTITY="-1", SPEND="-1.50"), "quantity_not_positive"),
    "a quantity of zero": (make_line(WEEK, 50, QUANTITY="0"), "quantity_not_positive"),
    "a negative spend": (make_line(WEEK, 50, SPEND="-0.01"), "negative_spend"),
    "a price of ten digits": (make_line(WEEK, 50, QUANTITY="0.001", SPEND="1000000.00"), "invalid_spend"),
    "a short line": (b"200651,20070212,2,9", "too_few_fields"),
    "a long line": (as_bytes(make_line(WEEK, 50)).split(b"\n")[1] + b",more", "too_many_fields"),
    "an empty line": (b"", "empty_line"),
    "a line of blanks": (b"   ", "too_few_fields"),
    "an unclosed quote": (make_line(WEEK, 50, BASKET_TYPE='"Full Shop'), "unclosed_quote"),
    "a quote inside a word": (make_line(WEEK, 50, BASKET_TYPE='Full "Shop"'), "unclosed_quote"),
    "a byte that is not UTF-8": (make_line(WEEK, 50) | {"STORE_REGION": "E01"}, None),
    "a NUL byte": (make_line(WEEK, 50, STORE_CODE="STO\0RE"), "nul_byte"),
    "a carriage return": (make_line(WEEK, 50, STORE_CODE="STO\rRE"), "stray_carriage_return"),
    "a line of three megabytes": (b"x" * 3_000_000, "too_few_fields"),
}
DAMAGED_LINES["a byte that is not UTF-8"] = (b"200651,\xff\xfe,caf\xe9", "invalid_encoding")


@pytest.mark.parametrize("damage", DAMAGED_LINES)
@pytest.mark.parametrize("name", [NAME, NAME + ".gz"])
def test_damaged_line_is_set_aside_and_its_neighbours_load(folder, warehouse, damage, name):
    line, reason = DAMAGED_LINES[damage]
    content = as_bytes(*make_lines(WEEK, 10), line, *make_lines(WEEK)[10:])
    folder.write_bytes(name, content)
    assert load(warehouse, folder, max_rejected_share=0.05)[name] == {
        "lines": LINES + 1, "loaded": LINES, "rejected": 1, "duplicates": 0, "reasons": {reason: 1},
    }  # fmt: skip
    raw_line = content.split(b"\n")[11].decode(errors="backslashreplace")
    rejected = warehouse.execute("select line_number, raw_line from landing.lgsr_rejected_lines").fetchall()
    assert rejected == [(11, raw_line)]


def test_repeated_lines_count_once(folder, warehouse):
    first, second = make_lines(WEEK, 2)
    bad = make_line(WEEK, 3, QUANTITY="two")
    folder.write_bytes(NAME, as_bytes(first, second, first, bad, first, bad))
    assert load(warehouse, folder, max_rejected_share=0.5)[NAME] == {
        "lines": 6, "loaded": 2, "rejected": 1, "duplicates": 3, "reasons": {"invalid_quantity": 1},
    }  # fmt: skip
    numbers = warehouse.execute("select line_number from landing.lgsr_lines order by line_number").fetchall()
    assert numbers == [(1,), (2,)]


def test_damaged_line_is_not_repeated_by_a_good_one_that_looks_like_it(folder, warehouse):
    line = as_bytes(make_line(WEEK, 50, BASKET_TYPE="?")).split(b"\n")[1]
    damaged, good = line.replace(b"?", b"caf\xe9"), line.replace(b"?", rb"caf\xe9")
    folder.write_bytes(NAME, as_bytes(*make_lines(WEEK), damaged, good, good, damaged))
    assert load(warehouse, folder, max_rejected_share=0.1)[NAME] == {
        "lines": LINES + 4, "loaded": LINES + 1, "rejected": 1, "duplicates": 2, "reasons": {"invalid_encoding": 1},
    }  # fmt: skip


def test_equal_lines_of_two_files_are_no_repeats(folder, warehouse):
    folder.write_week(WEEKS[0])
    folder.write_bytes(f"transactions_{WEEKS[1]}.csv", as_bytes(*make_lines(WEEKS[1]), make_line(WEEKS[0], 0)))
    counts = load(warehouse, folder, max_rejected_share=0.1)
    assert [count["duplicates"] for count in counts.values()] == [0, 0]


@pytest.mark.parametrize(
    ("level", "excluded", "reason"),
    [
        ("PROD_CODE_30", {"excluded_departments": ["FUEL"]}, "excluded_department"),
        ("PROD_CODE_20", {"excluded_categories": ["FUEL"]}, "excluded_category"),
    ],
)
def test_what_is_excluded_is_rejected_and_an_edited_list_takes_effect(folder, warehouse, level, excluded, reason):
    folder.write_week(
        WEEK, [make_line(WEEK, number, **({level: "FUEL"} if number < 5 else {})) for number in range(LINES)]
    )
    assert load(warehouse, folder)[NAME]["rejected"] == 0
    loaded_at = warehouse.execute("select loaded_at from landing.lgsr_files").fetchall()
    assert load(warehouse, folder, max_rejected_share=0, **excluded)[NAME]["reasons"] == {reason: 5}
    assert warehouse.execute("select loaded_at from landing.lgsr_files").fetchall() == loaded_at
    assert load(warehouse, folder)[NAME]["loaded"] == LINES


@st.composite
def damaged_files(draw):
    """Bytes of a file whose lines were hurt at random, but for the first, and those that were left alone."""
    lines = [as_bytes(line).split(b"\n")[1] for line in make_lines(WEEK, draw(st.integers(2, 12)))]
    untouched = set(range(len(lines)))
    for index in draw(st.lists(st.integers(1, len(lines) - 1), max_size=6)):
        kind = draw(st.sampled_from(["cut", "insert", "replace", "repeat"]))
        line = lines[index]
        position = draw(st.integers(0, len(line)))
        noise = draw(
            st.binary(max_size=6) | st.sampled_from([b'"', b",", b"\0", b"\r", b"\xff", b"\r\n", b"\n\n", b'""'])
        )
        if kind == "cut":
            lines[index] = line[:position]
        elif kind == "insert":
            lines[index] = line[:position] + noise + line[position:]
        elif kind == "replace":
            lines[index] = noise
        else:
            lines[index] = lines[draw(st.integers(0, len(lines) - 1))]
        untouched.discard(index)
    ending = draw(st.sampled_from([b"\n", b"\r\n"]))
    body = ending.join(lines) + draw(st.sampled_from([b"", ending]))
    return body, [lines[index] for index in sorted(untouched)]


@settings(deadline=None, max_examples=150)
@given(damaged_files())
def test_counts_add_up_whatever_the_damage(tmp_path_factory, damaged):
    body, untouched = damaged
    folder, warehouse = Folder(tmp_path_factory.mktemp("shop")), connect()
    folder.write_bytes(NAME, ",".join(HEADER).encode() + b"\n" + body)
    physical = body.removesuffix(b"\n").split(b"\n")
    counts = load(warehouse, folder, max_rejected_share=1)[NAME]
    assert counts["lines"] == len(physical) == counts["loaded"] + counts["rejected"] + counts["duplicates"]
    texts = Counter(line.removesuffix(b"\r") for line in physical)
    assert counts["duplicates"] == len(physical) - len(texts)
    numbers = warehouse.execute(
        "select line_number from landing.lgsr_lines union all select line_number from landing.lgsr_rejected_lines"
    ).fetchall()
    assert len(set(numbers)) == len(numbers)
    assert counts["loaded"] >= len({line for line in untouched if line in texts})
    for number, raw_line in warehouse.execute(
        "select line_number, raw_line from landing.lgsr_rejected_lines"
    ).fetchall():
        assert raw_line == physical[number - 1].removesuffix(b"\r").decode(errors="backslashreplace")


@pytest.mark.parametrize("packed", [False, True])
def test_no_more_text_is_read_ahead_than_a_batch_holds(folder, monkeypatch, packed):
    """Of packed files, too, whose own size is about a tenth of that."""
    read = []
    monkeypatch.setattr(loading.transaction_files, "read_content", read.append)
    lines = [
        line | {"CUST_CODE": random.Random(number).randbytes(8).hex()}
        for number, line in enumerate(make_lines(WEEK, 200))
    ]
    paths = [folder.write_week(week, lines, packed=packed) for week in WEEKS]
    text_bytes = folder.write_week(200703, lines).stat().st_size
    monkeypatch.setattr(loading, "BATCH_BYTES", 2 * text_bytes)
    pending = [loading.PendingFile(TransactionFile.at(path), None, "", None) for path in paths]
    reading = loading._read_ahead(pending)
    next(reading)
    reading.close()  # waits for what has been begun
    assert 1 <= len(read) <= 2


# --- hostile values ------------------------------------------------------------------------------------------------

HOSTILE = {
    "a formula": "=cmd|' /C calc'!A0",
    "another formula": "@SUM(1+1)*HYPERLINK(A1)",
    "a statement": "'; drop table landing.lgsr_lines; --",
    "a dollar-quoted statement": "$$; drop schema landing cascade; $$",
    "a template": "{{ env_var('HOME') }}{% do 1 %}",
    "a parameter": "$week ? %s :name {0}",
    "a script": "<script>alert(1)</script>",
    "emoji": "🛒👩🏽‍🌾🇪🇺",
    "right to left": "\u202eمتجر\u202c עברית",
    "control characters": "\x1b[31m\x07\x7f\u2028\ufeff",
    "ten megabytes": "x" * 10_000_000,
}
NUMBERS = ("SHOP_WEEK", "SHOP_DATE", "SHOP_WEEKDAY", "SHOP_HOUR", "QUANTITY", "SPEND")


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_kept_to_the_letter(folder, warehouse, case):
    """Text stands in the landing tables as it stood in the file, wherever a text may stand."""
    value = HOSTILE[case]
    folder.write_week(WEEK, [*make_lines(WEEK), make_line(WEEK, 50, PROD_CODE=value, BASKET_TYPE=value, CUST_CODE="C")])
    assert load(warehouse, folder)[NAME]["loaded"] == LINES + 1
    rows = warehouse.execute("select product_id, basket_type from landing.lgsr_lines where customer_id = 'C'")
    assert rows.fetchall() == [(value, value)]
    codes = warehouse.execute("select count(*) from landing.lgsr_codes where product_id = $value", {"value": value})
    assert codes.fetchall() == [(1,)]


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("column", NUMBERS)
def test_hostile_text_in_a_number_is_set_aside(folder, warehouse, case, column):
    folder.write_week(WEEK, [*make_lines(WEEK), make_line(WEEK, 50, **{column: HOSTILE[case]})])
    counts = load(warehouse, folder, max_rejected_share=0.1)[NAME]
    assert (counts["loaded"], counts["rejected"]) == (LINES, 1)
    ((raw_line,),) = warehouse.execute("select raw_line from landing.lgsr_rejected_lines").fetchall()
    assert HOSTILE[case] in raw_line


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_characters='\n\r\0,"', exclude_categories=["Cs"]), max_size=40).filter(str.strip))
def test_any_text_is_kept_to_the_letter(tmp_path_factory, text):
    folder, warehouse = Folder(tmp_path_factory.mktemp("shop")), connect()
    folder.write_week(WEEK, [make_line(WEEK, 0, BASKET_MISSION="x", STORE_CODE=text)])
    assert load(warehouse, folder)[NAME]["loaded"] == 1
    assert warehouse.execute("select store_id from landing.lgsr_lines").fetchall() == [(text,)]


@pytest.mark.parametrize("name", ["200651'; drop table landing.lgsr_lines; --", '200651"x"', "$(touch x)", "200651;a"])
def test_hostile_file_names_are_repeated_and_not_run(folder, warehouse, name):
    folder.write_weeks()
    before = load(warehouse, folder)
    folder.write_bytes(f"transactions_{name}.csv", SOUND.replace(b"Full Shop", b"Top Up"))
    with pytest.raises(IngestionError) as error:
        load(warehouse, folder)
    assert f"transactions_{name}.csv does not say its week" in str(error.value)
    assert outcomes(warehouse) == before


# --- files that cannot be read -------------------------------------------------------------------------------------


def hurt_gzip(content):
    packed = bytearray(gzip.compress(content))
    packed[len(packed) // 2] ^= 0xFF
    return bytes(packed)


SOUND = as_bytes(*make_lines(WEEK))
UNREADABLE = {
    "truncated gzip": (NAME + ".gz", gzip.compress(SOUND)[:-20], "truncated gzip file: copy it again"),
    "hurt gzip": (NAME + ".gz", hurt_gzip(SOUND), "not a sound gzip file"),
    "not gzip": (NAME + ".gz", SOUND, "not a sound gzip file"),
    "gzip without .gz": (NAME, gzip.compress(SOUND), f"packed with gzip: name it {NAME}.gz"),
    "gzip in gzip": (NAME + ".gz", gzip.compress(gzip.compress(SOUND)), "packed with gzip twice: unpack it once"),
    "empty": (NAME, b"", "is empty"),
    "header only": (NAME, SOUND.split(b"\n")[0] + b"\n", "no lines of data"),
    "header without end": (NAME, SOUND.split(b"\n")[0], "no lines of data"),
    "missing column": (NAME, SOUND.replace(b"SPEND", b"MONEY", 1), "has no column SPEND"),
    "missing segment": (NAME, SOUND.replace(b"CUST_LIFESTAGE", b"X", 1), "no column CUST_LIFESTAGE or SEG_2"),
    "column twice": (
        NAME,
        SOUND.replace(b"STORE_REGION", b"spend", 1).replace(b"\n", b",STORE_REGION\n", 1),
        "SPEND twice",
    ),
    "both segments": (NAME, SOUND.replace(b"\n", b",seg_2\n", 1), "CUST_LIFESTAGE and SEG_2 twice"),
    "no header": (NAME, b"\n".join(SOUND.split(b"\n")[1:]), "has no column SHOP_WEEK"),
    "semicolons": (NAME, SOUND.replace(b",", b";"), "separated by commas"),
    "carriage returns alone": (NAME, SOUND.replace(b"\n", b"\r"), "end them with line feeds"),
    "not CSV": (NAME, bytes(range(256)) * 100, "has no column SHOP_WEEK"),
    "UTF-16": (NAME, SOUND.decode().encode("utf-16"), "has no column SHOP_WEEK"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_file_stops_the_load_by_name(folder, warehouse, case):
    name, content, message = UNREADABLE[case]
    folder.write_weeks(WEEKS[1:])
    before = load(warehouse, folder)
    (folder.path / name).write_bytes(content)
    with pytest.raises(IngestionError, match=message) as error:
        load(warehouse, folder)
    assert name in str(error.value)
    assert outcomes(warehouse) == before


def test_all_unreadable_files_are_named_at_once(folder, warehouse):
    folder.write_weeks()
    for week in WEEKS[:2]:
        folder.write_bytes(f"transactions_{week}.csv", b"nothing")
    with pytest.raises(IngestionError) as error:
        load(warehouse, folder)
    assert all(f"transactions_{week}.csv" in str(error.value) for week in WEEKS[:2])


def test_too_many_damaged_lines_stop_the_load(folder, warehouse):
    folder.write_weeks()
    before = load(warehouse, folder)
    lines = make_lines(WEEK, 100)
    bad = [line | {"SPEND": "?"} for line in lines[:2]]
    folder.write_week(WEEK, bad + lines[2:])
    with pytest.raises(IngestionError, match=f"{NAME}: 2 of 100 lines are damaged.*2 invalid_spend, first in line 1"):
        load(warehouse, folder, max_rejected_share=0.01)
    assert outcomes(warehouse) == before
    assert load(warehouse, folder, max_rejected_share=0.02)[NAME]["rejected"] == 2


def test_returns_are_no_damage(folder, warehouse):
    folder.write_week(WEEK, [line | {"QUANTITY": -1} for line in make_lines(WEEK, 10)] + make_lines(WEEK)[10:])
    assert load(warehouse, folder)[NAME]["reasons"] == {"quantity_not_positive": 10}


def test_repeats_of_a_damaged_line_do_not_hide_it(folder, warehouse):
    folder.write_bytes(NAME, as_bytes(*make_lines(WEEK), *[b"#N/A"] * 5_000))
    with pytest.raises(IngestionError, match=f"{NAME}: 1 of {LINES + 1} lines are damaged, repeats left out"):
        load(warehouse, folder, max_rejected_share=0.04)


@pytest.mark.parametrize("repeats", [0, 1])
def test_file_of_which_nothing_is_left_stops_the_load(folder, warehouse, repeats):
    folder.write_weeks()
    before = load(warehouse, folder)
    touch(folder.write_week(WEEK, [line | {"QUANTITY": 0} for line in make_lines(WEEK)] * (1 + repeats)))
    message = f"{NAME}: all {LINES} lines are rejected.*{LINES} quantity_not_positive, first in line 1.*nobody bought"
    with pytest.raises(IngestionError, match=message):
        load(warehouse, folder)
    assert outcomes(warehouse) == before


def test_excluding_all_departments_of_a_loaded_file_stops_the_load(folder, warehouse):
    folder.write_weeks(WEEKS[1:])
    folder.write_week(WEEK, [line | {"PROD_CODE_30": "FUEL"} for line in make_lines(WEEK)])
    before = load(warehouse, folder)
    with pytest.raises(IngestionError, match=f"{NAME}: all .*{LINES} excluded_department, .*seed excluded_departments"):
        load(warehouse, folder, excluded_departments=["FUEL"])
    assert outcomes(warehouse) == before


def test_lines_of_another_week_ask_for_another_name(folder, warehouse):
    folder.write_week(WEEKS[1])
    (folder.path / f"transactions_{WEEKS[1]}.csv").rename(folder.path / NAME)
    with pytest.raises(IngestionError, match=r"week_of_another_file.*Name the file after its week"):
        load(warehouse, folder)


# --- the folder ----------------------------------------------------------------------------------------------------


def test_same_content_under_two_names(folder, warehouse):
    folder.write_weeks()
    folder.write_bytes("transactions_200651 (copy).csv", (folder.path / NAME).read_bytes())
    with pytest.raises(
        IngestionError, match=r"transactions_200651 \(copy\).csv and transactions_200651.csv have the same"
    ):
        load(warehouse, folder)


def test_two_files_of_one_week(folder, warehouse):
    folder.write_weeks()
    folder.write_week(WEEK, packed=True)
    with pytest.raises(IngestionError, match=f"{NAME} and {NAME}.gz are both of week {WEEK}"):
        load(warehouse, folder)


def test_missing_week_is_named(folder, warehouse):
    folder.write_weeks([WEEKS[0], WEEKS[3]])
    with pytest.raises(
        IngestionError, match=r"(?s)transactions_200652.csv is missing.*transactions_200701.csv is missing"
    ):
        load(warehouse, folder)


def test_week_unknown_to_the_calendar(folder, warehouse):
    folder.write_week(WEEK)
    folder.write_bytes("transactions_200653.csv", b"")
    with pytest.raises(IngestionError, match=r"transactions_200653.csv: week 200653 is not in time.csv"):
        load(warehouse, folder)


def test_name_without_week(folder, warehouse):
    folder.write_bytes("transactions_march.csv", SOUND)
    with pytest.raises(IngestionError, match=r"transactions_march.csv does not say its week"):
        load(warehouse, folder)


def test_other_files_are_spoken_of(folder, warehouse, caplog):
    folder.write_week(WEEK)
    folder.write_bytes("transactions_200652.csv.zip", b"")
    folder.write_bytes("notes.txt", b"")
    load(warehouse, folder)
    assert "transactions_200652.csv.zip is not loaded" in caplog.text
    assert "notes.txt" not in caplog.text


def test_link_to_nothing_is_named(folder, warehouse):
    folder.write_weeks(WEEKS[:3])
    before = load(warehouse, folder)
    (folder.path / f"transactions_{WEEKS[3]}.csv").symlink_to(folder.path / "elsewhere.csv")
    with pytest.raises(IngestionError, match=rf"transactions_{WEEKS[3]}.csv cannot be read \(No such file"):
        load(warehouse, folder)
    assert outcomes(warehouse) == before


def test_links_to_files_are_files_and_folders_are_none(folder, warehouse):
    folder.write_week(WEEK)
    (folder.path / NAME).rename(folder.path / "elsewhere.csv")
    (folder.path / NAME).symlink_to(folder.path / "elsewhere.csv")
    (folder.path / "transactions").mkdir()
    assert load(warehouse, folder)[NAME]["loaded"] == LINES


def test_a_week_that_is_a_folder_is_not_left_out_without_a_word(folder, warehouse):
    folder.write_week(WEEK)
    (folder.path / f"transactions_{WEEKS[1]}.csv").mkdir()  # as Spark writes a table
    with pytest.raises(IngestionError, match=f"transactions_{WEEKS[1]}.csv is no file"):
        load(warehouse, folder)


def test_file_that_vanishes_while_the_folder_is_listed(folder, warehouse, monkeypatch):
    folder.write_weeks()
    listed = list(folder.path.iterdir())
    (folder.path / NAME).unlink()
    monkeypatch.setattr(Path, "iterdir", lambda _: listed)
    with pytest.raises(IngestionError, match=f"{NAME} cannot be read"):
        load(warehouse, folder)


@pytest.mark.parametrize(("method", "message"), [("iterdir", "cannot be listed"), ("is_dir", "cannot be read")])
def test_folder_that_may_not_be_read(folder, warehouse, monkeypatch, method, message):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    folder.write_weeks()
    monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(IngestionError, match=rf"{message} \(Permission denied\)"):
        load(warehouse, folder)


@pytest.mark.parametrize(
    "name",
    [
        "it's; drop table x; --",
        "a*b",
        "a[0-9]?{x,y}",
        'say "so"',
        " two  words ",
        "größe",
        "%s $1 {{ x }}",
        "new\nline",
    ],
)
def test_folder_may_have_any_name(tmp_path, warehouse, name):
    folder = Folder(tmp_path / name)
    decoy = Folder(tmp_path / "aab")
    folder.write_weeks()
    decoy.write_weeks()
    assert sum(counts["loaded"] for counts in load(warehouse, folder).values()) == LINES * len(WEEKS)


@pytest.mark.parametrize("path", ["", "  ", "/no/such/folder"])
def test_no_folder(warehouse, path):
    with pytest.raises(IngestionError, match="lgsr_path"):
        read_calendar(path)


def test_folder_without_transactions(folder, warehouse):
    with pytest.raises(IngestionError, match="holds no transaction files"):
        load(warehouse, folder)


# --- the calendar --------------------------------------------------------------------------------------------------


def test_calendar_must_reach_past_the_last_file(folder, warehouse):
    folder.write_weeks()
    folder.write_calendar(WEEKS)
    with pytest.raises(IngestionError, match=r"ends with week 200702.*Add the row 200703,20070312,20070318"):
        load(warehouse, folder)


def test_years_have_52_weeks(folder):
    weeks = read_calendar(folder.path)
    assert [week.number for week in weeks] == [200651, 200652, 200701, 200702, 200703]
    assert weeks[1].following() == weeks[2]
    assert isinstance(weeks[0], Week)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is missing"),
        ("", "has no column shop_week, date_from, date_to"),
        ("shop_week,date_from\n200651,20070212\n", "has no column date_to"),
        ("shop_week,date_from,date_to\n", "has no weeks"),
        ("shop_week,date_from,date_to\n200651,12.02.2007,18.02.2007\n", "line 2: .* is not a week"),
        ("shop_week,date_from,date_to\n200651,20070212\n", "line 2: .* is not a week"),
        ("shop_week,date_from,date_to\n200_651,20070212,20070218\n", "line 2: .* is not a week"),
        ("shop_week,date_from,date_to\n200651,2007212,2007218\n", "line 2: .* is not a week"),
        ("shop_week,date_from,date_to\n200651,20070212,99991231\n", "line 2: .* is not a week"),
        ("shop_week,date_from,date_to\n200651,20070218,20070212\n", "line 2: week 200651 ends before it begins"),
        (
            "shop_week,date_from,date_to\n200651,20070212,20070218\n200701,20070226,20070304\n",
            "After 200651 should come the row 200652,20070219,20070225",
        ),
        ("shop_week,date_from,date_to\n200651,20070212,20070218\n200651,20070212,20070218\n", "without gap or overlap"),
        ('shop_week,date_from,date_to\n200651,20070212,"20070218\n200652,20070219,20070225\n', "line 2: not sound CSV"),
        ('shop_week,date_from,date_to,note\n200651,20070212,20070218,"x\n200652,20070219,20070225,\n', "line 2: not"),
        ('shop_week,date_from,date_to,"note\n200651,20070212,20070218,\n', "line 1: not sound CSV"),
        ("date_to,shop_week,date_from,DATE_TO\n20070218,200651,20070212,20070225\n", "has the column date_to twice"),
        (f"shop_week,date_from,date_to,note\n200651,20070212,20070218,{'x' * 200_000}\n", "line 2: .*field limit"),
    ],
)
def test_calendar_errors_say_what_to_do(folder, text, message):
    path = folder.path / "time.csv"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(IngestionError, match=message):
        read_calendar(folder.path)


def test_calendar_may_have_further_columns_and_empty_lines(folder):
    text = 'note,DATE_TO,note,shop_week,date_from\n\n"first, ""x""\v\u2028",20070218,,"200651",20070212\n'
    (folder.path / "time.csv").write_text(text, encoding="utf-8")
    assert read_calendar(folder.path) == [Week(200651, monday(200651), monday(200651) + datetime.timedelta(days=6))]


def test_calendar_that_is_a_folder(folder):
    (folder.path / "time.csv").unlink()
    (folder.path / "time.csv").mkdir()
    with pytest.raises(IngestionError, match=r"time.csv cannot be read \(Is a directory\)"):
        read_calendar(folder.path)


def test_calendar_that_may_not_be_read(folder, monkeypatch):
    def refuse(path, **_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(IngestionError, match=r"time.csv cannot be read \(Permission denied\)"):
        read_calendar(folder.path)


# --- from one load to the next -------------------------------------------------------------------------------------


@pytest.fixture
def files_read(monkeypatch):
    """Names of the files whose bytes are read."""
    from grocery_recommender.ingestion import files

    names = []
    originals = files.read_content, files.content_hash
    monkeypatch.setattr(files, "read_content", lambda file: (names.append(file.name), originals[0](file))[1])
    monkeypatch.setattr(files, "content_hash", lambda path: (names.append(path.name), originals[1](path))[1])
    return names


def touch(path, seconds=5):
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + seconds * 1_000_000_000))


def test_unchanged_files_are_not_read_again(folder, warehouse, files_read):
    folder.write_weeks()
    before = load(warehouse, folder)
    assert sorted(set(files_read)) == [f"transactions_{week}.csv" for week in WEEKS]
    files_read.clear()
    assert load(warehouse, folder) == before
    assert files_read == []


@pytest.mark.parametrize("statement", ["FIND_REPEATS", "LAND_GOOD_LINES", "LAND_CODES"])
def test_files_are_loaded_again_when_lines_are_read_otherwise(folder, warehouse, files_read, monkeypatch, statement):
    folder.write_weeks()
    load(warehouse, folder)
    files_read.clear()
    monkeypatch.setattr(loading.statements, statement, f"/* edited */ {getattr(loading.statements, statement)}")
    load(warehouse, folder)
    assert sorted(files_read) == [f"transactions_{week}.csv" for week in WEEKS]


def test_touched_file_is_hashed_once_and_not_loaded(folder, warehouse, files_read):
    folder.write_weeks()
    load(warehouse, folder)
    load_ids = warehouse.execute(
        "select file_name, rules_hash, loaded_at from landing.lgsr_files order by all"
    ).fetchall()
    files_read.clear()
    touch(folder.path / NAME)
    load(warehouse, folder)
    assert files_read == [NAME]
    load(warehouse, folder)
    assert files_read == [NAME]
    assert (
        warehouse.execute("select file_name, rules_hash, loaded_at from landing.lgsr_files order by all").fetchall()
        == load_ids
    )


def test_changed_file_replaces_its_own_rows(folder, warehouse):
    folder.write_weeks()
    before = load(warehouse, folder)
    path = folder.write_week(WEEK, make_lines(WEEK, 7))
    touch(path)
    assert load(warehouse, folder) == before | {NAME: before[NAME] | {"lines": 7, "loaded": 7}}


def test_vanished_file_keeps_its_rows(folder, warehouse):
    folder.write_weeks()
    before = load(warehouse, folder)
    (folder.path / NAME).unlink()
    assert load(warehouse, folder) == before
    gone = warehouse.execute("select file_name from landing.lgsr_files where not is_in_folder").fetchall()
    assert gone == [(NAME,)]
    folder.write_week(WEEK)
    load(warehouse, folder)
    assert warehouse.execute("select bool_and(is_in_folder) from landing.lgsr_files").fetchall() == [(True,)]


def test_vanished_file_that_other_rules_would_judge_is_named(folder, warehouse, caplog):
    folder.write_weeks(WEEKS[1:])
    folder.write_week(WEEK, [make_line(WEEK, 0, PROD_CODE_30="FUEL"), make_line(WEEK, 1)])
    before = load(warehouse, folder)
    (folder.path / NAME).unlink()
    load(warehouse, folder)
    assert caplog.text == ""
    for _ in range(2):
        assert load(warehouse, folder, excluded_departments=["FUEL"]) == before
        assert f"{NAME} has vanished, and its lines are kept as they were judged" in caplog.text
        assert caplog.text.count("vanished") == 1
        caplog.clear()
    folder.write_week(WEEK, [make_line(WEEK, 0, PROD_CODE_30="FUEL"), make_line(WEEK, 1)], packed=True)
    after = load(warehouse, folder, excluded_departments=["FUEL"])
    assert after[NAME + ".gz"]["reasons"] == {"excluded_department": 1}
    assert caplog.text == ""


def test_packed_file_takes_the_place_of_the_plain_one(folder, warehouse):
    folder.write_weeks()
    before = load(warehouse, folder)
    (folder.path / NAME).unlink()
    folder.write_week(WEEK, packed=True)
    after = load(warehouse, folder)
    assert after.pop(NAME + ".gz") == before.pop(NAME)
    assert after == before


def test_week_by_week_equals_all_at_once(folder, warehouse):
    for week in WEEKS:
        folder.write_week(week)
        load(warehouse, folder)
    at_once = connect()
    load(at_once, folder)
    for table in ("lines", "rejected_lines", "codes"):
        query = f"select * from landing.lgsr_{table} order by all"
        assert warehouse.execute(query).fetchall() == at_once.execute(query).fetchall()


def test_order_of_lines_decides_nothing_but_their_numbers(folder, warehouse):
    lines = make_lines(WEEK)
    lines[0] |= {"PROD_CODE_10": "CL00099"}
    folder.write_week(WEEK, lines)
    load(warehouse, folder)
    query = "select * from landing.lgsr_codes order by all"
    codes = warehouse.execute(query).fetchall()
    touch(folder.write_week(WEEK, lines[::-1]))
    load(warehouse, folder)
    assert warehouse.execute(query).fetchall() == codes


def test_load_asks_for_a_transaction(folder, warehouse):
    from grocery_recommender import ingestion

    with pytest.raises(RuntimeError, match="transaction"):
        ingestion.load_files(warehouse, ingestion.LoadConfig(str(folder.path)), read_calendar(folder.path))


def test_killed_load_leaves_what_was_there(folder, tmp_path):
    database = tmp_path / "warehouse.duckdb"
    warehouse = connect(database)
    folder.write_weeks(WEEKS[:3])
    before = load(warehouse, folder)
    warehouse.close()
    touch(folder.write_week(WEEK, make_lines(WEEK, 7)))
    folder.write_week(WEEKS[3])
    script = """
import os, signal, sys
import lgsr_folder
from grocery_recommender.ingestion import loading
loading._note_folder = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
folder = object.__new__(lgsr_folder.Folder)
folder.path = sys.argv[1]
lgsr_folder.load(lgsr_folder.connect(sys.argv[2]), folder)
"""
    paths = os.pathsep.join(["python", os.path.dirname(lgsr_folder.__file__)])
    killed = subprocess.run(
        [sys.executable, "-c", script, str(folder.path), str(database)],
        cwd=lgsr_folder.PROJECT, env=os.environ | {"PYTHONPATH": paths}, check=False,
    )  # fmt: skip
    assert killed.returncode == -9
    warehouse = connect(database)
    assert outcomes(warehouse) == before
    after = load(warehouse, folder)
    assert after[NAME]["loaded"] == 7
    assert len(after) == 4


def test_file_that_changes_while_it_is_read(folder):
    path = folder.write_week(WEEK)
    file = TransactionFile.at(path)
    folder.write_week(WEEK, make_lines(WEEK, 3))
    with pytest.raises(IngestionError, match="changed while it was read"):
        read_content(file)


def test_every_column_of_the_format_is_known():
    assert [names[0] for names in COLUMNS.values()] == HEADER

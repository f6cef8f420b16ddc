"""The report: self-contained, harmless whatever products are called, and complete for every customer."""

from __future__ import annotations

import base64
import errno
import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml
from conftest import PROJECT
from grocery_recommender import publishing
from grocery_recommender.report import charts
from grocery_recommender.report import page as page_module
from grocery_recommender.report.page import write_report

HOSTILE = "</script><img src=x onerror=alert(1)> שלום 🍎"
MARTS = {
    "recommendations": """select 9 as target_week, 'c' || c as customer_id, p as rank, 'p' || p as product_id,
        1.0 / (p + 1) as purchase_probability, 'Bought <b>often</b>.' as reason
        from range(3) as t(c), range(1, 6) as s(p)""",
    "shopping_lists": """select 9 as target_week, 'c0' as customer_id, 1 as position, 'p1' as product_id,
        0.5 as purchase_probability, 2.0 as typical_quantity, 7 as purchase_cycle_days, 'Every week.' as reason""",
    "personal_flyers": """select 9 as target_week, 'c1' as customer_id, 1 as position, 'p2' as product_id,
        0.4 as purchase_probability, 0.3 as saving, 'On offer.' as reason""",
    "forgotten_items": """select 9 as target_week, '' as customer_id, 1 as position, '' as product_id,
        0.4 as purchase_probability, '' as reason where false""",
    "recommendation_outcomes": """select 8 as target_week, 1 as rank, true as was_bought, false as is_held_out
        where false""",
    "model_performance": """select 8 as prediction_week, model as model_name, 'ranking' as protocol, metric,
        0.2 as metric_value, 0.1 as lower_bound, 0.3 as upper_bound
        from (select unnest(['lightgbm_lambdarank', 'tifu_knn']) as model),
            (select unnest(['ndcg@10', 'recall@10', 'ndcg@10_gain']) as metric)""",
    "model_calibration": """select 8 as prediction_week, b as bin, b / 10 as mean_probability, b / 11 as purchase_rate
        from range(5) as t(b)""",
    "outcome_summary": """select 8 as target_week, 'all' as segment_type, 'all' as segment, 3 as customers, 30 as items,
        0.3 as hit_rate, 1.1 as observed_to_expected where false""",
    "feature_importance": "select 'r' as model_run_id, 'tifu_score' as feature, true as is_used, 0.4 as mean_abs_shap",
    "feature_profile": """select 'score' as week_role, 'tifu_score' as feature, 0.3 as population_stability_index,
        0.1 as missing_share, 0.02 as quantile_50""",
    "model_runs": "select 'r' as model_run_id, 9 as target_week, true as is_in_use, 'binary' as objective",
    "row_reconciliation": """select 'a.csv' as file_name, 10 as lines, 8 as loaded, 1 as anonymous, 1 as rejected,
        1 as duplicates""",
    "products": f"""select 'p' || p as product_id, case p when 1 then '{HOSTILE}' end as product_name,
        'TEA' as subcategory_name, 'DRINKS' as category_name from range(6) as t(p)""",
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("published")
    publishing.publish(duckdb.connect(), MARTS, folder)
    return write_report(folder).read_text()


def packed(page: str) -> dict:
    (content,) = re.findall(r'id="data">([^<]*)<', page)
    return json.loads(gzip.decompress(base64.b64decode(content)))


def test_the_page_asks_nobody_for_anything(page: str) -> None:
    addresses = set(re.findall(r"https?://[\w./]*", page))
    assert {address.split("/")[2] for address in addresses} == {"www.w3.org"}  # names of XML, not places
    assert not re.search(r"<(link|iframe|img)\b|@import|src=", page)
    assert "{{" not in page


def test_names_from_data_cannot_become_markup(page: str) -> None:
    assert HOSTILE not in page
    assert "onerror" not in page
    assert any(HOSTILE in name for name in packed(page)["products"])
    assert "innerHTML =" not in page


def test_tables_of_data_cannot_become_markup(tmp_path: Path) -> None:
    names = "unnest(['a.csv', '<img src=x onerror=alert(1)>.csv']) as file_name"
    marts = {
        "row_reconciliation": MARTS["row_reconciliation"].replace("'a.csv' as file_name", names),
        "recommendation_outcomes": "select 8 as target_week, 1 as rank, true as was_bought, false as is_held_out",
        "outcome_summary": """select 8 as target_week, 'lifestage' as segment_type, '<b>young</b>' as segment,
            3 as customers, 30 as items, 0.3 as hit_rate, 1.1 as observed_to_expected""",
    }
    publishing.publish(duckdb.connect(), MARTS | marts, tmp_path)
    content = write_report(tmp_path).read_text()
    assert "&lt;img src=x onerror=alert(1)&gt;.csv" in content
    assert "&lt;b&gt;young&lt;/b&gt;" in content
    assert "<img" not in content
    assert "<b>" not in content


def test_a_report_that_cannot_be_written_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publishing.publish(duckdb.connect(), MARTS, tmp_path)
    before = write_report(tmp_path).read_text()

    def until_the_disk_is_full(path: Path, text: str) -> None:
        with path.open("w") as file:
            file.write(text[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", until_the_disk_is_full)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text() == before


def test_every_customer_is_there_and_no_product_twice(page: str) -> None:
    content = packed(page)
    lists = content["lists"]
    assert set(lists["You may also like"]) == {"c0", "c1", "c2"}
    assert [len(lists["You may also like"][c]) for c in ("c0", "c1", "c2")] == [4, 4, 5]
    ((product, probability, note),) = lists["This week's list"]["c0"]
    assert (content["products"][product].endswith("p1"), probability) == (True, 0.5)
    assert note == "About 2 at a time. Every week."
    assert lists["On offer for you"]["c1"][0][2].startswith("Save 0.3")


@pytest.mark.parametrize(
    ("quantity", "cycle", "note"),
    [
        ("2.5", "7", "About 2 or 3 at a time. "),
        ("2.0", "7", "About 2 at a time. "),
        ("41.0", "null", ""),
        ("1.0", "7", ""),
    ],
)
def test_what_is_usual_is_no_fraction_and_no_single_purchase(
    tmp_path: Path, quantity: str, cycle: str, note: str
) -> None:
    habits = f"{quantity} as typical_quantity, {cycle} as purchase_cycle_days"
    lists = f"select * replace ({habits}) from ({MARTS['shopping_lists']})"
    publishing.publish(duckdb.connect(), MARTS | {"shopping_lists": lists}, tmp_path)
    ((_, _, said),) = packed(write_report(tmp_path).read_text())["lists"]["This week's list"]["c0"]
    assert said == f"{note}Every week."


def test_lists_are_as_long_as_they_were_published(tmp_path: Path) -> None:
    longer = {
        "shopping_lists": """select 9 as target_week, 'c0' as customer_id, p as position, 'p' || p as product_id,
            0.5 as purchase_probability, 1.0 as typical_quantity, 7 as purchase_cycle_days, 'Every week.' as reason
            from range(1, 61) as t(p)""",
        "recommendations": """select 9 as target_week, 'c0' as customer_id, p as rank, 'p' || p as product_id,
            0.5 as purchase_probability, 'Often.' as reason from range(1, 131) as t(p)""",
    }
    publishing.publish(duckdb.connect(), MARTS | longer, tmp_path)
    lists = packed(write_report(tmp_path).read_text())["lists"]
    assert len(lists["This week's list"]["c0"]) == 60
    assert len(lists["You may also like"]["c0"]) == 70


def test_only_baselines_are_grey() -> None:
    names = ["lightgbm_lambdarank", "lightgbm_binary", "published", "tifu_knn", "als"]
    measured = pd.DataFrame({"model_name": names, "metric_value": 0.2, "lower_bound": 0.1, "upper_bound": 0.3})
    bars = re.findall(r"<path [^>]*model_name: (\w+)\"[^>]*bar[^>]*fill=\"(#\w+)\"", charts.ranking(measured))
    assert dict(bars) == dict(zip(names, [charts.ACCENT] * 3 + [charts.QUIET] * 2, strict=True))


def test_what_is_missing_is_said(page: str) -> None:
    assert "No recommended week is in yet" in page
    assert "leads the best simple rule by +20.0%" in page
    assert page.count("<svg") == 3


def test_what_lies_behind_does_not_lead(tmp_path: Path) -> None:
    behind = f"select * replace (-metric_value as metric_value) from ({MARTS['model_performance']})"
    publishing.publish(duckdb.connect(), MARTS | {"model_performance": behind}, tmp_path)
    assert "lies behind the best simple rule by -20.0%" in write_report(tmp_path).read_text()


def test_data_may_look_like_a_place_of_the_template(tmp_path: Path) -> None:
    files = MARTS["row_reconciliation"].replace("'a.csv'", "unnest(['b.csv', '{{customers}}.csv'])")
    publishing.publish(duckdb.connect(), MARTS | {"row_reconciliation": files}, tmp_path)
    assert "<td>{{customers}}.csv</td>" in write_report(tmp_path).read_text()


def test_a_lead_without_bounds_is_said_without_them(tmp_path: Path) -> None:
    unbounded = "select * replace (null::double as lower_bound, null::double as upper_bound) from ({})"
    marts = MARTS | {"model_performance": unbounded.format(MARTS["model_performance"])}
    publishing.publish(duckdb.connect(), marts, tmp_path)
    assert "leads the best simple rule by +20.0% in NDCG@10.</p>" in write_report(tmp_path).read_text()


def test_a_report_is_of_the_version_that_is_current_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.publish(duckdb.connect(), MARTS, tmp_path)
    quality = page_module._quality

    def while_a_build_publishes(connection: duckdb.DuckDBPyConnection) -> str:
        publishing.publish(duckdb.connect(), MARTS, tmp_path, key="a" * 16)
        return quality(connection)

    monkeypatch.setattr(page_module, "_quality", while_a_build_publishes)
    lists = packed(write_report(tmp_path).read_text())["lists"]
    assert "c0" not in lists["You may also like"]


def test_the_control_group_who_saw_no_list_is_in_no_hit_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = """select 8 as target_week, r as rank, c = 0 or (c = 1 and r = 1) as was_bought, c = 2 as is_held_out
        from range(3) as t(c), range(1, 3) as s(r)"""
    publishing.publish(duckdb.connect(), MARTS | {"recommendation_outcomes": outcomes}, tmp_path)
    drawn: list[pd.DataFrame] = []
    monkeypatch.setattr(charts, "hits_by_rank", lambda rows: drawn.append(rows) or "")
    write_report(tmp_path)
    assert [frame.to_dict("list") for frame in drawn] == [{"rank": [1, 2], "hit_rate": [1.0, 0.5]}]


def test_the_exposure_names_every_mart_that_the_page_reads() -> None:
    exposures = yaml.safe_load((PROJECT / "models/marts/_marts__exposures.yml").read_text())["exposures"]
    (report,) = (exposure for exposure in exposures if exposure["name"] == "weekly_report")
    published_as = {"products": "dim_products"}
    marts = {published_as.get(mart, mart) for mart in MARTS}
    assert {f"ref('{model}')" for model in ("published_marts", *marts)} == set(report["depends_on"])


def test_nothing_published_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `dbt build` first"):
        write_report(tmp_path)


def test_what_has_shifted_is_named(page: str) -> None:
    assert re.search(r"tifu_score</td>\s*<td>0.300", page)


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browse(page: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[str, str, set[str]]]:
    """Open the report in a browser without a window: the document, the console, and all addresses asked for."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    folder = tmp_path_factory.mktemp("browser")

    def open_page(fragment: str, content: str = page) -> tuple[str, str, set[str]]:
        report = folder / "report.html"
        report.write_text(content)
        log = folder / "net.json"
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr")
        result = subprocess.run(
            [
                *(CHROMIUM, *options, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"),
                *("--virtual-time-budget=10000", "--dump-dom", f"file://{report}#{fragment}"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        console = "\n".join(line for line in result.stderr.splitlines() if "CONSOLE" in line)
        requests = (event.get("params", {}) for event in json.loads(log.read_text())["events"])
        # What the browser asks for on its own account has no origin.
        none = "not an origin"
        addresses = {request["url"] for request in requests if request.get("initiator", none) != none}
        return result.stdout, console, addresses

    return open_page


def test_the_browser_would_tell_of_a_request(browse: Callable) -> None:
    _, _, addresses = browse("", "<img src='http://example.invalid/x.png'>")
    assert addresses == {"http://example.invalid/x.png"}


def test_a_browser_opens_it_without_a_request_or_an_error(browse: Callable) -> None:
    document, console, addresses = browse("")
    assert "3 customers; type or pick one." in document
    assert console == ""
    assert addresses == set()


def test_the_selector_finds_a_customer_whose_flyer_shows_only_offers(browse: Callable) -> None:
    document, console, _ = browse("c1")
    lists = re.search(r'<div id="lists"[^>]*>(.*)</div>\s*</section>', document, re.DOTALL)[1]
    flyer = re.search(r"<h3>On offer for you</h3><ol>(.*?)</ol>", lists)[1]
    assert re.findall(r"· (p\d)<", flyer) == ["p2"]
    assert "Save 0.3" in flyer
    assert "<h3>This week's list</h3>" not in lists  # that is another customer's
    assert console == ""
    document, _, _ = browse("nobody")
    assert "No such customer" in document


def test_a_printed_page_says_whose_it_is(page: str, browse: Callable) -> None:
    (hidden,) = re.findall(r"(\S[^\n{}]*) { display: none; }", page)
    assert {"input", "label"} <= set(hidden.split(", ")) <= {".figures", ".hint", "label", "input"}
    heading = r'<h2 id="customer-heading">([^<]*)</h2>'
    assert re.findall(heading, browse("c1")[0]) == ["The week of customer c1"]
    assert re.findall(heading, browse("nobody")[0]) == ["A customer's week"]


def test_names_from_data_stay_text_in_a_browser(browse: Callable) -> None:
    document, _, addresses = browse("c0")
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in document
    assert "<img" not in document
    assert addresses == set()


def test_the_page_is_of_the_latest_week_and_of_what_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marts keep earlier weeks, other protocols, other runs and other roles."""
    earlier = {
        "recommendations": "select 8, 'gone', 1, 'p1', 0.9, 'Old.'",
        "shopping_lists": "select 8, 'c0', 1, 'p5', 0.5, 1.0, 7, 'Old.'",
        "model_performance": """select 8, 'lightgbm_lambdarank', 'ranking_pooled', metric, 0.7, 0.6, 0.8
            from (select unnest(['ndcg@10', 'ndcg@10_gain']) as metric)
            union all select 8, 'lightgbm_binary', 'ranking', 'ndcg@10_gain', 0.9, 0.9, 0.9
            union all select 7, 'lightgbm_lambdarank', 'ranking', 'ndcg@10', 0.7, 0.6, 0.8""",
        "model_calibration": "select 7, 9, 0.9, 0.9",
        "feature_importance": """select 'r', 'unused', false, 0.0 union all select 'old', 'stale', true, 0.9
            union all select 'rank', 'ordered', true, 0.8 union all select 'r', 'steady', true, 0.1""",
        "model_runs": "select 'rank', 9, true, 'lambdarank' union all select 'old', 8, true, 'binary'",
        "feature_profile": """select 'score', 'steady', 0.01, 0.1, 0.02
            union all select 'test', 'tifu_score', 0.7, 0.1, 0.02
            union all select 'score', 'unused', 0.8, 0.1, 0.02""",
    }
    drawn: dict[str, pd.DataFrame] = {}
    for name in ("ranking", "calibration", "importance"):
        draw = getattr(charts, name)
        monkeypatch.setattr(charts, name, lambda rows, name=name, draw=draw: drawn.update({name: rows}) or draw(rows))
    kept = {mart: f"{MARTS[mart]} union all {rows}" for mart, rows in earlier.items()}
    publishing.publish(duckdb.connect(), MARTS | kept, tmp_path)
    content = write_report(tmp_path).read_text()
    lists = packed(content)["lists"]
    assert "gone" not in lists["You may also like"]
    assert len(lists["This week's list"]["c0"]) == 1
    assert "3 customers, 15 recommendations" in content
    assert "leads the best simple rule by +20.0%" in content
    assert drawn["ranking"]["metric_value"].tolist() == [0.2, 0.2]
    assert drawn["calibration"]["bin"].max() == 4
    assert drawn["importance"]["feature"].tolist() == ["tifu_score", "steady", "unused"]
    shifted = re.findall(r"<td>(\w+)</td>\s*<td>(0\.\d+)", content[content.index("population_stability_index") :])
    assert shifted == [("tifu_score", "0.300"), ("steady", "0.010")]

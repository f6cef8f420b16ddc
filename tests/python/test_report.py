"""The report: self-contained, harmless whatever products are called, and complete for every customer."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import duckdb
import pytest
from grocery_recommender import publishing
from grocery_recommender.report.page import write_report

HOSTILE = "</script><img src=x onerror=alert(1)> שלום 🍎"
MARTS = {
    "recommendations": """select 9 as target_week, 'c' || c as customer_id, p as rank, 'p' || p as product_id,
        1.0 / (p + 1) as purchase_probability, 'Bought <b>often</b>.' as reason
        from range(3) as t(c), range(1, 6) as s(p)""",
    "shopping_lists": """select 9 as target_week, 'c0' as customer_id, 1 as position, 'p1' as product_id,
        0.5 as purchase_probability, 2.0 as typical_quantity, 'Every week.' as reason""",
    "personal_flyers": """select 9 as target_week, 'c1' as customer_id, 1 as position, 'p2' as product_id,
        0.4 as purchase_probability, 0.3 as saving, 'On offer.' as reason""",
    "forgotten_items": """select 9 as target_week, '' as customer_id, 1 as position, '' as product_id,
        0.4 as purchase_probability, '' as reason where false""",
    "recommendation_outcomes": "select 8 as target_week, 1 as rank, true as was_bought where false",
    "model_performance": """select 8 as prediction_week, model as model_name, 'ranking' as protocol, metric,
        0.2 as metric_value, 0.1 as lower_bound, 0.3 as upper_bound
        from (select unnest(['lightgbm_lambdarank', 'tifu_knn']) as model),
            (select unnest(['ndcg@10', 'recall@10', 'ndcg@10_gain']) as metric)""",
    "model_calibration": """select 8 as prediction_week, b as bin, b / 10 as mean_probability, b / 11 as purchase_rate
        from range(5) as t(b)""",
    "feature_importance": "select 'r' as model_run_id, 'tifu_score' as feature, 0.4 as mean_abs_shap",
    "model_runs": "select 'r' as model_run_id, 9 as target_week, 'production' as purpose, 'binary' as objective",
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


def test_every_customer_is_there_and_no_product_twice(page: str) -> None:
    content = packed(page)
    lists = content["lists"]
    assert set(lists["You may also like"]) == {"c0", "c1", "c2"}
    assert [len(lists["You may also like"][c]) for c in ("c0", "c1", "c2")] == [4, 4, 5]
    ((product, probability, note),) = lists["This week's list"]["c0"]
    assert (content["products"][product].endswith("p1"), probability) == (True, 0.5)
    assert note == "Usually 2. Every week."
    assert lists["On offer for you"]["c1"][0][2].startswith("Save 0.3")


def test_what_is_missing_is_said(page: str) -> None:
    assert "No recommended week is in yet" in page
    assert "leads the best simple rule by +20.0%" in page
    assert page.count("<svg") == 3


def test_nothing_published_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `dbt build` first"):
        write_report(tmp_path)

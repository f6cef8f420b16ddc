"""The page: figures of a publication, and every customer's list as a grocer would print it."""

from __future__ import annotations

import base64
import gzip
import html
import json
import os
import re
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from grocery_recommender import publishing
from grocery_recommender.report import charts

TEMPLATE = Path(__file__).with_name("page.html")


def write_report(folder: Path) -> Path:
    """Write ``report.html`` from the current publication.

    Parameters
    ----------
    folder
        The publish folder; its ``current`` version is read, never the warehouse.

    Returns
    -------
    pathlib.Path
        The file: self-contained, without scripts or fonts from elsewhere.

    Raises
    ------
    FileNotFoundError
        If nothing has been published there.
    """
    serving = (folder / "current").resolve() / "serving.duckdb"
    if not serving.exists():
        raise FileNotFoundError(f"nothing is published in {folder}: run `dbt build` first, or name another folder")
    with duckdb.connect(str(serving), read_only=True) as connection:
        content = {
            "title": _title(connection),
            "size": _size(connection),
            "ranking": _ranking(connection),
            "outcomes": _outcomes(connection),
            "calibration": _calibration(connection),
            "importance": _importance(connection),
            "drift": _drift(connection),
            "quality": _quality(connection),
            "customers": _packed(customer_lists(connection)),
        }
    # In one pass: what comes from data may look like a place of the template.
    page = re.sub(r"{{(\w+)}}", lambda place: content[place[1]], TEMPLATE.read_text())
    path = folder / "report.html"
    unfinished = folder / publishing.UNFINISHED_REPORT
    unfinished.write_text(page)
    os.replace(unfinished, path)
    if (folder / "current").resolve() != serving.parent:  # under another key, it would say who is behind a pseudonym
        return write_report(folder)
    return path


def customer_lists(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the customer page shows: products once, and each customer's rows by their position.

    Returns
    -------
    dict
        ``products`` (names), ``lists`` (by name of the list, by customer: rows of product, probability, note).
    """
    (target_week,) = connection.execute("select max(target_week) from marts.recommendations").fetchone()
    # A median, which may lie between two purchases; one purchase alone is no habit.
    typical = (
        "case when typical_quantity > 1 and purchase_cycle_days is not null then concat('About ',"
        " cast(floor(typical_quantity) as int), case when typical_quantity > floor(typical_quantity)"
        " then concat(' or ', cast(ceil(typical_quantity) as int)) end, ' at a time. ') end"
    )
    saving = "case when saving > 0 then concat('Save ', saving, '. ') end"
    listed = {
        "This week's list": ("shopping_lists", "position", typical),
        "On offer for you": ("personal_flyers", "position", saving),
        "Did you forget?": ("forgotten_items", "position", "''"),
        "You may also like": ("recommendations", "rank", "''"),
    }
    names = dict(
        connection.execute(
            "select product_id, coalesce(product_name, subcategory_name, category_name, product_id) from marts.products"
        ).fetchall()
    )
    position: dict[str, int] = {}
    shown: set[tuple[str, str]] = set()
    lists: dict[str, dict[str, list[Any]]] = {}
    for title, (mart, place, remark) in listed.items():
        lists[title] = {}
        rows = connection.execute(
            f"select customer_id, product_id, purchase_probability, concat({remark}, reason) from marts.{mart}"
            f" where target_week = ? order by customer_id, {place}",
            [target_week],
        ).fetchall()
        for customer, product, probability, note in rows:
            if (customer, product) in shown and mart == "recommendations":
                continue  # the list above has it
            shown.add((customer, product))
            row = [position.setdefault(product, len(position)), round(float(probability), 5), note]
            lists[title].setdefault(customer, []).append(row)
    return {"products": [f"{names.get(product, product)} · {product}" for product in position], "lists": lists}


def _packed(content: dict[str, Any]) -> str:
    """JSON as compressed base64: small, and nothing in it can end the script that holds it."""
    return base64.b64encode(gzip.compress(json.dumps(content).encode(), mtime=0)).decode()


def _title(connection: duckdb.DuckDBPyConnection) -> str:
    (week,) = connection.execute("select max(target_week) from marts.recommendations").fetchone()
    return f"Week {week}"


def _size(connection: duckdb.DuckDBPyConnection) -> str:
    customers, rows = connection.execute(
        "select count(distinct customer_id), count(*) from marts.recommendations"
        " where target_week = (select max(target_week) from marts.recommendations)"
    ).fetchone()
    return f"{customers:,} customers, {rows:,} recommendations"


def _ranking(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        "select * from marts.model_performance where protocol = 'ranking' and prediction_week ="
        " (select max(prediction_week) from marts.model_performance)"
    ).df()
    ndcg = rows[rows["metric"] == "ndcg@10"]
    if ndcg.empty:
        return _absent("No test week has been measured yet.")
    shown = ["ndcg@10", "recall@10", "precision@10", "hit@10", "recall@10_new"]
    table = rows[rows["metric"].isin(shown)].pivot_table(index="model_name", columns="metric", values="metric_value")
    table = table.reindex(columns=shown).sort_values("ndcg@10", ascending=False)
    gain = rows[(rows["metric"] == "ndcg@10_gain") & (rows["model_name"] == "lightgbm_lambdarank")]
    sentence = f"<p>Measured on week {ndcg['prediction_week'].iloc[0]}, which no model had seen."
    if len(gain):
        row = gain.iloc[0]
        leads = "leads" if row["metric_value"] >= 0 else "lies behind"
        sentence += f" The published order {leads} the best simple rule by {row['metric_value']:+.1%} in NDCG@10"
        if pd.notna(row["lower_bound"]):
            sentence += f" (95 % interval {row['lower_bound']:+.1%} to {row['upper_bound']:+.1%})"
        sentence += "."
    caption = (
        "Longer is better; the line is the 95 % interval over customers. Green are the published lists and the models"
        " behind them, grey the baselines."
    )
    table = table.reset_index().rename_axis(columns=None)
    return sentence + "</p>" + _figure(charts.ranking(ndcg), caption) + _table(table)


def _outcomes(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        "select rank, avg(cast(was_bought as integer)) as hit_rate"
        " from marts.recommendation_outcomes where not is_held_out group by rank order by rank"
    ).df()
    if rows.empty:
        return _absent("No recommended week is in yet: outcomes appear with the next week's data.")
    weeks = connection.execute(
        "select target_week as week, customers, items, hit_rate, observed_to_expected"
        " from marts.outcome_summary where segment_type = 'all' order by target_week desc limit 10"
    ).df()
    segments = connection.execute(
        "select segment_type as of, segment, customers, items, hit_rate, observed_to_expected"
        " from marts.outcome_summary where segment_type <> 'all' and target_week ="
        " (select max(target_week) from marts.outcome_summary) order by segment_type, segment"
    ).df()
    picture = _figure(charts.hits_by_rank(rows), "A good order falls steadily: what stands first is bought most often.")
    sentence = "<p>The first ten items of every list, week by week, and the latest week by segment:</p>"
    return picture + sentence + _table(weeks) + _table(segments)


def _calibration(connection: duckdb.DuckDBPyConnection) -> str:
    bins = connection.execute(
        "select * from marts.model_calibration where prediction_week ="
        " (select max(prediction_week) from marts.model_calibration) order by bin"
    ).df()
    if bins.empty:
        return _absent("No test week has been measured yet.")
    caption = "Each point holds as many candidates as any other. On the dashed line, probabilities are true."
    return _figure(charts.calibration(bins), caption)


def _importance(connection: duckdb.DuckDBPyConnection) -> str:
    features = connection.execute(
        "select feature, mean_abs_shap from marts.feature_importance join marts.model_runs using (model_run_id)"
        " where is_in_use and objective = 'binary' and target_week ="
        " (select max(target_week) from marts.model_runs where is_in_use) order by mean_abs_shap desc, feature limit 20"
    ).df()
    if features.empty:
        return _absent("No model has been fitted yet.")
    return _figure(charts.importance(features), "How far each feature moves a prediction on average, either way.")


def _drift(connection: duckdb.DuckDBPyConnection) -> str:
    features = connection.execute(
        "select feature, population_stability_index, missing_share, quantile_50 as median"
        " from marts.feature_profile join (select distinct feature from marts.feature_importance"
        " join marts.model_runs using (model_run_id) where is_used and is_in_use and target_week ="
        " (select max(target_week) from marts.model_runs where is_in_use)) using (feature)"
        " where week_role = 'score' order by population_stability_index desc, feature limit 10"
    ).df()
    if features.empty:
        return _absent("No model has been fitted yet.")
    sentence = (
        "<p>Of the features that the model uses, those that differ most between the training weeks, which end before"
        " the validation week, and the week that is scored. Below .1 a feature is steady, above .25 it has shifted.</p>"
    )
    return sentence + _table(features)


def _quality(connection: duckdb.DuckDBPyConnection) -> str:
    files = connection.execute("select * from marts.row_reconciliation order by file_name desc").df()
    totals = files[["lines", "loaded", "anonymous", "rejected", "duplicates"]].sum().to_frame().T
    sentence = f"<p>{len(files):,} files; every line is loaded, rejected with a reason, or a duplicate.</p>"
    return sentence + _table(totals) + ("" if len(files) < 2 else _table(files.head(10)))


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _table(rows: pd.DataFrame) -> str:
    return rows.to_html(index=False, border=0, escape=True, float_format=lambda value: f"{value:.3f}", na_rep="-")


def _absent(sentence: str) -> str:
    return f'<p class="absent">{html.escape(sentence)}</p>'

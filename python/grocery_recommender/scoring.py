"""Scores of all candidates of the weeks that are scored in full, streamed from features to table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from grocery_recommender import classifier, runs
from grocery_recommender.prediction_weeks import PredictionWeek
from grocery_recommender.progress import report

BATCH_ROWS = 50_000
PURPOSES = {"validation": "evaluation", "test": "evaluation", "score": "production"}
# Features that the baselines and the reasons are made of: they pass by here once, so nobody joins them again.
FACTS = (
    "tifu_score",
    "neighbour_score",
    "als_score",
    "product_baskets_4_weeks",
    "customer_product_visits_52_weeks",
    "customer_product_visits_decayed_16_weeks",
    "customer_product_median_gap_days",
    "customer_product_days_since_last_purchase",
    "known_offer_mailer_share",
    "known_offer_display_share",
    "known_offer_price_drop_share",
)
SCHEMA = pa.schema(
    [
        ("prediction_week", pa.int32()),
        ("customer_id", pa.string()),
        ("product_id", pa.string()),
        ("candidate_source", pa.string()),
        *((name, pa.float32()) for name in FACTS),
        ("purchase_probability", pa.float64()),
        ("ranking_score", pa.float64()),
        ("model_run_id", pa.string()),
    ]
)


def score_weeks(session: Any, weeks: list[PredictionWeek], features_sql: str, runs_sql: str) -> pa.RecordBatchReader:
    """Score the validation and test weeks with the evaluation run, the target week with the production run.

    Parameters
    ----------
    session
        The connection of the dbt Python model.
    weeks
        The prediction weeks, in order of time; the last one is the target week.
    features_sql, runs_sql
        Queries for ``candidate_features`` and ``classifier_runs``.

    Returns
    -------
    pyarrow.RecordBatchReader
        In ``SCHEMA``, one row per candidate; ``BATCH_ROWS`` rows are in memory at a time.
    """
    connection = session.cursor()
    target_week = weeks[-1].prediction_week
    passed_through = (*classifier.KEYS, "candidate_source", *FACTS)

    def batches() -> Iterator[pa.RecordBatch]:
        for week in weeks:
            if week.week_role not in PURPOSES:
                continue
            started, rows = time.monotonic(), 0
            run_id, binary, ranker = runs.load_boosters(connection, runs_sql, target_week, PURPOSES[week.week_role])
            columns = ", ".join(dict.fromkeys((*passed_through, *binary.feature_name())))
            reader = connection.sql(
                f"select {columns} from ({features_sql}) where prediction_week = ?", params=[week.prediction_week]
            ).to_arrow_reader(BATCH_ROWS)
            for scored in classifier.score_batches(reader, binary, ranker, passed_through):
                rows += scored.num_rows
                yield scored.append_column("model_run_id", pa.repeat(run_id, scored.num_rows)).cast(SCHEMA)
            report(f"scores, week {week.prediction_week}: {rows:,} candidates, {time.monotonic() - started:.1f} s")

    return pa.RecordBatchReader.from_batches(SCHEMA, batches())
